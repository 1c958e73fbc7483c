"""Something on the way ends streams through which nothing went for a while."""

from __future__ import annotations

import asyncio
import dataclasses
from types import SimpleNamespace

import pytest

from tests.integration.inbox.conftest import DEADLINE, running
from tests.road.gateway import Gateway

QUIET_SECONDS = 0.6
"""As ten seconds are to the ping's twenty; scaled, as are all times here."""
PING_SECONDS = 1.2
READY_SHARE = 0.95
"""Of five times as long as a quiet stream would stand; without enough pings it ends five times meanwhile."""


@pytest.mark.slow
async def test_a_stream_that_is_ended_whenever_it_is_quiet_learns_to_be_heard_of_in_time(home, tmp_path):
    """Until then it stands for a part of the time, and the log says what is done about it, once."""
    loop = asyncio.get_running_loop()
    with Gateway(home.backend.port) as gateway:
        gateway.quiet_seconds = QUIET_SECONDS
        before_it = dataclasses.replace(home, backend=SimpleNamespace(base_url=gateway.base_url))
        inbox = {"ping_interval": PING_SECONDS, "backoff_base": 0.2, "backoff_cap": 1.0}
        began = loop.time()
        async with running(before_it, tmp_path / "s", reconcile_interval=3600, **inbox) as runtime:
            learned = await runtime.memory.wait("ping.shortened")
            ends = runtime.memory.named("stream.ended")
            share = sum(end.lasted for end in ends) / (loop.time() - began)
            await runtime.memory.wait("stream.connected", len(ends) + 1)
            while (share_then := await ready_share(runtime, 5 * QUIET_SECONDS)) < READY_SHARE:
                assert loop.time() - began < DEADLINE, "a ping may be late on a busy machine, and not always"
            await home.say("one")
            await runtime.until_heard("one")

    print(f"\nready {share:.0%} of the time before, {share_then:.0%} after")
    assert learned.ping_interval == pytest.approx(learned.quiet_limit / 2, abs=0.001)
    assert QUIET_SECONDS * 0.9 <= learned.quiet_limit < PING_SECONDS
    assert len(runtime.memory.named("ping.shortened")) == 1


async def ready_share(runtime, seconds):
    """Of the next so many seconds."""
    loop = asyncio.get_running_loop()
    began, stood = loop.time(), 0.0
    while (elapsed := loop.time() - began) < seconds:
        assert elapsed < DEADLINE
        await asyncio.sleep(0.01)
        is_standing = len(runtime.memory.named("stream.connected")) > len(
            runtime.memory.named("stream.ended")
        )
        stood += (loop.time() - began - elapsed) * is_standing
    return stood / elapsed
