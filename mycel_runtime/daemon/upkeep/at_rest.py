"""
A journal while no daemon is at work on it.

It is read without its lock, by a connection that can only read; and changed under its lock, by the verbs of a running
agent: whoever starts a daemon meanwhile is told that it is held.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.daemon.state_dir import make_state_dir
from mycel_runtime.daemon.upkeep.journal_admin import (
    JournalAdmin,
    item_row,
    letter_row,
    timer_row,
    unresolved_row,
)
from mycel_runtime.daemon.upkeep.work_row import WORK_LIMIT, work_row
from mycel_runtime.errors import NoDaemonError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from mycel_runtime.journal.port.engine import JournalEngine
    from mycel_runtime.journal.port.journal import Journal
    from mycel_runtime.journal.port.reader import JournalReader
    from mycel_runtime.wire.ids import UserId

CHANGING: Final = frozenset({"settle", "retry", "drop", "clear", "hasten", "skip"})
"""Verbs of `JournalAdmin` that change something."""

_OF_WORK: Final = frozenset({"hasten", "skip"})
"""Those of them that are about what waits: what ran when its process died waits, too."""


def list_at_rest(engine: JournalEngine, verb: str) -> list[dict[str, Any]]:
    """
    What a verb of `Admin` lists, of each identity in the journal; nothing without a journal.

    Args:
        engine: Keeps the agent's journal.
        verb: One that changes nothing.

    Raises:
        JournalError, JournalFileError: The journal cannot be read.
    """
    reader = engine.reader
    return [row for me in reader.identities() for row in _listed(reader, me, verb)]


def _listed(reader: JournalReader, me: UserId, verb: str) -> list[dict[str, Any]]:
    match verb:
        case "dead":
            return [letter_row(letter) for letter in reader.dead_letters(me)]
        case "unresolved":
            return [unresolved_row(intent) for intent in reader.unresolved(me)]
        case "stores":
            return [store._asdict() for store in reader.stores(me)]
        case "items":
            return [item_row(item) for item in reader.all_items(me)]
        case "work":
            # What ran when its process died runs no more: the next start makes it due.
            items = [replace(item, state="due") for item in reader.work(me, limit=WORK_LIMIT)]
            return [work_row(item, now=reader.now()) for item in items]
        case "timers":
            return [timer_row(timer) for timer in reader.timers(me)]
        case _:
            raise ValueError(verb)


def change_at_rest(engine: JournalEngine, verb: str, *, death_pause: float = 0.0, **arguments: Any) -> Any:
    """
    Do a verb of `CHANGING`, under the journal's lock.

    A journal of an earlier version is brought up to date by it, as by a daemon's start.

    Args:
        engine: Keeps the agent's journal.
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
    return asyncio.run(_change(engine, verb, arguments, death_pause))


@contextlib.asynccontextmanager
async def journal_at_rest(engine: JournalEngine) -> AsyncIterator[tuple[Journal, Sequence[UserId]]]:
    """
    The journal, open and locked, and whose work is in it.

    Raises:
        NoDaemonError: There is nothing in it, or no journal.
        IdentityHeldError: A process is at work on it.
        JournalError, JournalFileError: It cannot be opened.
    """
    identities = await asyncio.to_thread(engine.reader.identities)
    if not identities:
        raise NoDaemonError(f"{engine.where}: no daemon answers here, and the agent has never heard anything")
    async with engine.opened() as journal:
        yield journal, identities


@contextlib.asynccontextmanager
async def pausable_journal(engine: JournalEngine) -> AsyncIterator[tuple[Journal, Sequence[UserId]]]:
    """
    As `journal_at_rest`; also of an agent that has never heard anything, whose pauses are `NOBODY`'s until its start.

    Raises:
        NoDaemonError: There is no journal.
        IdentityHeldError, JournalError, JournalFileError: As of `journal_at_rest`.
    """
    if not await asyncio.to_thread(engine.exists):
        raise NoDaemonError(f"{engine.where}: no daemon answers here, and the agent has never run")
    async with engine.opened() as journal:
        yield journal, await asyncio.to_thread(engine.reader.pausable)


def make_journal(engine: JournalEngine, state_dir: Path) -> None:
    """
    Make the journal of an agent that has never run, and its folder, if they are not there; blocking.

    Raises:
        StateDirectoryError: The folder is another user's, or cannot be made.
        JournalError: The journal cannot be made.
    """
    make_place(state_dir)
    engine.make()


def make_place(state_dir: Path) -> None:
    """
    Make the folder of an agent that has never run here, if it is not there; root makes nothing in another user's.

    Raises:
        StateDirectoryError: It is another user's, or cannot be made.
    """
    if os.geteuid() or not state_dir.is_dir():
        make_state_dir(state_dir)


async def _change(engine: JournalEngine, verb: str, arguments: dict[str, Any], death_pause: float) -> Any:
    async with journal_at_rest(engine) as (journal, identities):
        answers = []
        for me in identities:
            if verb in _OF_WORK:
                await journal.recover(me, death_pause=death_pause)
            admin = JournalAdmin(journal, me)
            answers.append(await getattr(admin, verb)(**arguments))
        return sum(answers) if verb == "clear" else next(filter(None, answers), answers[0])
