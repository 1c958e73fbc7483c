"""The connections of `Client`: bounded, shared by threads, and closed when they are no longer good for anything."""

from __future__ import annotations

import contextlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from mycel_runtime.errors import ContentTooLargeError, MycelError, NotSentError, TransportError
from mycel_runtime.sdk import Client, blocking_pool, calls, transport
from mycel_runtime.sdk.blocking_pool import BlockingPool
from mycel_runtime.sdk.deadline import Deadline
from mycel_runtime.sdk.network import Route
from tests.unit.sdk.wire import TOKEN, answer, answering, serving

pytestmark = pytest.mark.usefixtures("nothing_leaks")

OK = answer(b'{"id": "x"}')
HALF_AN_ANSWER = OK[:-4]
UNTIL_THE_END = b"HTTP/1.1 200 OK\r\n\r\n{}"


def limits(connections, expiry=60.0):
    return httpx.Limits(max_connections=connections, max_keepalive_connections=None, keepalive_expiry=expiry)


def client_of(server, **options):
    return Client(**{"auth_token": TOKEN, "base_url": server.base_url, "retries": 0} | options)


def outcome(call):
    """What a call came to, a result or an error."""
    try:
        return call()
    except MycelError as exc:
        return exc


@pytest.fixture
def threads():
    with ThreadPoolExecutor(16) as threads:
        yield threads


def test_no_more_connections_than_the_limit(monkeypatch, threads):
    monkeypatch.setattr(transport, "LIMITS", limits(3))
    with serving(answering(OK)) as server, client_of(server) as client:
        found = list(threads.map(lambda _: client.me.whoami(), range(100)))
    assert found == [{"id": "x"}] * 100
    assert server.connections <= 3


def test_wait_for_a_free_connection_is_bounded_and_nothing_was_sent(monkeypatch, threads):
    monkeypatch.setattr(transport, "LIMITS", limits(1))
    arrived, may_end = threading.Event(), threading.Event()

    def behave(peer, server):
        server.requests.append(peer.request())
        arrived.set()
        may_end.wait(20)
        peer.send(OK)

    with serving(behave) as server, client_of(server, timeout=httpx.Timeout(20.0, pool=0.1)) as client:
        held = threads.submit(outcome, client.me.whoami)
        assert arrived.wait(10)
        assert type(outcome(lambda: client.messages.send("c", "hi"))) is NotSentError
        may_end.set()
        held.result(20)
    assert len(server.requests) == 1


def test_wait_for_a_free_connection_is_bounded_by_the_call_s_deadline():
    deadline = Deadline()
    with serving(answering(OK)) as server:
        connections = BlockingPool(Route(server.base_url), deadline, limits=limits(1))
        request = httpx.Request("GET", server.base_url, extensions={"timeout": {}})
        with contextlib.closing(connections.handle_request(request)):
            with deadline.within(0.05), pytest.raises(httpx.PoolTimeout):
                connections.handle_request(request)
            with deadline.within(0.0), pytest.raises(httpx.PoolTimeout, match="deadline"):
                connections.handle_request(request)
        connections.close()
    assert len(server.requests) == 1


def test_a_response_left_early_gives_its_place_back_once():
    with serving(answering(OK)) as server:
        connections = BlockingPool(Route(server.base_url), Deadline(), limits=limits(1))
        request = httpx.Request("GET", server.base_url, extensions={"timeout": {"pool": 1.0}})
        for _ in range(3):
            response = connections.handle_request(request)
            response.close()
            response.close()
        assert connections._places._value == 1
        connections.close()
    assert server.connections == 3


def test_failed_calls_give_their_places_back(monkeypatch):
    monkeypatch.setattr(transport, "LIMITS", limits(1))

    def behave(peer, server):
        server.requests.append(peer.request())
        if len(server.requests) > 6:
            peer.send(OK)
        elif len(server.requests) % 2:
            peer.reset()
        else:
            peer.send(HALF_AN_ANSWER)

    with serving(behave) as server, client_of(server) as client:
        assert [type(outcome(client.me.whoami)) for _ in range(6)] == [TransportError] * 6
        assert client.me.whoami() == {"id": "x"}


def test_idle_connections_of_a_burst_are_closed_at_the_next_call(monkeypatch, threads):
    monkeypatch.setattr(transport, "LIMITS", limits(20, expiry=4.0))
    now = [0.0]
    monkeypatch.setattr(blocking_pool.time, "monotonic", lambda: now[0])
    together = threading.Barrier(5, timeout=20)

    def behave(peer, server):
        for number in range(2):
            if peer.request():
                together.wait() if number == 0 and server.connections <= 5 else None
                peer.send(OK)

    with serving(behave) as server, client_of(server, deadline_seconds=None) as client:
        list(threads.map(lambda _: client.me.whoami(), range(5)))
        now[0] = 5.0
        client.me.whoami()
        for _ in range(5):
            assert server.closed.acquire(timeout=10)
    assert server.connections == 6


@pytest.mark.parametrize(
    "said_so_far", [b"", HALF_AN_ANSWER, UNTIL_THE_END], ids=["no", "half an", "an endless"]
)
def test_closing_ends_a_call_of_another_thread_and_its_connection(threads, said_so_far):
    """An answer whose end is that of the connection is not over because we have ended it."""
    arrived = threading.Event()

    def behave(peer, server):
        server.requests.append(peer.request())
        peer.send(said_so_far)
        arrived.set()
        peer.wait_for_close()

    with serving(behave) as server:
        client = client_of(server)
        calling = threads.submit(outcome, lambda: client.messages.send("c", "hi"))
        assert arrived.wait(10)
        client.close()
        assert type(calling.result(8)) is TransportError
        assert server.closed.acquire(timeout=5)
    assert len(server.requests) == 1


def test_closing_ends_a_handshake_of_another_thread_with_nothing_sent(threads):
    arrived = threading.Event()

    def behave(peer, server):
        server.requests.append(peer.connection.recv(65_536))
        arrived.set()
        peer.wait_for_close()

    with serving(behave) as server:
        client = Client(
            auth_token=TOKEN, base_url=server.base_url.replace("http", "https"), retries=0, timeout=30.0
        )
        calling = threads.submit(outcome, lambda: client.messages.send("c", "hi"))
        assert arrived.wait(10)
        client.close()
        assert type(calling.result(8)) is NotSentError
        assert server.closed.acquire(timeout=5)
    assert len(server.requests) == 1


def test_closing_ends_the_wait_for_a_free_connection_with_nothing_sent(monkeypatch, threads):
    monkeypatch.setattr(transport, "LIMITS", limits(1))
    arrived = threading.Event()

    def behave(peer, server):
        server.requests.append(peer.request())
        arrived.set()
        peer.wait_for_close()

    with serving(behave) as server:
        client = client_of(server)
        holding = threads.submit(outcome, client.me.whoami)
        assert arrived.wait(10)
        waiting = threads.submit(outcome, lambda: client.messages.send("c", "hi"))
        client.close()
        # It may have come too late to wait at all: then it is told that the client is closed.
        assert type(holding.result(8)) is TransportError
        assert isinstance(waiting.result(8), NotSentError | transport.ClientUsageError)
    assert (len(server.requests), server.connections) == (1, 1)


def test_a_server_that_hangs_up_between_calls_costs_the_next_one_nothing():
    def behave(peer, server):
        server.requests.append(peer.request())
        peer.send(OK)

    with serving(behave) as server, client_of(server) as client:
        for _ in range(3):
            assert client.messages.send("c", "hi") == {"id": "x"}
            assert server.closed.acquire(timeout=10)
    assert (server.connections, len(server.requests)) == (3, 3)


def test_whoever_does_not_hear_all_of_a_request_is_heard_all_the_same():
    """As gateways do with what is too large: the rest of it cannot be written any more."""

    def behave(peer, server):
        server.requests.append(peer.connection.recv(65_536))
        peer.send(answer(b"<html>", "413 Request Entity Too Large", "text/html"))

    with serving(behave) as server, client_of(server) as client:
        error = outcome(lambda: client.call(calls.send_message("c", "x" * 16_000_000)))
    assert type(error) is ContentTooLargeError


def in_a_child(act):
    """The exit status of a fork that does it: 0 if it comes to what is true."""
    child = os.fork()
    if not child:
        is_right = False
        try:
            is_right = act()
        finally:
            os._exit(not is_right)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


forking = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


@forking
def test_a_child_of_a_fork_asks_on_connections_of_its_own():
    """On its parent's, each of the two could read the other one's answer."""
    with serving(answering(OK)) as server, client_of(server) as client:
        assert client.me.whoami() == {"id": "x"}
        assert in_a_child(lambda: client.me.whoami() == {"id": "x"}) == 0
        assert server.connections == 2
        assert client.me.whoami() == {"id": "x"}
    assert server.connections == 2


@forking
def test_a_child_of_a_fork_that_closes_its_copy_ends_no_call_of_its_parent(threads):
    arrived, may_end = threading.Event(), threading.Event()

    def behave(peer, server):
        peer.request()
        arrived.set()
        may_end.wait(20)
        peer.send(OK)

    with serving(behave) as server, client_of(server) as client:
        asking = threads.submit(outcome, client.me.whoami)
        assert arrived.wait(10)
        assert in_a_child(lambda: client.close() is None) == 0
        may_end.set()
        assert asking.result(20) == {"id": "x"}
