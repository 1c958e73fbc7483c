"""What is heard in a lane of which a delivery runs wakes nobody: its end does, and nothing is left behind."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mycel_runtime.journal.batch import Batch
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from tests.engines.listening import append
from tests.integration.journal.samples import (
    ME,
    arrivals,
    bury,
    chat_work,
    claim,
    claim_one,
    entry,
    event_work,
    finish,
)


@pytest.fixture
async def journal(tmp_path):
    opened = SqliteJournal(tmp_path)
    opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def woken(journal):
    """How often whoever claims was woken."""
    times = []
    journal.on_work(ME, SimpleNamespace(wake=lambda: times.append(True)))
    return times


async def hear(journal, *hints, events=(), seq=1):
    heard = arrivals(entry(seq), events=events)
    await append(journal, Batch(identity=ME, arrivals=heard, hints=hints))


async def running(journal):
    await hear(journal, chat_work(1))
    return await claim_one(journal)


ENDS = {
    "finished": lambda journal, delivery: finish(journal, delivery, 1),
    "buried": lambda journal, delivery: bury(journal, delivery, 1),
    "postponed": lambda journal, delivery: journal.postpone(delivery, after=0.0, spend=True),
    "not paused": lambda journal, delivery: journal.await_resume(delivery),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
async def test_what_is_heard_of_a_running_lane_wakes_by_its_end(journal, woken, end):
    delivery = await running(journal)
    woken.clear()
    await hear(journal, chat_work(2), seq=2)
    assert woken == []

    await end(journal, delivery)

    assert woken == [True]
    (again,) = await claim(journal)
    assert again.wanted_seq == 2


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
async def test_what_is_heard_after_the_end_wakes(journal, woken, end):
    delivery = await running(journal)
    await end(journal, delivery)
    woken.clear()

    await hear(journal, chat_work(2), seq=2)

    assert woken == [True]


async def test_what_is_heard_while_an_end_is_on_its_way_wakes(journal, woken):
    """Its claim comes behind both."""
    delivery = await running(journal)
    woken.clear()
    ending = finish(journal, delivery, 1)
    ending.send(None)

    await hear(journal, chat_work(2), seq=2)

    assert woken == [True, True]
    assert [each.wanted_seq for each in await claim(journal)] == [2]
    ending.close()


async def test_another_lane_and_an_event_wake(journal, woken):
    await running(journal)
    woken.clear()

    await hear(journal, chat_work(2), chat_work(1, chat="other"), seq=2)
    await hear(journal, chat_work(3), events=[event_work()], seq=3)

    assert woken == [True, True]
    assert {each.lane for each in await claim(journal)} == {"chat:other", "inbox"}
