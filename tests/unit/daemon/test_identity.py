"""Whose token it is, asked for patiently."""

from __future__ import annotations

import asyncio

import pytest

from mycel_runtime.daemon.identity import identify
from mycel_runtime.sdk import AsyncClient
from mycel_runtime.settings import InboxSettings
from tests.unit.sdk.wire import TOKEN, answer, answering, serving

DEADLINE = 20.0


class FirstWait:
    """Remembers how long is waited after the first answer that was none."""

    def __init__(self):
        self.retry_in = asyncio.get_running_loop().create_future()

    def tell(self, fact):
        if fact.name == "identity.unanswered" and not self.retry_in.done():
            self.retry_in.set_result(fact.retry_in)


async def first_wait(*headers):
    """After a 503 with these headers."""
    observer = FirstWait()
    with serving(answering(answer(b"", "503 Unavailable", "text/plain", *headers))) as server:
        async with (
            AsyncClient(base_url=server.base_url, auth_token=TOKEN, retries=0) as sdk,
            asyncio.timeout(DEADLINE),
            asyncio.TaskGroup() as tasks,
        ):
            asking = identify(sdk, server=server.base_url, settings=InboxSettings(), observer=observer)
            task = tasks.create_task(asking)
            waited = await observer.retry_in
            task.cancel()
    return waited


@pytest.mark.parametrize(
    ("headers", "shortest", "longest"),
    [
        ((), 0.25, 0.5),
        (("Retry-After: 120",), 120.0, 165.0),
        (("Retry-After: 1e300",), 3600.0, 3645.0),
        (("Retry-After: -1",), 0.25, 0.5),
    ],
)
async def test_a_start_comes_back_when_the_server_wants_it(headers, shortest, longest):
    """A Retry-After of more than half a minute is the caller's to wait for, not the client's."""
    assert shortest <= await first_wait(*headers) <= longest
