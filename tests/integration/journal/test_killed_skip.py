"""A process that is killed while it skips a backlog: each message waits or stands in the letter, and none is both."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from tests.engines.store_clock import at
from tests.integration.journal.samples import ME, claim, want

ROOT = Path(__file__).parents[3]
CHATS = 400


def skip_and_be_killed(folder, dice):
    """The chats of which it was told that they are skipped."""
    command = [sys.executable, "-m", "tests.integration.journal.skipper", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        told = {process.stdout.readline().strip() for _ in range(dice.randint(1, 50))}
        time.sleep(dice.uniform(0.0, 0.01))  # anywhere in a commit, not only just after one
        process.kill()
    return told


async def test_of_a_skip_whose_process_is_killed_nothing_is_lost_or_kept_twice(tmp_path, open_journal):
    dice = random.Random(random.random())  # seeded by pytest-randomly, which prints how
    journal = open_journal()
    chats = {f"chat{number}" for number in range(CHATS)}
    for chat in chats:
        await want(journal, 5, chat=chat)
    await journal.close()
    told = skip_and_be_killed(tmp_path, dice)

    journal = open_journal()
    await at(journal, 2.0).recover(ME)
    letters = await journal.dead_letters(ME)
    kept = [letter.chat_id for letter in letters]
    waiting = [each.chat_id for each in await journal.backlog(ME, chat_id=None, after=0, limit=CHATS)]
    assert told <= set(kept)
    assert waiting
    assert sorted(kept + waiting) == sorted(chats)
    (number,) = {letter.skip_id for letter in letters}
    assert await at(journal, 2.0).revive(ME, number)
    due = await claim(journal, now=2.0, limit=2 * CHATS)
    assert sorted(each.chat_id for each in due) == sorted(chats)
    assert {(each.handled_seq or 0, each.wanted_seq) for each in due} <= {(1, 5), (0, 5)}
