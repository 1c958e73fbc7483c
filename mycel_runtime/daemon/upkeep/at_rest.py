"""
A journal while no daemon is at work on it.

It is read without its lock, by a connection that can only read; and changed under its lock, by the verbs of a running
agent: whoever starts a daemon meanwhile is told that it is held.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.daemon.state_dir import JOURNAL_NAME, make_state_dir
from mycel_runtime.daemon.upkeep.journal_admin import (
    JournalAdmin,
    item_row,
    letter_row,
    timer_row,
    unresolved_row,
)
from mycel_runtime.daemon.upkeep.work_row import WORK_LIMIT, work_row
from mycel_runtime.errors import NoDaemonError
from mycel_runtime.journal.backup import give_to_owner
from mycel_runtime.journal.engines import opened_journal
from mycel_runtime.journal.lock import FILE_NAME as LOCK_NAME
from mycel_runtime.journal.pause import NOBODY
from mycel_runtime.journal.reader import (
    read_dead_letters,
    read_identities,
    read_items,
    read_stores,
    read_timers,
    read_unresolved,
    read_work,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from mycel_runtime.journal.port.journal import Journal
    from mycel_runtime.wire.ids import UserId

CHANGING: Final = frozenset({"settle", "retry", "drop", "clear", "hasten", "skip"})
"""Verbs of `JournalAdmin` that change something."""

_OF_WORK: Final = frozenset({"hasten", "skip"})
"""Those of them that are about what waits: what ran when its process died waits, too."""


def list_at_rest(state_dir: Path, verb: str) -> list[dict[str, Any]]:
    """
    What a verb of `Admin` lists; nothing without a journal.

    Args:
        state_dir: The agent's.
        verb: One that changes nothing.

    Raises:
        JournalError, JournalFileError: The journal cannot be read.
    """
    path = state_dir / JOURNAL_NAME
    match verb:
        case "dead":
            return [letter_row(letter) for letter in read_dead_letters(path)]
        case "unresolved":
            return [unresolved_row(intent) for intent in read_unresolved(path)]
        case "stores":
            return [store._asdict() for store in read_stores(path)]
        case "items":
            return [item_row(item) for item in read_items(path)]
        case "work":
            # What ran when its process died runs no more: the next start makes it due.
            items = [replace(item, state="due") for item in read_work(path, WORK_LIMIT)]
            return [work_row(item, now=time.time()) for item in items]
        case "timers":
            return [timer_row(timer) for timer in read_timers(path)]
        case _:
            raise ValueError(verb)


def change_at_rest(state_dir: Path, verb: str, *, death_pause: float = 0.0, **arguments: Any) -> Any:
    """
    Do a verb of `CHANGING`, under the journal's lock.

    A journal of an earlier version is brought up to date by it, as by a daemon's start.

    Args:
        state_dir: The agent's.
        verb: Of `CHANGING`.
        death_pause: As of `Journal.recover`, which verbs of work begin with.
        arguments: The verb's.

    Returns:
        What it answers; of several identities in the journal, the answer of the one that it was about, or their sum.

    Raises:
        IdentityHeldError: A process is at work on it, be it that it cannot be asked yet.
        NoDaemonError: There is nothing in it, or no journal.
        JournalError, JournalFileError: It cannot be opened.
    """
    return asyncio.run(_change(state_dir, verb, arguments, death_pause))


@contextlib.asynccontextmanager
async def journal_at_rest(state_dir: Path) -> AsyncIterator[tuple[Journal, Sequence[UserId]]]:
    """
    The journal, open and locked, and whose work is in it.

    Raises:
        NoDaemonError: There is nothing in it, or no journal.
        IdentityHeldError: A process is at work on it.
        JournalError, JournalFileError: It cannot be opened.
    """
    path = state_dir / JOURNAL_NAME
    identities = read_identities(path)
    if not identities:
        raise NoDaemonError(f"{path}: no daemon answers here, and the agent has never heard anything")
    async with _opened(state_dir) as journal:
        yield journal, identities


@contextlib.asynccontextmanager
async def pausable_journal(state_dir: Path) -> AsyncIterator[tuple[Journal, Sequence[UserId]]]:
    """
    As `journal_at_rest`; also of an agent that has never heard anything, whose pauses are `NOBODY`'s until its start.

    Raises:
        NoDaemonError: There is no journal.
        IdentityHeldError, JournalError, JournalFileError: As of `journal_at_rest`.
    """
    path = state_dir / JOURNAL_NAME
    if not path.exists():
        raise NoDaemonError(f"{path}: no daemon answers here, and the agent has never run")
    async with _opened(state_dir) as journal:
        yield journal, read_identities(path) or [NOBODY]


def make_journal(state_dir: Path) -> None:
    """
    Make the journal of an agent that has never run, and its folder, if they are not there; blocking.

    Root makes it for the user whose folder it is, as SQLite makes its own files.

    Raises:
        StateDirectoryError: The folder is another user's, or cannot be made.
    """
    if os.geteuid() or not state_dir.is_dir():
        make_state_dir(state_dir)
    path = state_dir / JOURNAL_NAME
    if not path.exists():
        path.touch(mode=0o600)
        give_to_owner(path)


@contextlib.asynccontextmanager
async def _opened(state_dir: Path) -> AsyncIterator[Journal]:
    give_lock_to_owner(state_dir)
    async with opened_journal(state_dir) as journal:
        yield journal


def give_lock_to_owner(state_dir: Path) -> None:
    """Make the lock's file before root does, if it is another user's folder; SQLite minds its own files."""
    lock = state_dir / LOCK_NAME
    if not lock.exists() and os.geteuid() == 0:
        lock.touch(mode=0o600)
        give_to_owner(lock)


async def _change(state_dir: Path, verb: str, arguments: dict[str, Any], death_pause: float) -> Any:
    async with journal_at_rest(state_dir) as (journal, identities):
        answers = []
        for me in identities:
            if verb in _OF_WORK:
                await journal.recover(me, death_pause=death_pause)
            admin = JournalAdmin(journal, me)
            answers.append(await getattr(admin, verb)(**arguments))
        return sum(answers) if verb == "clear" else next(filter(None, answers), answers[0])
