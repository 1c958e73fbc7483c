"""The connections of `AsyncClient`: bounded, reused, and closed when they are no longer good for anything."""

from __future__ import annotations

import asyncio
import ssl
import threading

import httpx
import pytest
import trustme

from mycel_runtime.errors import MycelError, NotSentError, TransportError
from mycel_runtime.sdk import AsyncClient, idle_connections, transport
from mycel_runtime.sdk.network import Route
from mycel_runtime.sdk.pool import AsyncPool
from mycel_runtime.sdk.transport import ClientUsageError
from tests.unit.sdk.proxies import http_proxy, socks_proxy
from tests.unit.sdk.wire import TOKEN, answer, answering, serving

pytestmark = pytest.mark.usefixtures("nothing_leaks")

OK = answer(b'{"id": "x"}')


def limits(connections, expiry=60.0):
    return httpx.Limits(max_connections=connections, max_keepalive_connections=None, keepalive_expiry=expiry)


def client_of(server, **options):
    return AsyncClient(**{"auth_token": TOKEN, "base_url": server.base_url, "retries": 0} | options)


async def test_no_more_connections_than_the_limit(monkeypatch):
    monkeypatch.setattr(transport, "LIMITS", limits(3))
    with serving(answering(OK)) as server:
        async with client_of(server) as client:
            found = await asyncio.gather(*(client.me.whoami() for _ in range(50)))
    assert found == [{"id": "x"}] * 50
    assert server.connections <= 3


async def test_one_after_the_other_needs_one_connection():
    with serving(answering(OK)) as server:
        async with client_of(server) as client:
            for _ in range(5):
                await client.me.whoami()
    assert server.connections == 1


async def test_wait_for_a_free_connection_is_bounded_and_nothing_was_sent(monkeypatch):
    monkeypatch.setattr(transport, "LIMITS", limits(1))
    arrived = threading.Event()

    def behave(peer, server):
        server.requests.append(peer.request())
        arrived.set()
        peer.wait_for_close()

    with serving(behave) as server:
        timeout = httpx.Timeout(20.0, pool=0.1)
        async with (
            client_of(server, timeout=timeout) as client,
            asyncio.timeout(60),
            asyncio.TaskGroup() as tasks,
        ):
            holder = tasks.create_task(client.me.whoami(), name="holder")
            assert await asyncio.to_thread(arrived.wait, 10)
            with pytest.raises(NotSentError):
                await client.messages.send("c", "hi")
            holder.cancel()
    assert len(server.requests) == 1


async def test_failed_and_cancelled_calls_give_their_places_back(monkeypatch):
    monkeypatch.setattr(transport, "LIMITS", limits(2))

    def behave(peer, server):
        server.requests.append(peer.request())
        if len(server.requests) > 6:
            peer.send(OK)
        elif len(server.requests) % 2:
            peer.reset()
        else:
            peer.wait_for_close()

    with serving(behave) as server:
        async with client_of(server, timeout=0.2) as client:
            for _ in range(6):
                await asyncio.gather(client.me.whoami(), return_exceptions=True)
            assert await client.me.whoami() == {"id": "x"}


async def test_idle_connections_of_a_burst_are_closed_at_the_next_call(monkeypatch):
    monkeypatch.setattr(transport, "LIMITS", limits(20, expiry=4.0))
    now = [0.0]
    monkeypatch.setattr(idle_connections.time, "monotonic", lambda: now[0])

    with serving(answering(OK)) as server:
        async with client_of(server) as client:
            await asyncio.gather(*(client.me.whoami() for _ in range(10)))
            now[0] = 5.0
            await client.me.whoami()
            for _ in range(server.connections - 1):
                assert await asyncio.to_thread(server.closed.acquire, timeout=10)
            assert not server.closed.acquire(blocking=False)


async def test_a_response_left_early_gives_its_place_back_once():
    with serving(answering(OK)) as server:
        connections = AsyncPool(Route(server.base_url), limits=limits(1))
        for _ in range(3):
            request = httpx.Request("GET", server.base_url, extensions={"timeout": {"pool": 1.0}})
            response = await connections.handle_async_request(request)
            await response.aclose()
            await response.aclose()
        assert connections._places._value == 1
        await connections.aclose()


HALF_AN_ANSWER = OK[:-4]
UNTIL_THE_END = b"HTTP/1.1 200 OK\r\n\r\n{}"


@pytest.mark.parametrize(
    "said_so_far", [b"", HALF_AN_ANSWER, UNTIL_THE_END], ids=["unanswered", "half-answered", "endless"]
)
async def test_closing_ends_a_call_under_way_and_its_connection(said_so_far):
    """An answer whose end is that of the connection is not over because we have ended it."""
    arrived = threading.Event()

    def behave(peer, server):
        server.requests.append(peer.request())
        peer.send(said_so_far)
        arrived.set()
        peer.wait_for_close()

    with serving(behave) as server:
        client = client_of(server)
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            calling = tasks.create_task(outcome(client.messages.send("c", "hi")), name="calling")
            assert await asyncio.to_thread(arrived.wait, 10)
            await client.aclose()
            ended = await calling
        assert (type(ended), len(server.requests)) == (TransportError, 1)
        assert await asyncio.to_thread(server.closed.acquire, timeout=5)


@pytest.mark.parametrize("is_whole", [True, False], ids=["answered", "half-answered"])
async def test_closing_at_any_step_of_a_call_leaves_no_connection_behind(is_whole):
    def behave(peer, server):
        if peer.request():
            peer.send(OK if is_whole else HALF_AN_ANSWER)
        peer.wait_for_close()

    with serving(behave) as server:
        for steps in range(60):
            client = client_of(server)
            async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
                tasks.create_task(outcome(client.me.whoami()), name="calling")
                await _turn(steps)
                await client.aclose()
            assert not len(client._carrier._transport._idle)
        for _ in range(server.connections):
            assert await asyncio.to_thread(server.closed.acquire, timeout=5)


async def test_closing_ends_the_wait_for_a_free_connection_with_nothing_sent(monkeypatch):
    monkeypatch.setattr(transport, "LIMITS", limits(1))
    arrived = threading.Event()

    def behave(peer, server):
        server.requests.append(peer.request())
        arrived.set()
        peer.wait_for_close()

    with serving(behave) as server:
        client = client_of(server)
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            holding = tasks.create_task(outcome(client.me.whoami()), name="holding")
            assert await asyncio.to_thread(arrived.wait, 10)
            waiting = tasks.create_task(outcome(client.messages.send("c", "hi")), name="waiting")
            await _turn(5)
            await client.aclose()
        assert (type(holding.result()), type(waiting.result())) == (TransportError, NotSentError)
    assert (len(server.requests), server.connections) == (1, 1)


async def outcome(call):
    """What a call came to, a result or an error."""
    try:
        return await call
    except MycelError as exc:
        return exc


@pytest.mark.parametrize("times", [1, 2])
async def test_a_client_is_none_the_worse_for_a_call_that_was_cancelled_at_any_step(times):
    """One step in some thirty left a connection that was never made, and that everybody waited for from then on."""
    with serving(answering(OK)) as server:
        for steps in range(60):
            async with client_of(server) as client, asyncio.timeout(60):
                async with asyncio.TaskGroup() as tasks:
                    cancelled = tasks.create_task(client.me.whoami())
                    await _turn(steps)
                    for _ in range(times):
                        cancelled.cancel()
                        await _turn(1)
                assert await client.me.whoami() == {"id": "x"}
                assert client._carrier._transport._places._value == transport.LIMITS.max_connections


async def _turn(times):
    """Let every task take so many steps."""
    for _ in range(times):
        await asyncio.sleep(0)


PROXIES = {"http": http_proxy, "socks5": socks_proxy}


@pytest.mark.slow
@pytest.mark.parametrize("scheme", PROXIES)
async def test_being_cancelled_at_any_step_on_the_way_through_a_proxy_leaves_no_connection_behind(scheme):
    authority = trustme.CA()
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(theirs)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with serving(answering(OK), theirs) as server, serving(PROXIES[scheme]()) as proxy:
        options = {"proxy": proxy.base_url.replace("http", scheme), "verify": trusting}
        for steps in range(0, 60, 3):
            async with client_of(server, **options) as client, asyncio.timeout(60):
                async with asyncio.TaskGroup() as tasks:
                    cancelled = tasks.create_task(client.me.whoami())
                    await _turn(steps)
                    cancelled.cancel()
                assert await client.me.whoami() == {"id": "x"}
        for _ in range(proxy.connections):
            assert await asyncio.to_thread(proxy.closed.acquire, timeout=5)


async def test_a_server_that_hangs_up_between_calls_costs_the_next_one_nothing():
    def behave(peer, server):
        server.requests.append(peer.request())
        peer.send(OK)

    with serving(behave) as server:
        async with client_of(server) as client:
            for _ in range(3):
                assert await client.messages.send("c", "hi") == {"id": "x"}
                assert await asyncio.to_thread(server.closed.acquire, timeout=10)
    assert (server.connections, len(server.requests)) == (3, 3)


def test_a_client_of_another_event_loop_says_so_and_sends_nothing():
    """Else the request left on a connection of the loop that is over, and nobody ever heard the answer."""

    async def send(client):
        return await outcome(client.messages.send("c", "hi"))

    with serving(answering(OK)) as server:
        client = client_of(server)
        with asyncio.Runner() as first:
            assert first.run(send(client)) == {"id": "x"}
            with asyncio.Runner() as second:
                error = second.run(send(client))
            first.run(client.aclose())
    assert type(error) is ClientUsageError
    assert "event loop" in str(error)
    assert len(server.requests) == 1
