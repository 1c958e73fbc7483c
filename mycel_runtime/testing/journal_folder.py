"""
Where the journals of a test are: real files, in memory where the system has a place for them.

A reply is some commits, each of which waits for the disk. How long a disk takes is nothing that a plugin's test is
about, and on a busy machine it is most of what such a test takes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

IN_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of its own is made there
"""Source: Linux, `shm_overview(7)`."""

_ROOM_BYTES: Final = 32 * 1024 * 1024
"""That must be free there: containers have little of it."""


@contextlib.contextmanager
def journal_folder(in_memory: Path = IN_MEMORY) -> Iterator[Path]:
    """
    A folder of one test's own, for as long as the block runs.

    Args:
        in_memory: Where it is, if that can be used and has room; else among the temporary files.
    """
    place = in_memory if _is_usable(in_memory) else None
    with tempfile.TemporaryDirectory(prefix="mycel-", dir=place, ignore_cleanup_errors=True) as made:
        yield Path(made)


def _is_usable(place: Path) -> bool:
    try:
        return os.access(place, os.W_OK | os.X_OK) and shutil.disk_usage(place).free > _ROOM_BYTES
    except OSError:
        return False
