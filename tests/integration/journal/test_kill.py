"""A process that is killed at any moment: what it was told is durable, is."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest

from mycel_runtime.journal.changes import Item
from mycel_runtime.journal.delivery import EventDelivery
from tests.integration.journal.samples import ME, claim_any, finish

ROOT = Path(__file__).parents[3]
KILLS = 20


@pytest.fixture
def appender(tmp_path):
    command = [sys.executable, "-m", "tests.integration.journal.appender", str(tmp_path)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        yield process
        process.kill()


def lived_and_killed(appender, dice):
    """Let one live for a random while; the numbers it has printed, by what it said of them."""
    appender.stdin.write(f"{dice.random()}\n")
    said = defaultdict(list)
    enough = dice.randint(1, 20)
    while len(said["appended"]) < enough:
        listen(appender, said)
        assert not said["dead"], "died of itself"
    time.sleep(dice.uniform(0.0, 0.02))  # anywhere in a commit, not only just after one
    os.kill(said["born"][0], signal.SIGKILL)
    while not said["dead"]:
        listen(appender, said)
    return said


def listen(appender, said):
    what, number = appender.stdout.readline().split()
    said[what].append(int(number))


def read(folder, query):
    with contextlib.closing(sqlite3.connect(folder / "journal.sqlite3")) as connection:
        return connection.execute(query).fetchall()


async def require_one_commit(journal, folder, through, handled):
    """The end of each event stands with what it has remembered and planned."""
    count = (await journal.items(ME, "p", chat_id=None)).get("count", Item("0", 0))
    planned = {int(timer.key) for timer in await journal.timers(ME)}
    left = {seq for (seq,) in read(folder, "SELECT seq FROM delivery JOIN entry USING (entry_id)")}

    assert int(count.value) == len(planned)
    assert planned | left == set(range(1, through + 1))
    assert not planned & left
    assert set(handled) <= planned


@pytest.mark.slow
async def test_what_was_acknowledged_survives_being_killed(tmp_path, appender, open_journal):
    dice = random.Random(random.random())  # seeded by pytest-randomly, which prints how
    handled = []
    for _ in range(KILLS):
        said = lived_and_killed(appender, dice)
        journal = open_journal()
        through = (await journal.checkpoint(ME)).since_seq

        assert through >= max(said["appended"])
        assert sorted(await journal.marks(ME, epoch=1, limit=through + 100)) == list(range(1, through + 1))
        handled += said["event"]
        await require_one_commit(journal, tmp_path, through, handled)
        await journal.close()
        assert read(tmp_path, "PRAGMA quick_check") == [("ok",)]

    # What was finished stays finished, what was not is still to be done, in order.
    journal = open_journal()
    await journal.recover(ME)
    left, chats = [], []
    while claimed := await claim_any(
        journal, now=time.time()
    ):  # what was killed told the time by the host's clock
        for delivery in claimed:
            is_event = isinstance(delivery, EventDelivery)
            (left if is_event else chats).append(delivery)
            await finish(journal, delivery, None if is_event else delivery.wanted_seq)
    numbers = [delivery.entry.seq for delivery in left]
    assert len(handled) == len(set(handled))
    assert numbers == list(range(through - len(numbers) + 1, through + 1))
    assert not set(handled) & set(numbers)
    assert [delivery.wanted_seq for delivery in chats] in ([], [through])
