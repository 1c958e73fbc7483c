"""The agents of a process connect a few at a time, and look when nobody waits to be connected."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from mycel_runtime.inbox.approach import Approach

DEADLINE = 10.0


@pytest.fixture
async def tasks():
    """What is started here is cancelled at the end."""
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as group:
        started = []

        def start(work):
            started.append(group.create_task(work))
            return started[-1]

        yield start
        for task in started:
            task.cancel()


async def turn_often():
    for _ in range(100):
        await asyncio.sleep(0)


async def connect(approach, done, until):
    async with approach.to_connect() as stands:
        done.append("began")
        await until.wait()
        stands()
        done.append("stands")
        await asyncio.sleep(3600)


async def look(approach, done, until):
    async with approach.to_look():
        done.append("looks")
        await until.wait()


async def test_so_many_handshakes_are_made_at_a_time(tasks):
    approach, done, answered = Approach(handshakes=2), [], asyncio.Event()
    for _ in range(3):
        tasks(connect(approach, done, answered))
    await turn_often()
    assert done == ["began"] * 2

    answered.set()
    await turn_often()

    assert sorted(done) == ["began"] * 3 + ["stands"] * 3


async def test_so_many_looks_are_made_at_a_time(tasks):
    approach, done, answered = Approach(looks=2), [], asyncio.Event()
    for _ in range(3):
        tasks(look(approach, done, answered))
    await turn_often()
    assert done == ["looks"] * 2

    answered.set()
    await turn_often()

    assert done == ["looks"] * 3


async def test_a_look_waits_until_every_stream_stands_or_has_failed(tasks):
    approach, done = Approach(handshakes=1, hearing_first=DEADLINE), []
    answered, failed = asyncio.Event(), asyncio.Event()

    async def fail():
        with contextlib.suppress(OSError):
            async with approach.to_connect():
                await failed.wait()
                raise OSError

    tasks(connect(approach, done, answered))
    tasks(fail())
    tasks(look(approach, done, answered))
    await turn_often()
    assert done == ["began"]

    answered.set()
    await turn_often()
    assert done == ["began", "stands"]

    failed.set()
    await turn_often()
    assert done == ["began", "stands", "looks"]


async def test_a_look_waits_for_no_handshake_that_is_cancelled(tasks):
    approach, done, never = Approach(handshakes=1, hearing_first=DEADLINE), [], asyncio.Event()
    coming = [tasks(connect(approach, done, never)) for _ in range(2)]
    tasks(look(approach, done, never))
    await turn_often()
    for task in coming:
        task.cancel()
    await turn_often()

    assert done == ["began", "looks"]


async def test_a_look_waits_for_handshakes_that_hang_not_for_long(tasks):
    approach, done, never = Approach(hearing_first=0.01), [], asyncio.Event()
    tasks(connect(approach, done, never))
    looking = tasks(look(approach, done, asyncio.Event()))

    while "looks" not in done:
        assert not looking.done()
        await asyncio.sleep(0.005)


async def test_one_that_looks_alone_waits_for_nobody(tasks):
    approach, done = Approach(hearing_first=DEADLINE), []
    tasks(look(approach, done, asyncio.Event()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert done == ["looks"]
