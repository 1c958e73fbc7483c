"""What a silent process had is another's: it may be frozen or cut off, and comes back or does not."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import psycopg
import pytest

from mycel_runtime.errors import IdentityHeldError, JournalError, LeaseLostError, TakenOverError
from mycel_runtime.journal.batch import Batch
from mycel_runtime.journal.changes import Changes, EndOutcome, NewTimer
from mycel_runtime.journal.cursor import STAY, CursorMove
from mycel_runtime.journal.dead_letter import Letter
from mycel_runtime.journal.intent import IntentState
from mycel_runtime.journal.postgres.connections import connected
from mycel_runtime.journal.postgres.listener import Listener
from mycel_runtime.journal.postgres.locks import JOURNAL_LOCK
from mycel_runtime.journal.postgres.process import ProcessMark
from mycel_runtime.journal.postgres.session import begin
from tests.integration.journal.samples import ME, checkpoint, claim, claim_one, intent, want

DEADLINE = 60.0
LIFE = 90.0
"""Of a lease, by the tests' clock."""

GIVEN_UP = Letter(reason="r")
TIMER = NewTimer(name="t", key="k", due_at=60.0, data="null", is_relative=True)


@pytest.fixture(autouse=True)
def no_beats(monkeypatch):
    """But those of a test: the listener's come at times of their own."""
    monkeypatch.setattr(Listener, "attend", lambda *_: None)


@pytest.fixture
async def frozen(open_journal, clock):
    """A process that listens, has claimed something and is about to say something, and has been silent since."""
    frozen = await open_journal(lease_seconds=LIFE)
    frozen.taken = await frozen.lease(ME)
    await want(frozen, 1)
    frozen.claimed = await claim_one(frozen)
    return frozen


@pytest.fixture
async def heir(frozen, open_journal, clock):
    """Another process, which was there in time, and has what the first one had."""
    heir = await open_journal(lease_seconds=LIFE)
    # No process proves anything of another one: as if they were on two hosts.
    with psycopg.connect(frozen._url, autocommit=True) as other:
        other.execute("UPDATE process SET boot_id = process_id, machine_id = process_id")
    clock.time = LIFE
    return heir


async def test_a_silent_process_has_lost_its_lease_and_its_claims_a_lease_life_after_its_last_beat(
    frozen, heir, clock
):
    clock.time = LIFE - 1.0
    with pytest.raises(IdentityHeldError):
        await heir.lease(ME)
    assert await heir.take_over(ME) == []
    clock.time = LIFE
    lease = await heir.lease(ME)
    (suspect,) = await heir.recover(ME)

    assert lease.token > frozen.taken.token
    assert (await heir.claim_suspect(ME)).claim > frozen.claimed.claim
    assert suspect.lane == frozen.claimed.lane


async def test_who_was_silent_itself_takes_nothing_from_anybody(frozen, heir, open_journal, clock):
    """The database may have been away for all of them."""
    clock.time = 3 * LIFE
    heir._attendance.note_beat(clock.time, began=None)
    late = await open_journal(lease_seconds=LIFE)

    for other in (heir, late):
        assert await other.take_over(ME) == []
        assert await claim(other) == []
    clock.time = 4 * LIFE
    assert len(await heir.take_over(ME)) == 1


async def test_a_beat_in_time_keeps_everything(frozen, heir, clock):
    clock.time = LIFE - 1.0
    await frozen.renew(frozen.taken)
    clock.time = LIFE + 1.0

    with pytest.raises(IdentityHeldError):
        await heir.lease(ME)
    assert await heir.take_over(ME) == []
    assert (await frozen.finish(frozen.claimed, CursorMove(handled_seq=1))).outcome is EndOutcome.DONE


VERBS = {
    "finish": lambda it: it.finish(it.claimed, CursorMove(handled_seq=1), changes=Changes(timers=(TIMER,))),
    "bury": lambda it: it.bury(it.claimed, GIVEN_UP, STAY),
    "postpone": lambda it: it.postpone(it.claimed, after=0.0, spend=True),
    "await_resume": lambda it: it.await_resume(it.claimed),
    "note_shown": lambda it: it.note_shown(it.claimed, through_seq=1, message_ids=["m"]),
    "intend": lambda it: it.intend(it.claimed, intent(it.claimed)),
    "settle": lambda it: it.settle(intent(it.claimed, state=IntentState.REFUSED)),
    "keeps_claim": lambda it: it.keeps_claim(it.claimed),
    "want_others": lambda it: it.want_others(it.claimed, wanted_seq=9),
    "anchor": lambda it: it.anchor(ME, it.claimed.lane, handled_seq=1),
    "plan": lambda it: it.plan(ME, "p", Changes(timers=(TIMER,))),
    "hint": lambda it: want(it, 9),
    "hold": lambda it: it.hold(ME, "c", reason="r"),
    "expect_end": lambda it: it.expect_end(ME),
    "claim": claim,
}


@pytest.mark.parametrize("verb", sorted(VERBS))
async def test_who_was_silent_changes_nothing_more_and_is_told(verb, frozen, heir, monkeypatch):
    await want(heir, 1, chat="d")
    await heir.lease(ME)
    await heir.recover(ME)
    theirs = await heir.claim_suspect(ME)
    monkeypatch.setattr(type(frozen._attendance), "is_safe", property(lambda _: False))
    before = await state(heir)

    with pytest.raises(TakenOverError, match="taken over") as told:
        await VERBS[verb](frozen)
    assert isinstance(told.value, LeaseLostError)
    assert isinstance(told.value, JournalError)
    assert told.value.exit_code == 69
    assert await state(heir) == before
    assert (await heir.finish(theirs, CursorMove(handled_seq=1))).outcome is EndOutcome.DONE


async def test_nor_does_it_listen(frozen, heir):
    lease = await heir.lease(ME)

    with pytest.raises(LeaseLostError):
        await frozen.append(Batch(identity=ME, checkpoint=checkpoint(1)), lease=frozen.taken)
    with pytest.raises(LeaseLostError):
        await frozen.renew(frozen.taken)
    with pytest.raises(TakenOverError):
        await frozen.lease("another")
    assert await heir.checkpoint(ME) is None
    assert await heir.renew(lease)


async def state(journal):
    """Whatever a verb could have changed."""
    with psycopg.connect(journal._url) as connection:
        return [
            connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
            for table in ("checkpoint", "delivery", "dead_letter", "intent", "timer", "hold", "expected_end")
        ]


async def test_who_comes_back_closes_and_goes_on_as_another_process(frozen, heir, open_journal):
    await heir.lease(ME)
    await heir.recover(ME)
    with pytest.raises(LeaseLostError):
        await frozen.renew(frozen.taken)
    await frozen.close()
    again = await open_journal(lease_seconds=LIFE)

    with pytest.raises(IdentityHeldError):
        await again.lease(ME)
    await heir.close()
    assert (await again.lease(ME)).token > frozen.taken.token
    with psycopg.connect(again._url) as connection:
        assert connection.execute("SELECT count(*) FROM process").fetchone() == (1,)


async def test_what_a_closed_journal_had_claimed_is_due_at_once_and_nobody_is_to_blame(open_journal):
    first, second = await open_journal(), await open_journal()
    await first.recover(ME)
    await want(first, 1)
    before = await claim_one(first)
    assert await claim(second) == []
    await first.close()

    after = await claim_one(second)
    assert (after.delivery_id, after.suspicion) == (before.delivery_id, None)
    assert after.claim > before.claim


async def test_the_end_that_one_process_expects_is_not_anothers(frozen, heir, open_journal):
    """A drained process beside one that a handler kills."""
    drained = await open_journal(lease_seconds=LIFE)
    await drained.recover(ME)
    await want(heir, 1, chat="d")
    await claim_one(drained)
    await drained.expect_end(ME)
    await drained.abandon()
    with psycopg.connect(heir._url, autocommit=True) as other:
        other.execute("DELETE FROM process WHERE process_id = %s", (drained._process.process_id,))

    (suspect,) = await heir.recover(ME)
    assert suspect.lane == frozen.claimed.lane
    (unblamed,) = await claim(heir)
    assert unblamed.lane == "chat:d"


async def test_an_intent_of_who_was_silent_is_in_doubt_until_it_is_known_to_be_gone(frozen, heir):
    await frozen.intend(frozen.claimed, intent(frozen.claimed))
    await frozen.settle(intent(frozen.claimed, 1, state=IntentState.REFUSED))
    await heir.recover(ME)
    theirs = await heir.claim_suspect(ME)

    assert [(each.ordinal, each.is_in_doubt) for each in theirs.intents] == [(0, True), (1, False)]
    await heir.postpone(theirs, after=0.0, spend=False)
    await frozen.close()
    again = await heir.claim_suspect(ME)
    assert [each.is_in_doubt for each in again.intents] == [False, False]
    assert await heir.intend(again, replace(again.intents[0], base_seq=2))


async def test_an_intent_that_was_given_up_with_its_claim_is_in_no_doubt(frozen, heir):
    await frozen.intend(frozen.claimed, intent(frozen.claimed))
    await frozen.postpone(frozen.claimed, after=0.0, spend=True)

    (theirs,) = await claim(heir)
    assert [each.is_in_doubt for each in theirs.intents] == [False]


async def test_what_is_lost_is_forgotten_when_nothing_of_it_is_in_doubt(frozen, heir):
    await heir.recover(ME)

    with psycopg.connect(heir._url) as connection:
        assert connection.execute("SELECT process_id FROM process").fetchall() == [
            (heir._process.process_id,)
        ]


async def test_who_has_been_heard_of_lately_asks_nobody_whether_its_claim_stands(frozen, monkeypatch):
    asked = []
    monkeypatch.setattr(frozen._writer, "submit", asked.append)

    assert await frozen.keeps_claim(frozen.claimed)
    assert asked == []


async def test_who_was_not_asks_and_keeps_it_if_it_stands(frozen, heir, monkeypatch):
    monkeypatch.setattr(type(frozen._attendance), "is_safe", property(lambda _: False))
    assert await frozen.keeps_claim(frozen.claimed)

    async with asyncio.timeout(DEADLINE):
        assert await heir.take_over(ME) == []
    await frozen.postpone(frozen.claimed, after=0.0, spend=False)
    assert not await frozen.keeps_claim(frozen.claimed)


def test_who_is_frozen_between_the_messages_of_a_pipeline_keeps_the_lock_for_a_while_only(url):
    """Its transaction is not idle to the database: it waits for more of the message. Of PostgreSQL 17 and later."""
    with connected(url) as frozen, connected(url) as other:
        if frozen.info.server_version < 170000:
            pytest.skip("this server has no transaction_timeout")
        begin(frozen, ProcessMark.of_this(""), lambda _: None, still_seconds=0.2)
        frozen.pgconn.enter_pipeline_mode()
        frozen.pgconn.send_query_params(b"SELECT 1", [])
        frozen.pgconn.send_flush_request()
        frozen.pgconn.flush()

        (is_free,) = other.execute("SELECT pg_try_advisory_lock(%s)", (JOURNAL_LOCK,)).fetchone()
        assert not is_free
        other.execute("SET lock_timeout = '30s'")
        other.execute("SELECT pg_advisory_lock(%s)", (JOURNAL_LOCK,))
        frozen.close()
