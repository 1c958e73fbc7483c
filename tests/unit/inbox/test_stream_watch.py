"""The first call that gets through again, whoever made it, brings the stream back, after a trouble of our own."""

from __future__ import annotations

import asyncio

import pytest

from mycel_runtime.errors import ConnectionClosed, HandshakeError, NotSentError
from mycel_runtime.inbox import stream_watch
from mycel_runtime.inbox.connection import CurrentConnection
from mycel_runtime.inbox.stream_watch import REFUSED_CALLS, UNKNOWN_CONNECTION, StarvedError, StreamWatch
from mycel_runtime.observe.observer import FanOut
from mycel_runtime.sdk.reconnect_backoff import ReconnectBackoff
from mycel_runtime.settings import InboxSettings

DEADLINE = 60.0
LONG_SECONDS = 60.0
OWN = [ConnectionClosed(1006), NotSentError("no route")]
SERVERS = [ConnectionClosed(1012), HandshakeError(502, ""), HandshakeError(403, "")]


class Sleeper:
    """Long waits never end, short ones at once."""

    async def sleep(self, seconds):
        await (asyncio.Event().wait() if seconds >= LONG_SECONDS else asyncio.sleep(0))


def watching(end, *, connection=None, look_interval=5.0, is_limited=False):
    """After one such end."""
    backoff = ReconnectBackoff(base=1.0, cap=60.0, stable_after=60.0)
    watch = StreamWatch(
        connection=connection or CurrentConnection(),
        backoff=backoff,
        settings=InboxSettings(),
        look_interval=look_interval,
        is_proxied=False,
        observer=FanOut([]),
        sleep=Sleeper().sleep,
        is_limited=lambda: is_limited,
    )
    backoff.note(end, lasted=3600.0)
    watch.ended(end, has_stood=isinstance(end, ConnectionClosed))
    return watch


async def pause_after(watch, *calls, seconds=0.05):
    """Whether the stream's wait ends by these calls within so long; nothing but them is waited for."""
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(watch.pause(LONG_SECONDS))
        for is_reached in calls:
            watch.call_made(is_reached, UNKNOWN_CONNECTION)
        done, _ = await asyncio.wait([waiting], timeout=seconds)
        waiting.cancel()
    return bool(done)


@pytest.mark.parametrize("end", OWN, ids=str)
async def test_the_first_call_that_gets_through_again_ends_the_wait(end):
    assert await pause_after(watching(end), False, True, seconds=DEADLINE)


@pytest.mark.parametrize("calls", [(), (True,), (True, False), (False, False)])
async def test_nothing_else_does(calls):
    assert not await pause_after(watching(OWN[0]), *calls)


@pytest.mark.parametrize("end", SERVERS, ids=str)
async def test_after_a_trouble_of_the_servers_all_clients_keep_their_waits(end):
    watch = watching(end)
    watch.call_made(False, UNKNOWN_CONNECTION)

    assert not await pause_after(watch, True)


@pytest.mark.parametrize(
    ("end", "is_limited", "is_hurried"),
    [
        (HandshakeError(429, ""), False, True),
        (HandshakeError(503, ""), True, True),
        (HandshakeError(503, ""), False, False),
        (HandshakeError(502, ""), True, False),
        (HandshakeError(429, "", retry_after_seconds=30.0), True, False),
    ],
    ids=str,
)
async def test_a_handshake_that_a_limit_has_refused_is_tried_again_when_a_call_is_let_through(
    end, is_limited, is_hurried
):
    """Nobody else is kept back by it, so that nobody comes back with us."""
    watch = watching(end, is_limited=is_limited)
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(watch.pause(LONG_SECONDS))
        watch.call_made(True, UNKNOWN_CONNECTION)
        done, _ = await asyncio.wait([waiting], timeout=DEADLINE if is_hurried else 0.05)
        waiting.cancel()

    assert bool(done) is is_hurried


@pytest.mark.parametrize(
    ("end", "is_hurried"),
    [
        (HandshakeError(503, ""), True),
        (HandshakeError(429, ""), True),
        (HandshakeError(502, ""), False),
        (HandshakeError(503, "", retry_after_seconds=9.0), False),
    ],
    ids=str,
)
async def test_a_handshake_that_is_refused_right_after_an_answered_call_is_tried_again_soon_once(
    end, is_hurried
):
    """Who we are is asked just before the first one: both together are more than some limits allow."""
    watch = watching(OWN[0])
    watch.trying()
    watch.ended(end, has_stood=False)
    if is_hurried:
        await asyncio.wait_for(watch.pause(LONG_SECONDS), DEADLINE)
    else:
        assert not await pause_after(watch)

    watch.trying()
    watch.ended(end, has_stood=False)
    assert not await pause_after(watch)


async def test_a_call_that_got_through_while_the_stream_was_tried_counts_for_the_wait_after_it():
    watch = watching(OWN[1])
    watch.trying()
    watch.call_made(False, UNKNOWN_CONNECTION)
    watch.call_made(True, UNKNOWN_CONNECTION)

    assert await asyncio.wait_for(watch.pause(LONG_SECONDS), DEADLINE) is None


@pytest.mark.parametrize("is_before", [True, False])
async def test_where_it_was_in_the_way_calls_that_get_through_are_no_reason_to_take_it_back_at_once(
    is_before,
):
    """They get through because it is gone, whoever makes them, and whenever."""
    end = StarvedError()
    watch = watching(end)
    watch.call_made(False, UNKNOWN_CONNECTION)
    watch._slot.starve()
    if is_before:
        watch.call_made(True, UNKNOWN_CONNECTION)
        watch.call_made(False, UNKNOWN_CONNECTION)
    watch.call_made(True, None)  # the look without a stream
    watch.looked_without(end)

    assert watch.is_connection_limited
    assert not await pause_after(watch, False, True)


def standing():
    """A stream that stands, and whose watch has a very long patience, but for where all calls fail."""
    connection = CurrentConnection()
    watch = watching(OWN[0], connection=connection, look_interval=0.02)
    connection.begin(lambda _reason: None)
    watch.connected()
    return watch


async def test_it_makes_way_after_one_looks_time_where_all_calls_fail_beside_it(monkeypatch):
    monkeypatch.setattr(stream_watch, "PATIENCE_LOOKS", 10**6)
    watch = standing()
    for _ in range(REFUSED_CALLS):
        watch.call_made(False, UNKNOWN_CONNECTION)
    with pytest.raises(StarvedError):
        await asyncio.wait_for(watch.wait_in_the_way(), DEADLINE)


async def test_one_call_of_anybody_that_gets_through_beside_it_gives_it_its_time(monkeypatch):
    """A limit of a rate lets something through now and then."""
    monkeypatch.setattr(stream_watch, "PATIENCE_LOOKS", 10**6)
    watch = standing()
    for _ in range(REFUSED_CALLS):
        watch.call_made(False, UNKNOWN_CONNECTION)
    watch.call_made(True, UNKNOWN_CONNECTION)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(watch.wait_in_the_way(), 0.2)


async def test_where_calls_hang_the_first_that_fails_is_enough_after_the_patience_of_some_looks():
    """A look that hangs and is repeated twice would say so after a minute."""
    watch = standing()
    watch.call_made(False, UNKNOWN_CONNECTION)
    with pytest.raises(StarvedError):
        await asyncio.wait_for(watch.wait_in_the_way(), DEADLINE)
