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
    """Remembers what is told of the first answer that was none."""

    def __init__(self):
        self.told = asyncio.get_running_loop().create_future()

    def tell(self, fact):
        if fact.name == "identity.unanswered" and not self.told.done():
            self.told.set_result(fact)


async def first_wait(status, *headers):
    """What is told after an answer with this status and these headers."""
    observer = FirstWait()
    with serving(answering(answer(b"", status, "text/plain", *headers))) as server:
        async with (
            AsyncClient(base_url=server.base_url, auth_token=TOKEN, retries=0) as sdk,
            asyncio.timeout(DEADLINE),
            asyncio.TaskGroup() as tasks,
        ):
            asking = identify(sdk, server=server.base_url, settings=InboxSettings(), observer=observer)
            task = tasks.create_task(asking)
            told = await observer.told
            task.cancel()
    return told


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
    told = await first_wait("503 Unavailable", *headers)
    assert shortest <= told.retry_in <= longest


async def test_a_redirect_is_told_with_the_fix():
    location = "Location: https://mycel.example.org/api/auth/me"
    told = await first_wait("301 Moved Permanently", location)
    assert told.error == (
        "RedirectError 301: redirected to https://mycel.example.org/api/auth/me: "
        'set base_url to "https://mycel.example.org"'
    )
