"""One reply and nothing lost, also when the power fails and the disk forgets what was not synced."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys

import pytest

from tests.integration.speech import volatile_disk
from tests.integration.speech.power_loss import POINTS, perform, row_of
from tests.integration.speech.volatile_disk import Disk

WRITER = """
import os, pathlib, sys
from tests.integration.speech import volatile_disk

folder = pathlib.Path(sys.argv[1])
volatile_disk.watch(folder, sys.argv[2])
kept = os.open(folder / "kept", os.O_RDWR | os.O_CREAT)
os.pwrite(kept, b"old", 0)
os.fsync(kept)
os.close(os.open(folder / "nameless", os.O_RDWR | os.O_CREAT))
os.fsync(os.open(folder, os.O_RDONLY | os.O_DIRECTORY))
(folder / "nameless").unlink()
os.pwrite(kept, b"new" * 1000, 3)
os.close(os.open(folder / "lost", os.O_RDWR | os.O_CREAT))
"""


@pytest.fixture
def library(tmp_path):
    if (library := volatile_disk.build(tmp_path)) is None:
        pytest.skip("no C compiler, or not Linux")
    return library


@pytest.mark.slow
async def test_every_message_is_answered_once_and_remembered_though_the_power_fails(library, tmp_path):
    outcomes = await perform(tmp_path, library, POINTS, range(1))

    assert [point for point, runs in outcomes.items() if not all(run.is_right for run in runs)] == []
    row = row_of([run for runs in outcomes.values() for run in runs])
    assert row["deaths"] > len(POINTS) / 2
    assert row["forgotten"] > 0


@pytest.mark.parametrize("seed", range(12))
def test_a_disk_keeps_what_was_synced_and_of_the_rest_anything(library, tmp_path, seed):
    folder, trace = tmp_path / "folder", tmp_path / "trace"
    folder.mkdir()
    disk = Disk(folder)
    subprocess.run(
        [sys.executable, "-c", WRITER, folder, trace],
        env=os.environ | {"LD_PRELOAD": str(library)},
        check=True,
        timeout=60,
    )
    disk.replay(trace)

    assert disk.lose_power(random.Random(seed)) == 1
    names = {path.name for path in folder.iterdir()}
    assert "kept" in names
    assert names <= {"kept", "nameless", "lost"}
    content = (folder / "kept").read_bytes()
    assert content[:3] == b"old"
    whole = b"new" * 1000
    found = content[3:].ljust(len(whole), b"\0")
    sectors = zip(disk_sectors(whole), disk_sectors(found), strict=True)
    assert all(after in (before, bytes(len(before))) for before, after in sectors)


def disk_sectors(data):
    """What stands in one sector of 512 bytes each, of what begins at the third."""
    cuts = [0, *range(509, len(data), 512), len(data)]
    return [data[begin:end] for begin, end in itertools.pairwise(cuts)]
