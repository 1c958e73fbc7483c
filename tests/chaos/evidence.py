"""What the daemon leaves behind, and what it proves."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections import Counter, defaultdict

from mycel_runtime.wire.limits import RING_FRAMES
from tests.chaos.noting import noted


def checkpoint_and_numbers(journal):
    """Epoch, `since_seq`, the numbers held in that epoch, and the newest server time among them."""
    with contextlib.closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as connection:
        assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
        connection.execute("BEGIN")
        row = connection.execute("SELECT epoch, since_seq FROM checkpoint").fetchone()
        if row is None:
            return None
        rows = connection.execute(
            "SELECT seq, ts FROM entry WHERE epoch = ? AND seq IS NOT NULL", (row[0],)
        ).fetchall()
        return row[0], row[1], {seq for seq, _ in rows}, max((ts for _, ts in rows if ts), default=0.0)


def unexplained(since_seq, numbers, *, last_seq):
    """
    The numbers that the checkpoint covers, that are not in the journal, and that the ring may still have had.

    Args:
        since_seq: The checkpoint.
        numbers: Held in its epoch.
        last_seq: At least the newest number of the server's life at that time.
    """
    beyond_ring = max(last_seq, max(numbers, default=0)) - RING_FRAMES
    return [seq for seq in range(max(1, beyond_ring + 1), since_seq + 1) if seq not in numbers]


def shown(file):
    """Per chat its message seqs in the order in which they were shown, repetitions included; and per relationship."""
    chats, relationships = defaultdict(list), Counter()
    for kind, name, value in noted(file):
        if kind == "m":
            chats[name].append(int(value))
        else:
            relationships[name] += 1
    return chats, relationships


def facts_of(logs):
    """What they tell, oldest first; a killed process leaves half a line."""
    for log in logs:
        for line in log.read_text().splitlines():
            with contextlib.suppress(ValueError):
                yield json.loads(line)


def count_facts(logs):
    """How often each fact was told, and the sums of what frames were received and were new."""
    counts = Counter()
    for fact in facts_of(logs):
        counts[fact.get("event")] += 1
        if fact.get("event") == "frames.committed":
            counts["received"] += fact["received"]
            counts["new"] += fact["new"]
    return counts
