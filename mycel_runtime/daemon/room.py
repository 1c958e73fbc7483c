"""
A full disk at the start: waited for, as a backend is that does not answer.

Ending would not help, and a supervisor that starts a daemon again and again gives up after some starts: then
the agent would stay away when there is room again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from typing import TYPE_CHECKING, Final

from mycel_runtime.daemon import systemd
from mycel_runtime.journal.disk_room import PROBE_BYTES, lacks_room
from mycel_runtime.observe.facts import DiskFreed, DiskFull

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mycel_runtime.daemon.signals import StopRequest
    from mycel_runtime.observe.observer import Observer

_LEAST_FILES: Final = 16

_LOOK_SECONDS: Final = 5.0

_EXTENSION_SECONDS: Final = 60.0
"""More that the supervisor gives the start each time that we have looked."""


def shortage(room: os.statvfs_result) -> str:
    """What a file system lacks for a start, in words; empty if it has room, or does not count it."""
    free = room.f_bavail * room.f_frsize
    if room.f_blocks and free < PROBE_BYTES:
        return f"{free / 1e6:.1f} MB are free"
    if room.f_files and room.f_favail < _LEAST_FILES:
        return f"{room.f_favail} more files can be made"
    return ""


async def wait_for_room(
    place: Path,
    observer: Observer,
    stop: StopRequest,
    *,
    measure: Callable[[Path], os.statvfs_result] = os.statvfs,
    is_refused: Callable[[Path], bool] = lacks_room,
    look_seconds: float = _LOOK_SECONDS,
) -> bool:
    """
    Wait until there is room. At once where there is, or nobody can tell; a busy disk takes its time to tell.

    Args:
        place: The state directory, which need not be there yet.
        observer: Told once of what is missing, and once that it is there.
        stop: Of the process; ends the wait.
        measure: How much room there is where a folder lies.
        is_refused: Whether no file can be made there for all that, as where the user's quota is used up.
        look_seconds: Between two looks.

    Returns:
        False if a stop was asked for before there was room.

    Cancelling:
        Nothing is held.
    """
    folder = next((folder for folder in (place, *place.parents) if folder.is_dir()), place)
    began = time.monotonic()
    is_told = False
    while missing := await asyncio.to_thread(_missing, folder, measure, is_refused):
        if not is_told:
            observer.tell(DiskFull(where=str(folder), detail=missing))
            is_told = True
        systemd.notify(systemd.extended(_EXTENSION_SECONDS))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(look_seconds):
                await stop.wait_asked()
                return False
    if is_told:
        observer.tell(DiskFreed(waited=round(time.monotonic() - began, 3)))
    return True


def _missing(
    folder: Path, measure: Callable[[Path], os.statvfs_result], is_refused: Callable[[Path], bool]
) -> str:
    try:
        missing = shortage(measure(folder))
    except OSError:
        return ""  # Whoever uses the folder next tells what is wrong with it.
    return missing or ("this user may take no more" if is_refused(folder) else "")
