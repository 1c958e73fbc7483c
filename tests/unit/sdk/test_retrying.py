"""The retry loop repeats what a server answered, never what our own side stopped."""

import asyncio

import pytest

from mycel_runtime.errors import TransportError
from mycel_runtime.observe.observer import Silent
from mycel_runtime.sdk import calls
from mycel_runtime.sdk.retrying import Tries, repeat


def retrying(ask):
    """After a first try that has failed, with five left."""
    return repeat(ask, Tries(calls.whoami(), 5, Silent()), TransportError("refused"), sleep=at_once)


async def at_once(_seconds):
    await asyncio.sleep(0)


async def test_a_call_that_is_cancelled_is_not_repeated():
    """Whoever took the cancellation for an error of the try would swallow it."""
    tries, is_waiting = [], asyncio.Event()

    async def hang():
        tries.append(1)
        is_waiting.set()
        await asyncio.Event().wait()

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        call = tasks.create_task(retrying(hang))
        await is_waiting.wait()
        call.cancel()

    assert (len(tries), call.cancelled()) == (1, True)


async def test_a_call_that_did_not_get_through_is_repeated():
    tries = []

    async def fail():
        tries.append(1)
        raise TransportError("refused")

    with pytest.raises(TransportError):
        await retrying(fail)

    assert len(tries) == 5
