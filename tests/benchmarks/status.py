"""
What `/status` costs with a large journal: `.venv/bin/python -m tests.benchmarks.status [ROWS]`.

Builds a journal of a million rows (frames, sends, turns, chats, a backlog of a tenth, dead letters), runs a real
daemon on it, and asks it over its control socket. Prints the median and the 99th percentile of the answers, in
milliseconds, with the daemon's own journal read alone beside it, and with an empty journal; ends with 1 if a 99th
percentile is above the bound.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from mycel_runtime.backend.server import BackendOptions, LocalBackend
from mycel_runtime.journal.file_name import JOURNAL_NAME
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.journal.sqlite.reader import SqliteReader
from mycel_runtime.sdk import Client

ROWS = 1_000_000
ASKED = 300
BOUND_MS = 20.0
DEADLINE = 120.0

TEXT = '{"type": "notify", "data": {"chat_id": "c", "seq": 1, "kind": "chat.message", "metadata": {"some": "thing"}}}'


def fill(path: Path, me: str, rows: int) -> None:
    """Rows as a year would leave them; what is due is due in a year, so that nothing is run."""
    now = time.time()
    later = now + 3e7
    chats, sends, turns, backlog, letters = rows // 10, rows // 5, rows // 10, rows // 10, rows // 1000
    frames = rows - chats - sends - turns - backlog - letters
    with contextlib.closing(sqlite3.connect(path)) as journal:
        journal.executemany(
            "INSERT INTO entry (identity, epoch, seq, kind, fingerprint, ts, raw, received_at)"
            " VALUES (?, 0, ?, 'chat.message', 'f', ?, ?, ?)",
            ((me, number, now, TEXT, now) for number in range(1, frames + 1)),
        )
        journal.executemany(
            "INSERT INTO delivery (identity, handler, lane, chat_id, handled_seq, wanted_seq, told_seq, state,"
            " due_at) VALUES (?, 'p.answer', ?, ?, 9, 9, 9, 'idle', ?)",
            ((me, f"chat:{number}", f"{number}", now) for number in range(chats)),
        )
        journal.executemany(
            "INSERT INTO delivery (identity, handler, lane, chat_id, handled_seq, wanted_seq, told_seq, state,"
            " due_at, attempts, waiting_since, last_error)"
            " VALUES (?, 'p.answer', ?, ?, 9, 12, 12, 'due', ?, 3, ?, 'ValueError')",
            (
                (me, f"chat:w{number}", f"w{number}", later + number, now - number)
                for number in range(backlog)
            ),
        )
        journal.executemany(
            "INSERT INTO intent (delivery_id, turn, ordinal, identity, handler, chat_id, base_seq, content_hash,"
            " state, message_id, message_seq, intended_at, plugin)"
            " VALUES (?, ?, 0, ?, 'p.answer', ?, 1, 'h', 'sent', 'm', ?, ?, 'p')",
            ((number % chats, number, me, f"{number % chats}", number, now) for number in range(sends)),
        )
        journal.executemany(
            "INSERT INTO turn (identity, handler, lane, chat_id, delivery_id, turn, attempt, kind, shown, said, done,"
            " raised, began_at, ended_at)"
            " VALUES (?, 'p.answer', 'chat:1', '1', 1, ?, 1, 'message', ?, '[]', '[]', '', ?, ?)",
            ((me, number, TEXT, now, now) for number in range(turns)),
        )
        journal.executemany(
            "INSERT INTO dead_letter (identity, handler, lane, chat_id, after_seq, through_seq, holes, message_ids,"
            " attempts, reason, trace, buried_at, delivery_id, turn)"
            " VALUES (?, 'p.answer', 'chat:1', '1', 1, 2, '[]', '[]', 8, 'ValueError', '', ?, ?, 0)",
            ((me, now, number) for number in range(letters)),
        )
        journal.commit()


def make_journal(state: Path, me: str, rows: int) -> None:
    async def migrate():
        journal = SqliteJournal(state)
        journal.open()
        await journal.close()

    asyncio.run(migrate())
    fill(state / JOURNAL_NAME, me, rows)


def timed(ask, times=ASKED) -> tuple[float, float]:
    """Median and 99th percentile, in milliseconds."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        ask()
        took.append(1000 * (time.perf_counter() - began))
    return statistics.median(took), statistics.quantiles(took, n=100)[98]


def ask_daemon(state: Path) -> tuple[float, float]:
    transport = httpx.HTTPTransport(uds=str(state / "control.sock"))
    with httpx.Client(transport=transport, base_url="http://control", timeout=DEADLINE) as client:
        for _ in range(5):
            client.get("/status").raise_for_status()
        return timed(lambda: client.get("/status").raise_for_status())


@contextlib.contextmanager
def daemon(config: Path):
    process = subprocess.Popen(
        [sys.executable, "-m", "mycel_runtime", "run", "--config", str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for line in process.stderr:
            if '"reconcile.finished"' in line or '"stream.connected"' in line:
                break
        yield
    finally:
        process.terminate()
        process.communicate(timeout=DEADLINE)


def measure(folder: Path, rows: int) -> bool:
    state = folder / "state"
    state.mkdir(mode=0o700)
    with LocalBackend(BackendOptions(database=folder / "backend.sqlite3")) as backend:
        with Client(base_url=backend.base_url) as nobody:
            owner = nobody.auth.create_guest_owner("owner")
        with Client(base_url=backend.base_url, auth_token=owner["token"]) as client:
            agent = client.auth.create_external_user("agent", "Agent")
        token = folder / "agent.token"
        token.write_text(agent["token"])
        token.chmod(0o600)
        config = folder / "agent.toml"
        config.write_text(
            f'[agent]\nname = "agent"\nbase_url = "{backend.base_url}"\ntoken_file = "agent.token"\n'
            f'state_dir = "state"\n[plugins.echo]\n'
        )
        began = time.perf_counter()
        make_journal(state, agent["user"]["id"], rows)
        size = (state / JOURNAL_NAME).stat().st_size
        print(f"{rows} rows, {size / 1e6:.0f} MB, made in {time.perf_counter() - began:.0f} s", flush=True)
        with daemon(config):
            alone = timed(lambda: SqliteReader(state / JOURNAL_NAME).summary(agent["user"]["id"]))
            asked = ask_daemon(state)
    print(f"  journal read   p50 {alone[0]:7.2f} ms   p99 {alone[1]:7.2f} ms")
    print(f"  GET /status    p50 {asked[0]:7.2f} ms   p99 {asked[1]:7.2f} ms", flush=True)
    return asked[1] <= BOUND_MS


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    is_within = True
    for number in (1000, rows):
        with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
            is_within = measure(Path(folder), number) and is_within
    print(f"bound: p99 of GET /status at most {BOUND_MS:.0f} ms: {'kept' if is_within else 'NOT KEPT'}")
    sys.exit(not is_within)


if __name__ == "__main__":
    main()
