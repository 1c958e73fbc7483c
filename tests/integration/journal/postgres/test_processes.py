"""Several processes on one journal: who is woken, what is taken over, and of whom."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys

import psycopg
import pytest

from mycel_runtime.errors import IdentityHeldError, JournalError, LeaseLostError
from mycel_runtime.journal.batch import Batch
from mycel_runtime.journal.changes import Changes, EndOutcome, NewTimer
from mycel_runtime.journal.cursor import STAY, CursorMove
from mycel_runtime.journal.postgres.connections import LISTENER_NAME
from tests.engines.store_clock import at
from tests.engines.waker import EventWaker
from tests.integration.journal.samples import ME, OTHER, checkpoint, claim, claim_one, finish, want

DEADLINE = 60.0

CLAIMER = """
import asyncio, json, sys
from mycel_runtime.journal.postgres.journal import PostgresJournal

async def main():
    journal = PostgresJournal(sys.argv[1], kept_turns=0)
    journal.open()
    lease = await journal.lease("me")
    await journal.recover("me")
    claimed = await journal.claim("me", limit=9)
    print(json.dumps([lease.token, [each.delivery_id for each in claimed]]), flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture
def claimer(url):
    """Another process, which listens and has claimed what there was, until it is killed."""
    started = []

    def start():
        process = subprocess.Popen([sys.executable, "-c", CLAIMER, url], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        return process, json.loads(process.stdout.readline())

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
async def woken(open_journal):
    """A second journal, and its waker, once it listens."""
    second = await open_journal()
    waker = EventWaker()
    second.on_work(ME, waker)
    async with asyncio.timeout(DEADLINE):
        assert await asyncio.to_thread(second._listener.wait_until_ready, DEADLINE)
        # The look with which it begins.
        await waker.woken.wait()
    waker.woken.clear()
    return second, waker


async def test_another_process_is_woken_when_something_is_due_and_finds_it(journal, woken):
    second, waker = woken
    await want(journal, 1)

    async with asyncio.timeout(DEADLINE):
        await waker.woken.wait()
    (delivery,) = await claim(second)
    assert delivery.wanted_seq == 1


async def test_another_process_is_woken_when_a_lane_is_left(journal, woken):
    second, waker = woken
    await want(journal, 1, handler="p.one")
    await want(journal, 1, handler="p.two")
    (first,) = await claim(journal, limit=1)
    await asyncio.sleep(0.5)
    waker.woken.clear()
    assert await claim(second) == []
    await finish(journal, first, 1)

    async with asyncio.timeout(DEADLINE):
        await waker.woken.wait()
    assert len(await claim(second)) == 1


async def test_another_process_is_told_of_times_to_come(journal, woken):
    _, waker = woken
    await want(journal, 1)
    delivery = await claim_one(journal)
    assert await at(journal, 5.0).postpone(delivery, after=100.0, spend=True)
    timer = NewTimer(name="t", key="k", due_at=60.0, data="null", is_relative=True)
    await journal.plan(ME, "p", Changes(timers=(timer,)))

    told = set()
    async with asyncio.timeout(DEADLINE):
        while told < {("wake_at", 105.0), ("fire_at", 60.0)}:
            told.add(await waker.times.get())


async def test_nobody_is_woken_of_anothers_work_and_no_process_wakes_itself(journal, woken):
    second, waker = woken
    await want(journal, 1, identity=OTHER)
    await second.hold(ME, "c", reason="r")
    own = EventWaker()
    journal.on_work(ME, own)
    await want(journal, 1)
    async with asyncio.timeout(DEADLINE):
        await waker.woken.wait()

    assert await asyncio.to_thread(journal._listener.wait_until_ready, DEADLINE)
    await asyncio.sleep(0.3)
    own.woken.clear()
    with psycopg.connect(journal._url, autocommit=True) as other:
        payload = json.dumps([journal._process.process_id, "due", ME, 0])
        other.execute("SELECT pg_notify('mycel_work', %s)", (payload,))
    await asyncio.sleep(0.3)
    assert not own.woken.is_set()


async def test_it_listens_again_when_its_connection_is_lost_and_looks_for_what_it_has_missed(
    journal, woken, url
):
    _, waker = woken
    with psycopg.connect(url, autocommit=True) as other:
        (ended,) = other.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE application_name = %s AND datname = current_database()",
            (LISTENER_NAME,),
        ).fetchone()
    assert ended >= 1
    # Woken by its first look, whatever has happened meanwhile.
    async with asyncio.timeout(DEADLINE):
        await waker.woken.wait()
    waker.woken.clear()
    await want(journal, 1)

    async with asyncio.timeout(DEADLINE):
        await waker.woken.wait()


async def test_what_a_living_process_has_is_not_taken_over(journal, claimer):
    await want(journal, 1)
    claimer()

    assert await journal.recover(ME) == []
    assert await claim(journal) == []
    with pytest.raises(IdentityHeldError, match="process"):
        await journal.lease(ME)


async def test_what_a_killed_process_had_is_taken_over_at_once(journal, claimer):
    await want(journal, 1)
    process, (token, (delivery_id,)) = claimer()
    process.send_signal(signal.SIGKILL)
    process.wait()

    lease = await journal.lease(ME)
    (suspect,) = await journal.recover(ME)
    assert lease.token > token
    assert suspect.lane == "chat:c"
    assert (await journal.claim_suspect(ME)).delivery_id == delivery_id


async def test_a_living_process_takes_over_what_a_killed_one_had_and_keeps_its_own(journal, claimer):
    await want(journal, 1, chat="own")
    own = await claim_one(journal)
    await want(journal, 1)
    process, (_, (delivery_id,)) = claimer()
    assert await journal.take_over(ME) == []
    assert await claim(journal) == []
    process.send_signal(signal.SIGKILL)
    process.wait()

    (suspect,) = await journal.take_over(ME)
    assert suspect.lane == "chat:c"
    assert (await journal.claim_suspect(ME)).delivery_id == delivery_id
    assert await finish(journal, own, 1)


async def test_who_was_taken_for_dead_changes_nothing_more(journal, open_journal, url):
    """A process that was frozen, and comes back."""
    frozen = await open_journal()
    lease = await frozen.lease(ME)
    await want(frozen, 1)
    delivery = await claim_one(frozen)
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("DELETE FROM process WHERE process_id = %s", (frozen._process.process_id,))
    await journal.recover(ME)
    theirs = await claim_one_of_suspects(journal)

    with pytest.raises(JournalError, match="taken over what it had"):
        await frozen.finish(delivery, CursorMove(handled_seq=1))
    with pytest.raises(JournalError, match="taken over what it had"):
        await frozen.append(Batch(identity=ME, checkpoint=checkpoint(1)), lease=lease)
    assert (await journal.finish(theirs, STAY)).outcome is EndOutcome.DONE
    assert await journal.checkpoint(ME) is None


async def claim_one_of_suspects(journal):
    delivery = await journal.claim_suspect(ME)
    assert delivery is not None
    return delivery


async def test_a_process_that_has_ended_by_its_own_word_keeps_nothing(journal, open_journal, url):
    other = await open_journal()
    await other.lease(ME)
    await other.close()

    assert await journal.lease(ME)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM process").fetchone() == (1,)


async def test_a_lease_that_nobody_renews_is_lost_when_another_one_follows_it(open_journal, clock):
    """Also of a process that lives, whatever it believes."""
    first, second = await open_journal(lease_seconds=9.0), await open_journal(lease_seconds=9.0)
    lease = await first.lease(ME)
    clock.time = 8.0
    lease = await first.renew(lease)
    clock.time = 16.0
    with pytest.raises(IdentityHeldError):
        await second.lease(ME)
    clock.time = 17.0
    # Its time is over, and nobody has taken it.
    await first.append(Batch(identity=ME, checkpoint=checkpoint(1)), lease=lease)
    theirs = await second.lease(ME)
    with pytest.raises(LeaseLostError):
        await first.renew(lease)
    with pytest.raises(LeaseLostError):
        await first.append(Batch(identity=ME, checkpoint=checkpoint(2)), lease=lease)
    await second.append(Batch(identity=ME, checkpoint=checkpoint(3)), lease=theirs)

    assert theirs.token > lease.token
    assert await first.checkpoint(ME) == checkpoint(3)


async def test_no_delivery_and_no_lane_is_claimed_by_two(journal, open_journal):
    """Side by side, again and again."""
    second = await open_journal()
    for number in range(1, 41):
        await want(journal, 1, chat=f"c{number % 8}", handler=f"p.h{number}")
    claimed = []
    async with asyncio.timeout(DEADLINE):
        while len(claimed) < 40:
            found = await asyncio.gather(
                *(each.claim(ME, limit=3) for each in (journal, second, journal, second))
            )
            running = [
                (each, owner)
                for owner, some in zip((journal, second) * 2, found, strict=True)
                for each in some
            ]
            lanes = [each.lane for each, _ in running]
            assert len(lanes) == len(set(lanes))
            claimed += [each.delivery_id for each, _ in running]
            await asyncio.gather(*(owner.finish(each, CursorMove(handled_seq=1)) for each, owner in running))

    assert len(claimed) == len(set(claimed)) == 40


async def test_now_is_the_databases_and_never_ahead_of_it(open_journal, url):
    journal = await open_journal(clock=None)
    for _ in range(20):
        told = journal.now()
        await journal.hold(ME, f"c{told}", reason="r")
        with psycopg.connect(url) as connection:
            (shown,) = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
        assert told <= shown
        assert shown - journal.now() < 5.0
    assert all(hold.held_at <= shown for hold in await journal.holds(ME))


async def test_a_process_is_heard_of_again_and_again_with_a_lease_or_without_one(open_journal, url):
    """By the database's clock; and no more once it is closed."""
    journal = await open_journal(clock=None, lease_seconds=0.3)
    await open_journal(clock=None, lease_seconds=60.0)

    def seen():
        with psycopg.connect(url) as connection:
            return connection.execute(
                "SELECT seen_at, opened_at FROM process WHERE process_id = %s", (journal._process.process_id,)
            ).fetchone()

    first, opened_at = seen()
    async with asyncio.timeout(DEADLINE):
        while (await asyncio.to_thread(seen))[0] < first + 0.5:  # noqa: ASYNC110 - the thread tells nobody
            await asyncio.sleep(0.02)
    assert opened_at <= first
    await journal.close()
    assert seen() is None


async def test_whoever_renews_a_lease_is_heard_of(open_journal, clock, url):
    """At once, and not first with the next beat, half a minute later; the beat of the start may come just between."""
    journal = await open_journal(lease_seconds=90.0)
    lease = await journal.lease(ME)
    clock.time = 7.0

    async with asyncio.timeout(10):
        with psycopg.connect(url, autocommit=True) as connection:
            seen = None
            while seen != (0.0, 7.0):
                await journal.renew(lease)
                seen = connection.execute("SELECT opened_at, seen_at FROM process").fetchone()
