"""
Which engine keeps an agent's journal: the only place that names one.

There is one so far, a SQLite file in the state directory, so that nothing is chosen. The section `[engine]` of the
settings is reserved for what will choose; until then it is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from mycel_runtime.journal.sqlite import KEPT_TURNS, SqliteJournal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from mycel_runtime.journal.port.journal import Journal


@contextlib.asynccontextmanager
async def opened_journal(
    state_dir: Path,
    *,
    on_lock: Callable[[float | None], None] = lambda _: None,
    on_commit: Callable[[float, int], None] = lambda _seconds, _operations: None,
    kept_turns: int = KEPT_TURNS,
) -> AsyncIterator[Journal]:
    """
    The journal, open and ours until the block ends.

    Args:
        state_dir: The agent's; exists.
        on_lock: Told, in another thread, that somebody else keeps us from writing; then, for how many seconds.
        on_commit: Told, in another thread, for how many seconds a group of so many operations was written.
        kept_turns: How many turns the log keeps; 0: there is none.

    Raises:
        IdentityHeldError: Another process has it.
        JournalFileError, JournalError: It is none of ours, or cannot be opened.

    Cancelling: it is closed.
    """
    journal = SqliteJournal(state_dir, on_lock=on_lock, on_commit=on_commit, kept_turns=kept_turns)
    await asyncio.to_thread(journal.open)
    try:
        yield journal
    finally:
        await journal.close()
