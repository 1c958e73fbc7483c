"""The file that was in a journal's place, kept when another one is put there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mycel_runtime.journal.sqlite.backup import give_to_owner, sync

if TYPE_CHECKING:
    from pathlib import Path


def keep(journal: Path, why: str, now: float) -> Path | None:
    """
    Link what is there into a folder of its own, so that at no moment there is no journal.

    Args:
        journal: Its file, which need not be there.
        why: Of the folder's name.
        now: Epoch seconds.

    Returns:
        The folder.
    """
    if not journal.exists():
        return None
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    folder = journal.with_name(f"journal.{why}-{stamp}")
    number = 1
    while folder.exists():
        number += 1
        folder = journal.with_name(f"journal.{why}-{stamp}-{number}")
    folder.mkdir(mode=0o700)
    for suffix in ("", "-wal"):
        file = journal.with_name(journal.name + suffix)
        if file.exists():
            (folder / file.name).hardlink_to(file)
    give_to_owner(folder)
    sync(folder)
    return folder
