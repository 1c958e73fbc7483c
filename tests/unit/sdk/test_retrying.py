"""The retry loop repeats what a server answered, never what our own side stopped."""

import asyncio

import pytest
import tenacity

from mycel_runtime.errors import TransportError
from mycel_runtime.observe.observer import Silent
from mycel_runtime.sdk import calls
from mycel_runtime.sdk.retrying import retry_options


@pytest.fixture
def retrying():
    return tenacity.AsyncRetrying(**retry_options(calls.whoami(), 5, Silent()) | {"sleep": at_once})


async def at_once(_seconds):
    await asyncio.sleep(0)


async def test_a_call_that_is_cancelled_is_not_repeated(retrying):
    """tenacity shows its condition the cancellation too; a condition that takes it for an error swallows it."""
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


async def test_a_call_that_did_not_get_through_is_repeated(retrying):
    tries = []

    async def fail():
        tries.append(1)
        raise TransportError("refused")

    with pytest.raises(TransportError):
        await retrying(fail)

    assert len(tries) == 6
