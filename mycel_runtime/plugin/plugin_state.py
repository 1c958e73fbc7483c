"""What a run is given of what its plugin remembers and may plan."""

from __future__ import annotations

import time
from dataclasses import field
from typing import TYPE_CHECKING, Final

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.stored_items import StoredItems

if TYPE_CHECKING:
    from collections.abc import Callable

    from mycel_runtime.wire.ids import ChatId


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginState:
    """
    Of one plugin, and of one chat if the run is about one.

    Attributes:
        items, chat_items: What is there, by key; what others commit meanwhile may appear in it.
        timer_names: Timers that the plugin handles.
        question_names: Questions whose answers it handles.
        clock: Epoch seconds.
        is_still: The clock stands where it is, as that of a replayed run.
    """

    items: StoredItems = field(default_factory=StoredItems, repr=False)
    chat_id: ChatId | None = None
    chat_items: StoredItems = field(default_factory=StoredItems, repr=False)
    timer_names: frozenset[str] = frozenset()
    question_names: frozenset[str] = frozenset()
    clock: Callable[[], float] = time.time
    is_still: bool = False


NOTHING: Final = PluginState()
"""Of a plugin that remembers nothing and handles no timer."""
