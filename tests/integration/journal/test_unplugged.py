"""The power fails while a journal is opened, comes to rest, or is woken: what was acknowledged is there."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import pytest

from mycel_runtime.journal.changes import ToldVersion
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from tests.integration.speech import volatile_disk
from tests.integration.speech.volatile_disk import SYNCED, Disk

NEW = """
import asyncio, os, pathlib, sys
from mycel_runtime.journal.changes import ToldVersion
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from tests.integration.speech import volatile_disk

folder, trace, nth = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])

async def live():
    journal = SqliteJournal(folder)
    volatile_disk.watch(folder, trace, deadly=volatile_disk.SYNCED, nth=nth)
    journal.open()
    await journal.note("me", ToldVersion(kind="told", key="1", state="noted"))
    os.write(1, b"1")
    await journal.close()

asyncio.run(live())
"""
"""Makes a journal where there is none."""

LIFE = """
import asyncio, faulthandler, os, pathlib, sys
from mycel_runtime.journal.changes import ToldVersion
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from tests.integration.speech import volatile_disk

faulthandler.dump_traceback_later(50.0)
folder, trace, nth = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])

async def live():
    journal = SqliteJournal(folder, rest_seconds=0.001)
    volatile_disk.watch(folder, trace, deadly=volatile_disk.SYNCED, nth=nth)
    journal.open()
    for number in "12":
        await asyncio.to_thread(journal._writer._thread.join)
        await journal.note("me", ToldVersion(kind="told", key=number, state="noted"))
        os.write(1, number.encode())
    await journal.close()

asyncio.run(live())
"""
"""Opens, rests, is woken, and once more."""

OPENING_SYNCS = 4
"""The log's head, its name, its mark, and the file that was told that one follows; then a new head."""
SYNCS = 3 * (OPENING_SYNCS + 1) + 2 * 1 + 3 * 2
"""Of three openings, of what is noted twice, and of three ends, which copy the log into the file."""
NEW_SYNCS = 1 + OPENING_SYNCS + 1 + 1 + 2
"""Of the file, of its opening, of what is noted, and of the end."""


@pytest.fixture
def library(tmp_path):
    if (library := volatile_disk.build(tmp_path)) is None:
        pytest.skip("no C compiler, or not Linux")
    return library


async def begun(folder):
    """A journal's folder, after its first life."""
    folder.mkdir()
    journal = SqliteJournal(folder)
    journal.open()
    await journal.note("me", ToldVersion(kind="told", key="0", state="noted"))
    await journal.close()
    return folder


def live(folder, trace, library, nth, life=LIFE):
    """What was acknowledged until it died before a sync, and what the disk has seen."""
    trace.unlink(missing_ok=True)
    disk = Disk(folder)
    ended = subprocess.run(
        [sys.executable, "-c", life, folder, trace, f"{nth}"],
        env=os.environ | {"LD_PRELOAD": str(library)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    disk.replay(trace)
    return ended.stdout, disk


async def test_a_journal_that_is_woken_waits_for_the_disk_no_more_than_it_must(library, tmp_path):
    acknowledged, disk = live(await begun(tmp_path / "folder"), tmp_path / "trace", library, 0)

    assert acknowledged == "12"
    assert disk.counts[SYNCED] == SYNCS


@pytest.mark.slow
@pytest.mark.parametrize("nth", range(1, SYNCS + 1))
async def test_what_a_woken_journal_has_acknowledged_is_there_after_a_loss_of_power(library, tmp_path, nth):
    folder = await begun(tmp_path / "folder")
    acknowledged, disk = live(folder, tmp_path / "trace", library, nth)
    disk.lose_power(random.Random(nth))

    journal = SqliteJournal(folder)
    journal.open()
    try:
        found = [await journal.noted("me", kind="told", key=key) for key in "0" + acknowledged]
    finally:
        await journal.close()
    assert found == ["noted"] * (1 + len(acknowledged))


def test_a_new_journal_waits_for_the_disk_once_more_than_one_that_is_there(library, tmp_path):
    (tmp_path / "folder").mkdir()
    acknowledged, disk = live(tmp_path / "folder", tmp_path / "trace", library, 0, NEW)

    assert acknowledged == "1"
    assert disk.counts[SYNCED] == NEW_SYNCS


@pytest.mark.slow
@pytest.mark.parametrize("nth", range(1, NEW_SYNCS + 1))
async def test_a_journal_whose_making_was_cut_off_opens_and_has_what_was_acknowledged(library, tmp_path, nth):
    folder = tmp_path / "folder"
    folder.mkdir()
    acknowledged, disk = live(folder, tmp_path / "trace", library, nth, NEW)
    disk.lose_power(random.Random(nth))

    journal = SqliteJournal(folder)
    journal.open()
    try:
        found = [await journal.noted("me", kind="told", key=key) for key in acknowledged]
    finally:
        await journal.close()
    assert found == ["noted"] * len(acknowledged)
    assert {path.name for path in folder.iterdir()} <= {"journal.sqlite3", "journal.lock"}
