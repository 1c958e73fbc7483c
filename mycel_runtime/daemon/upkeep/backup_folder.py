"""A folder of an agent's backups, by the time at which each was made; the oldest go."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import BackupError
from mycel_runtime.journal.sqlite.backup import manifest_of
from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

_TIME: Final = "%Y%m%dT%H%M%SZ"
"""Of UTC, so that the order of names is that of times."""

_TIME_PATTERN: Final = r"\d{8}T\d{6}Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupFolder:
    """
    Of one agent, beside whatever else is in it.

    Attributes:
        path: Of the folder.
        agent: The agent's name.
    """

    path: Path
    agent: str

    def make(self) -> None:
        """
        Make the folder, for its owner only, if it is not there.

        Raises:
            BackupError: It cannot be made, or is a file.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as exc:
            raise BackupError(
                f"the folder cannot be made: {exc.strerror}",
                where=str(self.path),
                fix="Name another folder with --into.",
            ) from exc

    def next_file(self, now: float) -> Path:
        """
        Where a backup goes that is made now.

        Args:
            now: Epoch seconds.
        """
        return self.path / f"{self.agent}-{time.strftime(_TIME, time.gmtime(now))}.backup"

    def remove_oldest(self, keep: int) -> int:
        """
        Remove all but the newest ones, and their manifests; how many went.

        Args:
            keep: How many stay; at least 1.

        Raises:
            BackupError: One cannot be removed.
        """
        surplus = surplus_of([path.name for path in self.path.iterdir()], self.agent, keep)
        try:
            for name in surplus:
                # Its manifest last: what is left by an end in between is no backup that looks whole.
                (self.path / name).unlink(missing_ok=True)
                manifest_of(self.path / name).unlink(missing_ok=True)
        except OSError as exc:
            raise BackupError(
                f"an old backup cannot be removed: {exc.strerror}",
                where=str(exc.filename),
                fix="Remove it, or give --into a folder of your own.",
            ) from exc
        return len(surplus)


def surplus_of(names: Collection[str], agent: str, keep: int) -> list[str]:
    """
    The backups of an agent that are older than its newest ones, oldest first.

    Args:
        names: Of all files of the folder; whatever is not named as `next_file` does is none of them.
        agent: The agent's name.
        keep: How many of the newest stay.
    """
    named = re.compile(rf"{re.escape(agent)}-{_TIME_PATTERN}\.backup")
    return sorted(name for name in names if named.fullmatch(name))[:-keep]
