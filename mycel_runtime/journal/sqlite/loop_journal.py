"""The embedded engine for a test of handlers: without threads, whose time passes when the test says so."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.journal.sqlite.loop_writer import LoopWriter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from mycel_runtime.journal.port.journal import Journal


@contextlib.asynccontextmanager
async def opened_in_loop(state_dir: Path, *, clock: Callable[[], float]) -> AsyncIterator[Journal]:
    """
    The journal, open in the thread of the loop until the block ends.

    Args:
        state_dir: Exists.
        clock: Epoch seconds; the store's.

    Raises:
        IdentityHeldError, JournalFileError, JournalError: As of `JournalEngine.opened`.

    Cancelling: it is closed.
    """
    journal = SqliteJournal(state_dir, clock=clock, writer=LoopWriter)
    journal.open()
    try:
        yield journal
    finally:
        await journal.close()
