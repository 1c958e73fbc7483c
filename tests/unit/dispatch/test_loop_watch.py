"""Whoever keeps the event loop from everybody else is named while he does; whoever awaits never is."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time

import pytest

from mycel_runtime.dispatch.loop_watch import LoopWatch
from mycel_runtime.observe.facts import LoopFreed, LoopHeld

LOOK, PROOF = 0.1, 0.02
DEADLINE = 60.0


class Told(queue.SimpleQueue):
    """What was told, with the thread that told it."""

    def tell(self, fact):
        self.put((fact, threading.get_ident()))

    def wait(self):
        return self.get(timeout=DEADLINE)


@pytest.fixture
def told():
    return Told()


def compute_until(event):
    ends_at = time.monotonic() + DEADLINE
    while not event.is_set() and time.monotonic() < ends_at:
        pass


async def run(watch, told, work):
    async with asyncio.TaskGroup() as tasks:
        watch.watch(tasks.create_task(work(), name="handler"), "p.spin", told.tell)


async def in_short_steps(seconds):
    for _ in range(round(seconds / 0.001)):
        compute(0.001)
        await asyncio.sleep(0)


def compute(seconds):
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        pass


@contextlib.contextmanager
def in_a_loop_of_its_own(watch, told, work):
    thread = threading.Thread(target=lambda: asyncio.run(run(watch, told, work)))
    thread.start()
    try:
        yield
    finally:
        thread.join(DEADLINE)
        assert not thread.is_alive()


def test_a_handler_that_never_awaits_is_named_while_it_computes_and_when_it_is_over(told):
    enough = threading.Event()

    async def spin():
        compute_until(enough)

    with in_a_loop_of_its_own(LoopWatch(look_seconds=LOOK, proof_seconds=PROOF), told, spin):
        try:
            held, told_by = told.wait()
        finally:
            enough.set()
        freed, _ = told.wait()

    assert isinstance(held, LoopHeld)
    assert held.handler == "p.spin"
    assert held.seconds >= LOOK
    assert "test_loop_watch.py" in held.trace
    assert " in compute_until" in held.trace
    assert told_by != threading.get_ident()
    assert isinstance(freed, LoopFreed)
    assert freed.handler == "p.spin"
    assert freed.seconds >= held.seconds
    assert told.empty()


def test_another_one_is_named_after_the_watch_has_slept(told):
    watch = LoopWatch(look_seconds=LOOK, proof_seconds=PROOF)
    for _ in range(2):
        enough = threading.Event()

        async def spin(enough=enough):
            compute_until(enough)

        with in_a_loop_of_its_own(watch, told, spin):
            try:
                assert isinstance(told.wait()[0], LoopHeld)
            finally:
                enough.set()
            assert isinstance(told.wait()[0], LoopFreed)
        time.sleep(3 * LOOK)  # Now it sleeps.


def test_who_computes_with_pauses_or_waits_is_never_named(told):
    async def work():
        await in_short_steps(10 * LOOK)
        await asyncio.sleep(3 * LOOK)

    with in_a_loop_of_its_own(LoopWatch(look_seconds=LOOK, proof_seconds=PROOF), told, work):
        pass

    assert told.empty()


def test_one_who_waits_is_not_named_for_what_another_task_does(told):
    async def other():
        compute(10 * LOOK)

    async def work():
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(other(), name="other")

    with in_a_loop_of_its_own(LoopWatch(look_seconds=LOOK, proof_seconds=PROOF), told, work):
        pass

    assert told.empty()


def test_a_loop_that_is_closed_is_forgotten(told):
    watch = LoopWatch(look_seconds=LOOK, proof_seconds=PROOF)

    async def work():
        await asyncio.sleep(2 * LOOK)

    for _ in range(3):
        with in_a_loop_of_its_own(watch, told, work):
            pass
    time.sleep(3 * LOOK)

    assert not watch.is_looking
    assert told.empty()
