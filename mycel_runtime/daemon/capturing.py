"""The capture of one daemon: begun, or removed, as its owner wants it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from mycel_runtime.journal.capture_file import CAPTURE_NAME, CaptureFile, remove_capture
from mycel_runtime.observe.facts import CaptureFailed, CaptureKept, CaptureRemoved

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.settings import JournalSettings


@contextlib.asynccontextmanager
async def open_capture(
    state_dir: Path, settings: JournalSettings, observer: Observer
) -> AsyncIterator[CaptureFile | None]:
    """
    Where what runs are shown is kept; `None`: nowhere, and what an earlier daemon has kept is removed.

    Args:
        state_dir: Ours: its journal is locked.
        settings: Whether, and how many.
        observer: Told of what cannot be kept or removed.
    """

    def tell(reason: str) -> None:
        observer.tell(CaptureFailed(reason=reason))

    path = state_dir / CAPTURE_NAME
    if not settings.capture:
        try:
            if await asyncio.to_thread(remove_capture, path):
                observer.tell(CaptureRemoved(file=str(path)))
        except OSError as exc:
            tell(f"{path} cannot be removed: {exc.strerror}")
        yield None
        return
    file = CaptureFile(
        path,
        kept_runs=settings.kept_turns,
        on_failure=tell,
        on_recovery=lambda: observer.tell(CaptureKept()),
    )
    try:
        yield file
    finally:
        await asyncio.to_thread(file.close)
