"""What is committed wakes whoever waits for work, whatever becomes of the one who committed it."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

import pytest

from mycel_runtime.errors import LeaseLostError
from mycel_runtime.inbox.intake import Intake, open_tracker
from mycel_runtime.inbox.list_diff import chat_records
from mycel_runtime.inbox.sequence import Received
from mycel_runtime.journal.changes import ToldVersion
from mycel_runtime.journal.sqlite.commit_group import GroupCommit
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.journal.work import ChatWork
from mycel_runtime.wire.codec import decode_frame
from tests.engines.waker import EventWaker
from tests.integration.inbox.conftest import Memory

RAW = json.dumps(
    {
        "type": "notify",
        "seq": 1,
        "fingerprint": "f" * 64,
        "ts": 1.0,
        "metadata": {
            "event_type": "chat.message",
            "notification_type": "chat",
            "chat_id": "c",
            "message_seq": 3,
        },
    }
)


@pytest.fixture
async def journal(tmp_path):
    journal = SqliteJournal(tmp_path)
    await asyncio.to_thread(journal.open)
    yield journal
    await journal.close()


async def intake_of(journal):
    return Intake(
        await open_tracker(journal, identity="me", server="s"),
        journal=journal,
        lease=await journal.lease("me"),
        router=SimpleNamespace(
            route_event=lambda notify: (),
            deciders=lambda kind: (),
            route_chat=lambda chat_id, seq: (
                ChatWork(handler="h", lane=chat_id, chat_id=chat_id, wanted_seq=seq),
            ),
        ),
        observer=Memory(),
        clock=lambda: 1.0,
    )


COMMITS = pytest.mark.parametrize(
    "commit",
    [
        lambda intake: intake.take([Received(decode_frame(RAW), RAW)]),
        lambda intake: intake.hint([("c", 3)]),
        lambda intake: intake.compare(
            chat_records([{"id": "c", "title": "t"}]), asked=frozenset({"chat"}), complete=frozenset({"chat"})
        ),
    ],
    ids=["take", "hint", "compare"],
)


@COMMITS
async def test_a_commit_whose_caller_is_cancelled_meanwhile_wakes_the_dispatcher(journal, commit):
    woken = []
    committing = asyncio.Event()
    append = journal.append

    async def told_append(batch, **arguments):
        committing.set()
        return await append(batch, **arguments)

    journal.append = told_append
    journal.on_work("me", SimpleNamespace(wake=lambda: woken.append(True)))
    intake = await intake_of(journal)
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(commit(intake))
        await committing.wait()
        task.cancel()

    assert task.cancelled()
    assert woken == [True]


async def test_who_is_woken_claims_in_the_commit_that_made_the_work_due(journal, monkeypatch):
    """A claim with a commit of its own would cost every message another one."""
    commits, commit, waker = [], GroupCommit.run, EventWaker()
    monkeypatch.setattr(
        GroupCommit, "run", lambda group, jobs: commits.append(len(jobs)) or commit(group, jobs)
    )
    journal.on_work("me", waker)
    intake = await intake_of(journal)

    async def claim():
        await waker.woken.wait()
        return await journal.claim("me", limit=8)

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        claiming = tasks.create_task(claim())
        await asyncio.sleep(0)
        commits.clear()
        await intake.take([Received(decode_frame(RAW), RAW)])

    assert [delivery.chat_id for delivery in claiming.result()] == ["c"]
    assert commits == [2]


async def compared(intake, *titles, others=frozenset()):
    return await intake.compare(
        chat_records([{"id": title, "title": title} for title in titles]),
        asked=frozenset({"chat"}) | others,
        complete=frozenset({"chat"}),
    )


async def test_lists_that_say_what_they_said_cost_the_journal_nothing(journal, monkeypatch):
    """Also after an answer was written there, and for a look that asks for less than the one before."""
    commits, commit = [], GroupCommit.run
    monkeypatch.setattr(
        GroupCommit, "run", lambda group, jobs: commits.append(len(jobs)) or commit(group, jobs)
    )
    intake = await intake_of(journal)
    await compared(intake, "c", others={"workflow_event"})
    await journal.claim("me", limit=8)
    commits.clear()

    assert [await compared(intake, "c") for _ in range(3)] == [0, 0, 0]
    assert commits == []


async def test_lists_whose_difference_could_not_be_committed_are_compared_again(journal, monkeypatch):
    intake = await intake_of(journal)
    await compared(intake, "c")

    def refuse(journal, connection, lease, identity):
        raise LeaseLostError(identity)

    with monkeypatch.context() as patches:
        patches.setattr(SqliteJournal, "_lease_check", refuse)
        with pytest.raises(LeaseLostError):
            await compared(intake, "c", "d")

    assert await compared(intake, "c", "d") == 1


async def test_lists_that_say_something_else_are_compared_however_quiet_it_was(journal):
    intake = await intake_of(journal)
    for _ in range(3):
        await compared(intake, "c")

    assert await compared(intake, "c", "d") == 1
    assert await compared(intake, "c") == 1
    assert await compared(intake, "d") == 2


async def test_lists_that_say_what_they_said_are_compared_when_a_handler_was_told_of_something(journal):
    """What a handler was told of meanwhile, and is in no list, has begun and ended between two looks."""
    intake = await intake_of(journal)
    for _ in range(2):
        await compared(intake, "c")
    await journal.note("me", ToldVersion(kind="chat", key="d", state="member"))

    assert await compared(intake, "c") == 1
