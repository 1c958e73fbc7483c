"""Which file a journal at rest was: what is known of it in memory is true of no other one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mycel_runtime.errors import JournalError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self


class LeftFile(NamedTuple):
    """
    A file that was closed, to be opened again by the same process.

    Attributes:
        device, number: As the system tells files apart; `None`: it was gone already.
    """

    device: int | None
    number: int | None

    @classmethod
    def of(cls, path: Path) -> Self:
        """The file that is there now."""
        try:
            found = path.stat()
        except OSError:
            return cls(None, None)
        return cls(found.st_dev, found.st_ino)

    def require(self, path: Path) -> None:
        """
        Refuse another file in its place, and none.

        Raises:
            JournalError: It is so.
        """
        if self == (None, None) or self != LeftFile.of(path):
            raise JournalError(
                f"{path}: it was removed or replaced while its daemon runs\n"
                "  To put a backup in its place, stop the agent and use mycel-runtime restore."
            )
