"""Statements are not waited for one by one: what a group of operations costs does not grow with what it is about."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading

import psycopg
import pytest

from mycel_runtime.errors import JournalError
from mycel_runtime.journal.batch import Batch
from mycel_runtime.journal.cursor import CursorMove
from mycel_runtime.journal.postgres.locks import JOURNAL_LOCK
from mycel_runtime.journal.postgres.rows import ResultCursor
from tests.integration.journal.samples import ME, arrivals, checkpoint, claim, entry, intent, want

DEADLINE = 30.0


@contextlib.contextmanager
def journeys():
    """How often somebody has looked at what statements have returned after more of them were sent: one number."""
    seen, patch = [], pytest.MonkeyPatch()
    for owner, names, what in (
        (psycopg.Connection, ["execute"], "sent"),
        (ResultCursor, ["fetchone", "fetchall", "__iter__"], "looked"),
    ):
        for name in names:
            patch.setattr(owner, name, noting(getattr(owner, name), seen, what))
    count = ResultCursor.rowcount.fget
    patch.setattr(ResultCursor, "rowcount", property(noting(count, seen, "looked")))
    counted = []
    with patch.context():
        yield counted
    patch.undo()
    counted.append([what for what, _ in itertools.groupby(seen)].count("looked"))


def noting(function, seen, what):
    def noted(*arguments, **named):
        # Not what listens for the database, now and then.
        if threading.current_thread().name.startswith("journal-postgres"):
            seen.append(what)
        return function(*arguments, **named)

    return noted


@pytest.mark.parametrize("chats", [1, 40])
async def test_a_claim_of_many_waits_as_often_as_one_of_one(chats, journal):
    for number in range(chats):
        await want(journal, 1, chat=f"c{number}")

    with journeys() as counted:
        claimed = await claim(journal)

    assert len(claimed) == chats
    # The clock, what is due, and the claims.
    assert counted == [3]


async def test_ends_of_turns_and_intents_of_a_group_are_answered_together(journal):
    for number in range(8):
        await want(journal, 1, chat=f"c{number}")
    claimed = await claim(journal)
    for delivery in claimed:
        await journal.anchor(ME, delivery.lane, handled_seq=0)

    with journeys() as counted:
        said = [journal.intend(delivery, intent(delivery)) for delivery in claimed[:4]]
        ended = [journal.finish(delivery, CursorMove(handled_seq=1)) for delivery in claimed[4:]]
        done = await asyncio.gather(*said, *ended)

    assert [each.outcome.name for each in done[4:]] == ["DONE"] * 4
    # The clock, and all of them.
    assert counted == [2]


async def test_many_frames_wait_as_often_as_one(journal):
    lease = await journal.lease(ME)
    heard = Batch(identity=ME, arrivals=arrivals(*map(entry, range(1, 501))), checkpoint=checkpoint(500))

    with journeys() as counted:
        assert await journal.append(heard, lease=lease) == 500

    # The clock, and all of it.
    assert counted == [2]


async def test_who_only_reads_waits_for_nobody(journal, url):
    """Once, and not for the journal's lock."""
    await journal.hold(ME, "c1", reason="loud")

    with psycopg.connect(url) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", (JOURNAL_LOCK,))
        with journeys() as counted:
            async with asyncio.timeout(DEADLINE):
                found = await asyncio.gather(journal.holds(ME), journal.unresolved(ME))

    assert [hold.chat_id for hold in found[0]] == ["c1"]
    assert counted == [1]


async def test_what_fails_unseen_is_told_and_undoes_only_its_own(journal):
    """It is noticed by whoever waits next, be that another operation of its group."""

    def fail(connection):
        connection.run("hold", {"identity": ME, "chat_id": "c1", "reason": None, "now": 1.0})

    async def failing():
        with pytest.raises(JournalError, match="NotNullViolation"):
            await journal._writer.commit(fail)

    _, held = await asyncio.gather(failing(), journal.hold(ME, "c2", reason="loud"))

    assert held
    assert [hold.chat_id for hold in await journal.holds(ME)] == ["c2"]
