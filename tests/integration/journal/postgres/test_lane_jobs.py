"""What calls processes to lanes: by jobs of procrastinate, whatever becomes of those."""

from __future__ import annotations

import asyncio
import contextlib
import json

import procrastinate
import psycopg
import pytest
from procrastinate import exceptions

from mycel_runtime.journal.cursor import CursorMove
from mycel_runtime.journal.postgres import lane_jobs
from mycel_runtime.journal.postgres.lane_connections import LANE_POOL_SIZE, LaneConnector
from mycel_runtime.journal.postgres.lane_jobs import LaneJobs, queue_of
from mycel_runtime.journal.postgres.lane_schema import prepare_lanes, with_lane_schema
from mycel_runtime.journal.postgres.rights import LANE_SCHEMA
from tests.integration.journal.samples import ME, want

DEADLINE = 20.0


class Drains:
    """Claims what is due in each lane to which it is called, and finishes it once it may."""

    def __init__(self, journal):
        self.journal = journal
        self.called = []
        self.ended = []
        self.cancelled = 0
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def drain(self, lane):
        self.called.append(lane)
        try:
            while claimed := await self.journal.claim(ME, limit=1, lane=lane):
                await self.may_end.wait()
                await self.journal.finish(claimed[0], CursorMove(handled_seq=claimed[0].wanted_seq))
                self.ended.append((lane, claimed[0].handler, claimed[0].wanted_seq))
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


async def until(is_so):
    async with asyncio.timeout(DEADLINE):
        while not is_so():  # noqa: ASYNC110 - of several things, in other processes, too
            await asyncio.sleep(0.02)


@pytest.fixture
async def run_jobs(url, open_journal):
    """Opens a journal, and has it called; what was begun ends with the test."""
    prepare_lanes(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            f"TRUNCATE {LANE_SCHEMA}.procrastinate_jobs, {LANE_SCHEMA}.procrastinate_workers CASCADE"
        )
    tasks = []

    async def run(journal=None):
        drains = Drains(journal or await open_journal(clock=None))
        restarts = []
        jobs = LaneJobs(url, drains.journal, ME, concurrency=2, on_restart=restarts.append)
        drains.restarts = restarts
        tasks.append(asyncio.get_running_loop().create_task(jobs.run(drains.drain)))
        return drains

    yield run
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def execute(url, statement, *values):
    with psycopg.connect(with_lane_schema(url), autocommit=True) as connection:
        cursor = connection.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


async def test_every_due_lane_is_drained_by_one_of_two_and_nothing_twice(run_jobs):
    one, two = await run_jobs(), await run_jobs()
    for number in range(12):
        await want(one.journal, 1, chat=f"c{number}")
        await want(two.journal, 1, chat=f"c{number}", handler="p.more")
    await until(lambda: len(one.ended) + len(two.ended) >= 24)

    ended = one.ended + two.ended
    assert len(set(ended)) == len(ended) == 24
    assert {lane for lane, *_ in ended} == {f"chat:c{number}" for number in range(12)}
    assert not one.restarts
    assert not two.restarts


async def test_what_becomes_due_while_its_lane_is_drained_is_not_passed_over(run_jobs, url):
    drains = await run_jobs()
    drains.may_end.clear()
    await want(drains.journal, 1)
    await until(lambda: drains.called)
    await want(drains.journal, 2)
    await want(drains.journal, 1, handler="p.more")
    drains.may_end.set()

    await until(lambda: {handler for _, handler, _ in drains.ended} == {"p.messages", "p.more"})
    await until(lambda: ("chat:c", "p.messages", 2) in drains.ended)
    await until(lambda: execute(url, "SELECT 1 FROM procrastinate_jobs") == [])


async def test_what_becomes_due_by_the_clock_is_called_then(run_jobs, monkeypatch):
    monkeypatch.setattr(lane_jobs, "LOOK_SECONDS", 3600.0)
    drains = await run_jobs()
    await want(drains.journal, 1)
    await until(lambda: drains.ended)
    await want(drains.journal, 2)
    (delivery,) = await drains.journal.claim(ME, limit=1)
    ended = len(drains.ended)
    assert await drains.journal.postpone(delivery, after=0.7, spend=True)

    await until(lambda: len(drains.ended) > ended)


@pytest.mark.usefixtures("run_jobs")
async def test_a_lane_of_which_a_job_has_begun_is_called_only_if_that_does_not_see_to_it(
    url, open_journal, monkeypatch
):
    """A job that has just begun claims next: another one of its lane would be a look in vain, of each that looks."""
    monkeypatch.setattr(lane_jobs, "TRUST_SECONDS", 3600.0)
    journal = await open_journal(clock=None)
    execute(
        url,
        "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, status)"
        " VALUES (%s, 'drain', %s, 'doing')",
        ME,
        f"{ME}:chat:c",
    )
    jobs = LaneJobs(url, journal, ME, concurrency=1, on_restart=print)
    await want(journal, 1)
    async with procrastinate.App(connector=LaneConnector(url)).open_async() as app:
        assert not await jobs._call_due(app)
        monkeypatch.setattr(lane_jobs, "TRUST_SECONDS", 0.0)
        assert await jobs._call_due(app)


async def test_more_lanes_than_wait_in_jobs_at_a_time_are_all_drained(run_jobs, monkeypatch):
    monkeypatch.setattr(lane_jobs, "LOOK_SECONDS", 3600.0)
    monkeypatch.setattr(lane_jobs, "CALLED_AT_ONCE", 3)
    monkeypatch.setattr(lane_jobs, "ENOUGH_CALLED", 2)
    one, two = await run_jobs(), await run_jobs()
    for number in range(20):
        await want(one.journal, 1, chat=f"c{number}")

    await until(lambda: len(one.ended) + len(two.ended) == 20)


async def test_agents_of_a_process_share_connections_and_begin_anew_with_others(run_jobs, url):
    """However many there are; and one that listens for all of them."""
    agents = [await run_jobs() for _ in range(8)]
    await until(lambda: len(_listeners(url)) == 1)
    await want(agents[0].journal, 1)
    await until(lambda: any(agent.ended for agent in agents))
    assert 1 <= len(_pooled(url)) <= LANE_POOL_SIZE
    for (pid,) in [*_pooled(url), *_listeners(url)]:
        execute(url, "SELECT pg_terminate_backend(%s)", pid)
    for seq in range(2, 40):
        await want(agents[0].journal, seq)
        await until(lambda seq=seq: ("chat:c", "p.messages", seq) in [e for a in agents for e in a.ended])
    await until(lambda: all(agent.restarts for agent in agents) and len(_listeners(url)) == 1)


def _pooled(url):
    """Of connections that work on the schema of jobs, those that do not listen."""
    return execute(
        url,
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%%procrastinate%%'"
        " AND query NOT LIKE 'LISTEN%%' AND pid <> pg_backend_pid()",
    )


async def test_the_schema_is_made_once_whoever_comes_first(new_url):
    await asyncio.gather(*(asyncio.to_thread(prepare_lanes, new_url) for _ in range(4)))
    prepare_lanes(new_url)

    (made,) = execute(new_url, "SELECT count(*) FROM pg_tables WHERE schemaname = %s", LANE_SCHEMA)
    assert made == (5,)


async def test_a_migration_that_is_not_in_it_yet_is_made_up_for(new_url):
    prepare_lanes(new_url)
    newest = "03.04.00_50_post_add_retry_failed_job_procedure.sql"
    assert execute(new_url, "DELETE FROM applied_migration WHERE name = %s RETURNING 1", newest)
    execute(new_url, "DROP TRIGGER procrastinate_trigger_status_events_update_v1 ON procrastinate_jobs")
    prepare_lanes(new_url)

    name = "procrastinate_trigger_status_events_update_v1"
    assert execute(new_url, "SELECT count(*) FROM pg_trigger WHERE tgname = %s", name) == [(1,)]
    assert execute(new_url, "SELECT count(*) FROM applied_migration WHERE name = %s", newest) == [(1,)]


async def test_an_abort_of_a_job_whosever_cancels_nothing_that_runs(run_jobs, url):
    """Its channel is the whole database's, and says a number only: that of another schema's job means ours, too."""
    drains = await run_jobs()
    drains.may_end.clear()
    await want(drains.journal, 1)
    await until(lambda: drains.called)
    ((job_id,),) = execute(url, "SELECT id FROM procrastinate_jobs WHERE status = 'doing'")
    abort = json.dumps({"type": "abort_job_requested", "job_id": job_id})
    execute(url, "SELECT pg_notify(%s, %s)", f"procrastinate_queue_v1#{ME}", abort)
    await until(lambda: execute(url, "SELECT 1 FROM procrastinate_jobs WHERE status = 'doing'") == [])
    drains.may_end.set()

    await until(lambda: drains.ended)
    assert drains.cancelled == 0
    await want(drains.journal, 2)
    await until(lambda: ("chat:c", "p.messages", 2) in drains.ended)


@pytest.mark.parametrize("has_twin", [False, True])
async def test_a_lane_whose_worker_is_dead_is_called_again(
    run_jobs, url, open_journal, monkeypatch, has_twin
):
    """No other worker has to start for that, and a job that waits beside the dead one's is no obstacle."""
    monkeypatch.setattr(lane_jobs, "LOOK_SECONDS", 0.3)
    drains = await run_jobs()
    await want(drains.journal, 1, chat="other")
    await until(lambda: drains.ended)
    ((dead,),) = execute(
        url,
        "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour') RETURNING id",
    )
    statuses = ["doing", "todo"] if has_twin else ["doing"]
    for status in statuses:
        execute(
            url,
            "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, args, status, worker_id)"
            " VALUES (%s, 'drain', %s, '{\"lane\": \"chat:c\"}', %s::text::procrastinate_job_status, %s)",
            ME,
            f"{ME}:chat:c",
            status,
            dead if status == "doing" else None,
        )
    await want(drains.journal, 1)

    await until(lambda: ("chat:c", "p.messages", 1) in drains.ended)
    await until(lambda: execute(url, "SELECT 1 FROM procrastinate_jobs") == [])
    assert execute(url, "SELECT 1 FROM procrastinate_workers WHERE id = %s", dead) == []
    assert not drains.restarts


async def test_a_job_that_others_took_for_a_dead_workers_ends_without_a_word(run_jobs, url):
    drains = await run_jobs()
    drains.may_end.clear()
    await want(drains.journal, 1)
    await until(lambda: drains.called)
    execute(url, "DELETE FROM procrastinate_jobs")
    drains.may_end.set()
    await until(lambda: drains.ended)
    await want(drains.journal, 2)

    await until(lambda: ("chat:c", "p.messages", 2) in drains.ended)
    assert not drains.restarts


async def test_it_listens_again_and_drains_what_ran_once_when_the_database_was_away(run_jobs, url, server):
    drains = await run_jobs()
    drains.may_end.clear()
    await want(drains.journal, 1)
    await until(lambda: drains.called)
    await asyncio.to_thread(server.stop)
    await asyncio.sleep(0.5)
    await asyncio.to_thread(server.start)
    drains.may_end.set()
    await until(lambda: drains.ended == [("chat:c", "p.messages", 1)])
    assert drains.cancelled == 0
    await until(lambda: drains.restarts and _listeners(url))
    # Its lane is not kept by the job whose end could not be written.
    await want(drains.journal, 2)

    await until(lambda: ("chat:c", "p.messages", 2) in drains.ended)


def _listeners(url):
    with contextlib.suppress(psycopg.OperationalError):
        return execute(
            url,
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            " AND query LIKE 'LISTEN%%procrastinate%%'",
        )
    return []


async def test_jobs_that_somebody_else_has_made_keep_nobody_from_the_others(run_jobs, url, open_journal):
    """All of a batch are refused if one is; and whoever is refused loses no transaction of the journal's."""
    drains = await run_jobs()
    drains.may_end.clear()
    for chat in ("a", "b"):
        await want(drains.journal, 1, chat=chat)
    await until(lambda: len(drains.called) == 2)
    journal = await open_journal(clock=None)
    for chat in ("c", "d", "e"):
        await want(journal, 1, chat=chat)
    jobs = LaneJobs(url, journal, ME, concurrency=1, on_restart=print)
    connector = LaneConnector(url)
    app = procrastinate.App(connector=connector)
    async with app.open_async():
        with contextlib.suppress(exceptions.AlreadyEnqueued):
            await app.job_manager.batch_defer_jobs_async([jobs._job("chat:d")])
        rows = connector.execute_query_all_async

        async def seen_before(_query, **_values):
            connector.execute_query_all_async = rows
            return []

        connector.execute_query_all_async = seen_before
        await jobs._call_due(app)
    waiting = execute(url, "SELECT queueing_lock FROM procrastinate_jobs WHERE status = 'todo'")
    drains.may_end.set()

    assert {row[0] for row in waiting} >= {f"{ME}:chat:{chat}" for chat in "cde"}
    await until(lambda: len({lane for lane, *_ in drains.ended}) == 5)


def test_a_queue_is_called_so_that_a_channel_can_be_called_after_it():
    assert queue_of("agent-1") == "agent-1"
    for identity in ("x" * 64, "ä" * 30):
        assert len(f"procrastinate_queue_v1#{queue_of(identity)}".encode()) <= 63
