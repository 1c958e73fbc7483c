"""
Files of agents are looked at every few seconds, and read again when they have changed, come or gone.

By looking, and not by the kernel's notices: those do not come from network file systems, nor for a folder that is
mounted anew. Whoever writes a file writes it in steps: what has changed is read when it has rested for one look.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping
    from pathlib import Path

LOOK_SECONDS: Final = 2.0

Look: TypeAlias = "Mapping[Path, tuple[int, ...]]"
"""Of each file that there is: when it was changed, in nanoseconds, its size, and which one it is."""


class FileWatch:
    """
    What has been seen.

    Args:
        before: As the files were when they were read.
    """

    def __init__(self, before: Look) -> None:
        self._read = self._before = before

    def changed(self, now: Look) -> frozenset[Path]:
        """Those that have changed, come or gone since they were read, once nothing has moved since the last look."""
        is_moving, self._before = now != self._before, now
        if is_moving or now == self._read:
            return frozenset()
        read, self._read = self._read, now
        return frozenset(path for path in {*read, *now} if read.get(path) != now.get(path))


def look_at(files: Collection[Path]) -> Look:
    """As they are now; blocking."""
    found: dict[Path, tuple[int, ...]] = {}
    for path in files:
        with contextlib.suppress(OSError):
            told = path.stat()
            found[path] = (told.st_mtime_ns, told.st_size, told.st_ino)
    return found


async def watch(
    files: Callable[[], Collection[Path]],
    ask: Callable[[frozenset[Path]], None],
    *,
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """
    Have files read again as they change, until cancelled.

    Args:
        files: Those that there are; blocking.
        ask: Told which have changed, come or gone.
        pause: Waits so many seconds.
    """

    def look() -> Look:
        return look_at(files())

    watched = FileWatch(await asyncio.to_thread(look))
    while True:
        await pause(LOOK_SECONDS)
        if changed := watched.changed(await asyncio.to_thread(look)):
            ask(changed)
