"""
How many lanes are drained in a second by one, two and four workers; and by bare jobs of procrastinate beside them.

    python -m tests.benchmarks.workers [LANES PER WORKER]

Real `mycel-runtime worker` processes, each with two lanes at a time, on one PostgreSQL of the tests; a handler waits
for 200 ms, as one does that asks a model. Everybody listens before the work comes, all at once.

The peer is procrastinate's own worker, as whoever uses it by itself would write it: a task that waits as long, two at
a time in each process, on the same server, with a job and a lock for each lane and more connections than that needs;
nothing of it is slower than its defaults make it, and jobs that are done are deleted, as ours are. It keeps
less: no claim that outlives a process, no state, no record of the turn. Both make their work due in one transaction,
wait until the tables say that all of it is done, and take turns, so that the machine is the same for both.

Rates depend on what else the machine does; the processor time of the workers for each lane, which is printed beside
them, hardly does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import procrastinate
import psycopg

from mycel_runtime.backend.server import BackendOptions, LocalBackend
from mycel_runtime.dispatch.firing import firing_of
from mycel_runtime.journal.changes import Changes, NewTimer
from mycel_runtime.journal.ids import HandlerId
from mycel_runtime.journal.postgres.journal import PostgresJournal
from mycel_runtime.plugin.subscription import TimerSubscription
from mycel_runtime.sdk import Client
from tests.engines.postgres_server import Databases, PostgresServer

WORKERS = (1, 2, 4)
AT_ONCE = 2
SECONDS = 0.2
LANES = 40
BARS = {2: 1.8, 4: 3.2}
BAR_OF_BARE = 0.8
DEADLINE = 120.0

PLUGIN = f"""
import asyncio
from mycel_runtime import Plugin

plugin = Plugin("bench")

@plugin.on_timer("t")
async def wait(ctx):
    await asyncio.sleep({SECONDS})
"""

BARE = f"""
import asyncio, sys
import procrastinate

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=sys.argv[1], min_size=1, max_size=3))

@app.task(name="wait")
async def wait():
    await asyncio.sleep({SECONDS})

async def main():
    async with app.open_async():
        await app.run_worker_async(concurrency={AT_ONCE}, delete_jobs="always")

asyncio.run(main())
"""


class Pace(NamedTuple):
    """Lanes in a second, and milliseconds of the workers' processors for each."""

    rate: float
    processor: float


@contextlib.contextmanager
def running(commands):
    """Processes, as long as the block lasts; gives what tells the seconds of processors that they have used."""
    processes = [subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ) for command in commands]
    try:
        yield lambda: sum(processor_seconds(process.pid) for process in processes)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(DEADLINE)


def processor_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def pace(lanes, began, ended, used):
    return Pace(lanes / (ended - began), 1000 * used / lanes)


def count(url, query):
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchone()[0]


def wait_until(url, query, wanted):
    deadline = time.monotonic() + DEADLINE
    while count(url, query) != wanted:
        assert time.monotonic() < deadline, query
        time.sleep(0.02)


LISTENERS = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND query LIKE 'LISTEN%procrastinate%'"
)


async def make_due(url, me, lanes):
    """A timer's work in each of so many lanes, in one commit."""
    journal = PostgresJournal(url, kept_turns=0)
    await asyncio.to_thread(journal.open)
    try:
        timers = tuple(
            NewTimer(name="t", key=str(number), due_at=0.0, data="null", is_relative=False)
            for number in range(lanes)
        )
        await journal.plan(me, "bench", Changes(timers=timers))
        due = await journal.timers_due(me, names=[("bench", "t")], limit=lanes)
        subscription = TimerSubscription(name="t")
        now = journal.now()
        began = time.perf_counter()
        await journal.fire(me, [firing_of(each, HandlerId("bench.wait"), subscription, now) for each in due])
    finally:
        await journal.close()
    return began


def ours(server, databases, folder, backend, workers, lanes):
    url = databases.make()
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    me, token = person(backend, f"agent-{name}")
    home = folder / name
    home.mkdir()
    (home / "bench.py").write_text(PLUGIN)
    (home / "token").write_text(token)
    (home / "token").chmod(0o600)
    config = home / "agent.toml"
    config.write_text(
        f'[agent]\nname = "{name}"\nbase_url = "{backend.base_url}"\ntoken_file = "token"\nstate_dir = "state"\n'
        f'[engine]\nurl = "postgresql://postgres@/{name}?host={server.host}"\n[dispatch]\nconcurrency = {AT_ONCE}\n'
        '[log]\nlevel = "error"\n[plugins.bench]\npath = "bench.py"\n'
    )
    command = [sys.executable, "-m", "mycel_runtime", "worker", "--config", str(config), "--name"]
    with running([[*command, str(number)] for number in range(workers)]) as used:
        wait_until(url, LISTENERS, workers)
        before = used()
        began = asyncio.run(make_due(url, me, lanes))
        wait_until(url, "SELECT count(*) FROM delivery WHERE state <> 'idle'", 0)
        return pace(lanes, began, time.perf_counter(), used() - before)


def person(backend, name):
    with Client(base_url=backend.base_url) as nobody:
        owner = nobody.auth.create_guest_owner(f"owner of {name}")
    with Client(base_url=backend.base_url, auth_token=owner["token"]) as client:
        made = client.auth.create_external_user(name, "Agent")
    return made["user"]["id"], made["token"]


def bare(databases, workers, lanes):
    """The same, of jobs."""
    url = databases.make()
    app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=url))
    with app.open():
        app.schema_manager.apply_schema()
        with running([[sys.executable, "-c", BARE, url] for _ in range(workers)]) as used:
            wait_until(url, LISTENERS, workers)
            before = used()
            began = time.perf_counter()
            jobs = [
                procrastinate.jobs.Job(
                    queue="default", task_name="wait", lock=str(number), queueing_lock=str(number)
                )
                for number in range(lanes)
            ]
            app.job_manager.batch_defer_jobs(jobs)
            wait_until(url, "SELECT count(*) FROM procrastinate_jobs", 0)
            return pace(lanes, began, time.perf_counter(), used() - before)


def main():
    per_worker = int(sys.argv[1]) if len(sys.argv) > 1 else LANES
    server = PostgresServer()
    databases, rates = Databases(server.url), {}
    try:
        with tempfile.TemporaryDirectory() as place, LocalBackend(BackendOptions()) as backend:
            for workers in WORKERS:
                lanes = per_worker * workers
                own = ours(server, databases, Path(place), backend, workers, lanes)
                peer = bare(databases, workers, lanes)
                rates[workers] = (own.rate, peer.rate)
                print(
                    f"{workers} workers: {own.rate:.1f} lanes/s at {own.processor:.1f} ms of processor each,"
                    f" bare jobs {peer.rate:.1f} at {peer.processor:.1f} ms",
                    flush=True,
                )
    finally:
        server.close()
    print(f"limit of {AT_ONCE} at a time, {SECONDS} s each: {AT_ONCE / SECONDS:.0f}/s a worker")
    is_kept = True
    for workers, bar in BARS.items():
        ratio = rates[workers][0] / rates[1][0]
        is_kept &= ratio >= bar
        print(
            f"1 -> {workers} workers: {ratio:.2f} x (bar {bar}); bare {rates[workers][1] / rates[1][1]:.2f} x"
        )
    for workers, (own, peer) in rates.items():
        is_kept &= own / peer >= BAR_OF_BARE
        print(f"against bare jobs, {workers} workers: {own / peer:.2f} (bar {BAR_OF_BARE})")
    sys.exit(not is_kept)


if __name__ == "__main__":
    main()
