"""What a journal that was restored from a backup says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MAY_BE_DONE: Final = "the journal was restored from a backup: it may have been done since"
"""Of a dead letter."""

RESTORED: Final = "!restored"
"""The kind of a line of the snapshot, without a key: epoch seconds of the last restore."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """
    What became of a restore.

    Attributes:
        set_aside: How many deliveries became dead letters.
        timers: Plugin and name of each timer that became due since, and is set no more.
        kept: Folder with the journal that was there before; `None`: there was none.
        was_compared: There was a manifest, and the backup is what it says.
    """

    set_aside: int
    timers: Sequence[tuple[str, str]]
    kept: Path | None
    was_compared: bool
