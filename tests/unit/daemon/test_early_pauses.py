"""What is paused while the backend has not answered, and what an order comes too late for."""

from __future__ import annotations

import pytest

from mycel_runtime.daemon.early_pauses import EarlyPauses
from mycel_runtime.journal.batch import Batch
from mycel_runtime.journal.engines import engine_of
from mycel_runtime.journal.pause import NOBODY, PauseKind
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from tests.integration.journal.samples import ME, arrivals, checkpoint, entry


class Told:
    def __init__(self):
        self.names = []

    def tell(self, fact):
        self.names.append(fact.name)


@pytest.fixture
async def journal(tmp_path):
    journal = SqliteJournal(tmp_path, clock=lambda: 7.0)
    journal.open()
    yield journal
    await journal.close()


def early(journal, folder, told):
    pauses = EarlyPauses(engine_of(folder).reader, told)
    pauses.begin(journal)
    return pauses


async def test_of_an_agent_that_has_run_before_it_is_that_identitys(journal, tmp_path):
    lease = await journal.lease(ME)
    heard = Batch(identity=ME, arrivals=arrivals(entry(1)), checkpoint=checkpoint(1))
    await journal.append(heard, lease=lease)
    told = Told()
    pauses = early(journal, tmp_path, told)

    assert await pauses.pause("chat", "c") == {"paused": "begun"}
    assert await pauses.pause("chat", "c") == {"paused": "already"}
    assert [pause.paused_at for pause in await journal.pauses(ME)] == [7.0]
    assert await pauses.resume("d") == {"resumed": ""}
    assert await pauses.resume("c") == {"resumed": "chat"}
    assert await pauses.resume() == {"resumed": ""}
    assert list(await journal.pauses(ME)) == []
    assert told.names == ["pause.begun", "pause.ended"]


async def test_of_an_agent_that_has_never_been_told_who_it_is_it_is_nobodys(journal, tmp_path):
    pauses = early(journal, tmp_path, Told())
    assert await pauses.pause("agent") == {"paused": "begun"}
    assert [pause.kind for pause in await journal.pauses(NOBODY)] == [PauseKind.AGENT]


async def test_once_the_identity_is_known_nothing_is_written_that_nobody_would_find(journal, tmp_path):
    told = Told()
    pauses = early(journal, tmp_path, told)
    pauses.end()

    assert await pauses.pause("agent") == {"paused": ""}
    assert await pauses.resume() == {"resumed": None}
    assert list(await journal.pauses(NOBODY)) == []
    assert told.names == []
