"""By what the journal tells things apart."""

from __future__ import annotations

import functools
from typing import NewType

EntryId = NewType("EntryId", int)
"""A journaled frame, in order of arrival."""

DeliveryId = NewType("DeliveryId", int)
"""A delivery; never used again after it is deleted."""

HandlerId = NewType("HandlerId", str)
"""`plugin.handler`: stable across restarts, because cursors hang on it."""


@functools.lru_cache(1_024)
def plugin_of(handler: HandlerId) -> str:
    """The name of a handler's plugin."""
    return handler.partition(".")[0]


Lane = NewType("Lane", str)
"""What must be in order: `chat:<id>`, `relationship:<id>`, `timer:<plugin>.<name>`, `inbox`."""
