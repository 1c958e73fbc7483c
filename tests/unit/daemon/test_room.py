"""A full disk at the start: what counts as one, and that it is waited for."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from mycel_runtime.daemon.room import shortage, wait_for_room
from mycel_runtime.daemon.signals import StopRequest
from mycel_runtime.observe.facts import DiskFreed, DiskFull
from mycel_runtime.observe.observer import Observer


def room(*, blocks=10**6, free=10**6, files=10**6, free_files=10**6):
    """As a file system with blocks of 4 KiB tells it."""
    return os.statvfs_result((4096, 4096, blocks, free, free, files, free_files, free_files, 0, 255))


class Told(Observer):
    def __init__(self):
        self.facts = []
        self.is_full = asyncio.Event()

    def tell(self, fact):
        self.facts.append(fact)
        self.is_full.set()


@pytest.mark.parametrize(
    ("measured", "missing"),
    [
        (room(), ""),
        (room(free=256), ""),
        (room(free=255), "1.0 MB are free"),
        (room(free=0), "0.0 MB are free"),
        (room(free_files=15), "15 more files can be made"),
        # Some file systems count no blocks, or no files.
        (room(blocks=0, free=0), ""),
        (room(files=0, free_files=0), ""),
    ],
)
def test_a_disk_is_full_where_a_journal_could_not_be_opened(measured, missing):
    assert shortage(measured) == missing


async def test_a_full_disk_is_waited_for_and_told_once_and_the_supervisor_gives_the_start_more_time(
    tmp_path, supervisor
):
    measured = [room(free=0), room(free=1), room(free=2), room()]
    told = Told()

    async with asyncio.timeout(5):
        is_there = await wait_for_room(
            tmp_path / "not/there", told, StopRequest(), measure=lambda _: measured.pop(0), look_seconds=0.001
        )

    assert is_there
    full, freed = told.facts
    assert full == DiskFull(where=str(tmp_path), detail="0.0 MB are free")
    assert isinstance(freed, DiskFreed)
    assert [supervisor.recv(100) for _ in range(3)] == [b"EXTEND_TIMEOUT_USEC=60000000"] * 3


async def test_a_stop_ends_the_wait_at_once():
    told, stop = Told(), StopRequest()

    async def stop_it():
        await told.is_full.wait()
        stop.ask("SIGTERM")

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        tasks.create_task(stop_it())
        is_there = await wait_for_room(
            Path("/"), told, stop, measure=lambda _: room(free=0), look_seconds=60.0
        )

    assert not is_there
    assert [type(fact) for fact in told.facts] == [DiskFull]


async def test_a_disk_that_cannot_be_asked_is_not_waited_for(tmp_path):
    def measure(_):
        raise PermissionError

    async with asyncio.timeout(5):
        assert await wait_for_room(tmp_path, Told(), StopRequest(), measure=measure)
