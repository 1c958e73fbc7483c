"""Blocking calls that never return cost nobody else a thread."""

from __future__ import annotations

import asyncio
import threading
import time
import weakref

import pytest

from mycel_runtime.daemon.executor import ThreadPerCall
from mycel_runtime.errors import NotSentError
from mycel_runtime.sdk import AsyncClient
from mycel_runtime.sdk.stream import open_stream


def test_calls_that_never_return_leave_room_for_others_and_are_not_waited_for():
    """A pool would be used up by forty, and the end of the loop would wait for them."""
    release, begun = threading.Event(), threading.Semaphore(0)

    def stick():
        begun.release()
        release.wait(60)

    of_others = set(threading.enumerate())

    async def crowd():
        asyncio.get_running_loop().set_default_executor(ThreadPerCall())
        async with asyncio.TaskGroup() as tasks:
            stuck = [tasks.create_task(asyncio.to_thread(stick)) for _ in range(40)]
            async with asyncio.timeout(60):
                for _ in stuck:
                    while not begun.acquire(blocking=False):  # noqa: ASYNC110 - threads tell
                        await asyncio.sleep(0.001)
                served = await asyncio.to_thread(threading.current_thread)
            for task in stuck:
                task.cancel()
        return served

    served = asyncio.run(crowd())
    served.join(30)
    left = [thread for thread in set(threading.enumerate()) - of_others if thread.name == "loop-call"]
    release.set()

    assert len(left) == 40
    assert all(thread.daemon for thread in left)
    for thread in left:
        thread.join(30)


async def test_a_thread_that_is_free_is_used_again_and_ends_when_nothing_comes():
    """To start one keeps the loop until that has begun, behind all that wait for the interpreter."""
    asyncio.get_running_loop().set_default_executor(ThreadPerCall(idle_seconds=0.3))
    both = threading.Barrier(2)
    one, other = await asyncio.gather(*(asyncio.to_thread(named_after, both) for _ in range(2)))

    for _ in range(20):
        await asyncio.sleep(0.01)  # in which it is free again
        assert await asyncio.to_thread(threading.current_thread) in {one, other}
    assert one is not other
    one.join(30)
    other.join(30)
    assert await asyncio.to_thread(threading.current_thread) not in {one, other}


def named_after(barrier):
    barrier.wait(30)
    return threading.current_thread()


def test_nothing_of_a_call_is_kept_by_its_thread():
    class Given:
        pass

    executor = ThreadPerCall(idle_seconds=60)
    told = weakref.ref(executor.submit(Given).result(30))

    assert until(lambda: told() is None)


def test_calls_that_come_as_threads_are_about_to_end_are_all_carried_out():
    executor = ThreadPerCall(idle_seconds=0.001)

    for _ in range(300):
        assert executor.submit(int, "7").result(30) == 7
        time.sleep(0.001)


def until(is_so):
    ends_at = time.monotonic() + 30
    while not is_so() and time.monotonic() < ends_at:
        time.sleep(0.01)
    return is_so()


async def test_what_a_call_raises_is_the_callers():
    asyncio.get_running_loop().set_default_executor(ThreadPerCall())

    with pytest.raises(ZeroDivisionError):
        await asyncio.to_thread(lambda: 1 / 0)


async def test_where_no_thread_can_be_started_the_server_cannot_be_reached_for_now(monkeypatch):
    """Up to its limit of tasks, by threads that a plugin leaks, the runtime waits as it does without a network."""

    def fail(_thread):
        raise RuntimeError("can't start new thread")

    asyncio.get_running_loop().set_default_executor(ThreadPerCall())
    async with AsyncClient(base_url="http://mycel.test:1", auth_token="t") as client:
        with monkeypatch.context() as limited:
            limited.setattr(threading.Thread, "start", fail)
            with pytest.raises(NotSentError):
                await client.me.whoami()
            with pytest.raises(NotSentError):
                async with open_stream(base_url="http://mycel.test:1", auth_token="t", since_seq=None):
                    raise AssertionError
