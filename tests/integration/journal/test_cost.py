"""What a verb costs does not grow with what waits: counted in SQLite's own steps, which no other load changes."""

from __future__ import annotations

import contextlib

import pytest

from mycel_runtime.journal.own_sends import Unattended
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from tests.engines.store_clock import StoreClock, at
from tests.integration.journal.samples import (
    ME,
    claim,
    claim_one,
    finish,
    handle_through,
    happen,
    intent,
    want,
)

FEW, MANY = 10, 100
LIMITS = Unattended(turns=6, chat_sends=30, plugin_sends=300)


async def steps(journal, verb):
    """How many steps of SQLite's machine a verb takes, give or take the jumps between."""
    taken = 0

    def count():
        nonlocal taken
        taken += 1

    await journal._writer.submit(lambda connection: connection.set_progress_handler(count, 1))
    await verb
    await journal._writer.submit(lambda connection: connection.set_progress_handler(None, 1))
    return taken


@contextlib.asynccontextmanager
async def opened(folder):
    folder.mkdir()
    journal = SqliteJournal(folder, clock=StoreClock())
    journal.open()
    try:
        yield journal
    finally:
        await journal.close()


async def one_lane(journal, count):
    await happen(journal, *range(1, count + 1), lane="chat:c", chat="c")
    await want(journal, 1, chat="other")
    return claim(journal)


async def running_lane(journal, count):
    await happen(journal, *range(1, count + 1), lane="chat:c", chat="c")
    await claim_one(journal)
    await want(journal, 1, chat="other")
    return claim(journal)


async def lanes(journal, count):
    for number in range(count):
        await happen(journal, number + 1, lane=f"chat:{number}", chat=f"c{number}")
    return claim(journal, limit=3)


async def chats(journal, count):
    for number in range(count):
        await handle_through(journal, 1, chat=f"c{number}")
    await want(journal, 1, chat="other")
    return claim(journal)


async def another_event(journal, count):
    await happen(journal, *range(1, count + 1), lane="chat:c", chat="c")
    return happen(journal, count + 1, lane="chat:c", chat="c")


async def the_first_events_end(journal, count):
    await happen(journal, *range(1, count + 1), lane="chat:c", chat="c")
    return finish(journal, await claim_one(journal))


async def old_intents(journal, count):
    """Of other chats, but for a few that count."""
    await want(journal, 1)
    delivery = await claim_one(journal)
    for ordinal in range(count):
        is_here = ordinal < FEW
        said = {"chat_id": "c" if is_here else f"c{ordinal}", "intended_at": 99.0 if is_here else 1.0}
        await journal.intend(
            delivery, intent(delivery, ordinal, handler="p.messages", is_unattended=True, **said)
        )
    return at(journal, 100.0).unattended(delivery, plugin="p", within=50.0, limits=LIMITS)


@pytest.mark.slow
@pytest.mark.parametrize(
    "work", [one_lane, running_lane, lanes, chats, another_event, the_first_events_end, old_intents]
)
async def test_a_verb_costs_the_same_beside_few_and_many(tmp_path, work):
    costs = []
    for count in (FEW, MANY):
        async with opened(tmp_path / str(count)) as journal:
            await journal.recover(ME)
            costs.append(await steps(journal, await work(journal, count)))

    assert costs[1] <= 1.1 * costs[0]
