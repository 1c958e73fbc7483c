"""What a journal that was restored from a backup says of itself."""

from __future__ import annotations

from typing import Final

MAY_BE_DONE: Final = "the journal was restored from a backup: it may have been done since"
"""Of a dead letter."""

RESTORED: Final = "!restored"
"""The kind of a line of the snapshot, without a key: epoch seconds of the last restore."""
