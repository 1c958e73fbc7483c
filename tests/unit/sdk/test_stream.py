"""The notification stream against real sockets, in both colours."""

from __future__ import annotations

import asyncio
import random
import socket
import threading
import time

import pytest
from websockets.frames import Frame, Opcode

from mycel_runtime.errors import (
    AuthenticationError,
    ConnectionClosed,
    HandshakeError,
    NotSentError,
    ReplayOverflow,
    TransportError,
    WireError,
)
from mycel_runtime.sdk import AsyncClient, Client, notifications
from mycel_runtime.sdk.blocking_stream import open_sync_stream
from mycel_runtime.sdk.stream import open_stream
from mycel_runtime.sdk.transport import ClientUsageError
from tests.unit.sdk.upgraded import Upgraded, notify
from tests.unit.sdk.wire import TOKEN, answer, serving

pytestmark = pytest.mark.usefixtures("nothing_leaks")

FORBIDDEN = answer(b"", "403 Forbidden", "text/plain")


def streaming(talk):
    """A server whose streams are `talk`; other requests are answered with a user."""

    def behave(peer, server):
        while request := peer.request():
            server.requests.append(request)
            if b"/subscribe" not in request:
                peer.send(answer(b'{"id": "x"}'))
                continue
            talk(Upgraded(peer, request), server)
            return

    return serving(behave)


def refusing(refusal, me):
    """A server that refuses the stream, and says `me` of the token."""

    def behave(peer, server):
        while request := peer.request():
            server.requests.append(request)
            peer.send(refusal if b"/subscribe" in request else me)
            if b"/subscribe" in request:
                return

    return serving(behave)


def test_notify_frames_come_as_they_are_and_other_kinds_are_passed_over(colour):
    def talk(stream, server):
        stream.say(notify(1) | {"new_field": {"a": [None]}})
        stream.say({"type": "something_new", "seq": 2})
        stream.say(notify(3))
        stream.hear()

    with streaming(talk) as server:
        found = colour.frames(server.base_url, 2)
    assert found == [notify(1) | {"new_field": {"a": [None]}}, notify(3)]
    assert f"authorization: bearer {TOKEN.lower()}" in server.requests[0].decode().lower()


@pytest.mark.parametrize("since_seq", [0, 17])
def test_resume_is_said_once_and_first(colour, since_seq):
    heard = []

    def talk(stream, server):
        heard.append(stream.hear())
        stream.say(notify(18))
        heard.append(stream.hear())

    with streaming(talk) as server:
        colour.frames(server.base_url, 1, since_seq=since_seq)
    assert heard == [{"type": "resume", "since_seq": since_seq}, None]


def test_nothing_is_said_without_a_since_seq(colour):
    heard = []

    def talk(stream, server):
        stream.say(notify(1))
        heard.append(stream.hear())

    with streaming(talk) as server:
        colour.frames(server.base_url, 1)
    assert heard == [None]


def test_overflow_is_raised_with_its_frame(colour):
    overflow = {"type": "replay_overflow", "since_seq": 1, "oldest_seq": 9}

    def talk(stream, server):
        stream.say(overflow)
        stream.hear()

    with streaming(talk) as server:
        (error,) = colour.frames(server.base_url, 2, since_seq=1, reconnect=True)
    assert (type(error), error.frame) == (ReplayOverflow, overflow)


def test_close_code_and_reason_are_kept(colour):
    def talk(stream, server):
        stream.say(notify(1))
        stream.close(1012, "restart")

    with streaming(talk) as server:
        frame, error = colour.frames(server.base_url, 5)
    assert frame == notify(1)
    assert (type(error), error.code, error.reason) == (ConnectionClosed, 1012, "restart")


@pytest.mark.slow
def test_peer_that_says_goodbye_and_stays_is_left(colour):
    def talk(stream, server):
        stream.say_goodbye(1001, "going away")
        stream.hang()

    with streaming(talk) as server:
        (error,) = colour.frames(server.base_url, 1)
    assert (type(error), error.code) == (ConnectionClosed, 1001)


def test_drop_without_a_close_frame_is_1006(colour):
    with streaming(lambda stream, server: stream.say(notify(1))) as server:
        _, error = colour.frames(server.base_url, 5)
    assert (type(error), error.code) == (ConnectionClosed, 1006)


@pytest.mark.parametrize("text", ["no json", "[1]", "[" * 100_000])
def test_message_that_is_no_json_object_is_a_wire_error(colour, text):
    def talk(stream, server):
        stream.say(text)
        stream.hear()

    with streaming(talk) as server:
        (error,) = colour.frames(server.base_url, 1)
    assert type(error) is WireError


def test_huge_frame_ends_the_stream_with_1009(colour):
    def talk(stream, server):
        stream.say('{"type": "notify", "x": "' + "x" * 2_000_000 + '"}')
        stream.hear()

    with streaming(talk) as server:
        (error,) = colour.frames(server.base_url, 1)
    assert (type(error), error.code) == (ConnectionClosed, 1009)


def test_q18_refused_handshake_with_a_bad_token_is_an_authentication_error(colour):
    unauthorized = answer(b'{"detail": "Token expired"}', "401 Unauthorized")
    with refusing(FORBIDDEN, unauthorized) as server:
        (error,) = colour.frames(server.base_url, 1, reconnect=True)
    assert (type(error), error.detail) == (AuthenticationError, "Token expired")


def test_q18_refused_handshake_with_a_good_token_keeps_its_status(colour):
    with refusing(FORBIDDEN, answer(b'{"id": "x"}')) as server:
        (error,) = colour.frames(server.base_url, 1)
    assert (type(error), error.status_code) == (HandshakeError, 403)


def test_redirect_at_the_handshake_is_named_and_not_followed(colour):
    with streaming(lambda stream, server: stream.hear()) as elsewhere:
        location = f"Location: {elsewhere.base_url.replace('http', 'ws')}/api/runtime/inbox/subscribe"
        redirect = answer(b"", "307 Temporary Redirect", "text/plain", location)
        with refusing(redirect, answer(b'{"id": "x"}')) as server:
            (error,) = colour.frames(server.base_url, 1)
    assert (type(error), error.status_code, elsewhere.connections) == (HandshakeError, 307, 0)
    assert f'set base_url to "{elsewhere.base_url}"' in str(error)


def test_refused_connection_is_a_transport_error(colour):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        (error,) = colour.frames(f"http://127.0.0.1:{unused.getsockname()[1]}", 1)
    assert type(error) is NotSentError


def test_silent_handshake_ends_at_the_connect_timeout(colour):
    def behave(peer, server):
        peer.request()
        peer.wait_for_close()

    with serving(behave) as server:
        started = time.monotonic()
        (error,) = colour.frames(server.base_url, 1, connect_timeout=0.2)
        assert time.monotonic() - started < 8
    assert isinstance(error, TransportError)


@pytest.mark.parametrize(
    "garbage", [b"", b"HTTP/1.1 200 OK\r\n\r\n", b"SSH-2.0\r\n\r\n", b"HTTP/1.1 101 X\r\n\r\n"]
)
def test_broken_handshake_is_typed(colour, garbage):
    def behave(peer, server):
        if b"/subscribe" in peer.request():
            peer.send(garbage)
        else:
            peer.send(answer(b'{"id": "x"}'))

    with serving(behave) as server:
        (error,) = colour.frames(server.base_url, 1)
    assert isinstance(error, TransportError | HandshakeError), error


def test_should_stop_ends_a_silent_stream(colour):
    asked = []

    def should_stop():
        asked.append(1)
        return len(asked) > 3

    with streaming(lambda stream, server: stream.hear()) as server:
        assert colour.frames(server.base_url, 1, timeout=0.02, should_stop=should_stop) == []
    assert len(asked) == 4


@pytest.fixture
def soon(monkeypatch):
    """Come back within hundredths of a second."""
    monkeypatch.setattr(notifications, "RECONNECT", {"base": 0.01, "cap": 0.01, "stable_after": 60.0})


@pytest.fixture
def pauses(monkeypatch):
    """The pauses that a stream makes, the longest that the dice allow, without their time."""
    made = []

    async def pause_async(seconds, should_stop):
        made.append(round(seconds, 2))

    monkeypatch.setattr(notifications, "_pause", lambda seconds, should_stop: made.append(round(seconds, 2)))
    monkeypatch.setattr(notifications, "_pause_async", pause_async)
    monkeypatch.setattr(notifications, "_DICE", Highest())
    return made


class Highest(random.Random):
    def random(self):
        return 1.0


@pytest.mark.parametrize(("code", "longest"), [(1012, 50.05), (1013, 50.05), (1000, 1.05), (1011, 1.05)])
def test_reconnect_comes_back_spread_after_an_end_that_all_clients_share(colour, pauses, code, longest):
    def talk(stream, server):
        stream.say(notify(len(server.requests)))
        stream.close(code, "")

    with streaming(talk) as server:
        colour.frames(server.base_url, 2, reconnect=True)
    assert pauses == [longest]


def test_reconnect_to_a_server_that_ends_every_connection_after_a_frame_becomes_rare(colour, pauses):
    def talk(stream, server):
        stream.say(notify(len(server.requests)))

    with streaming(talk) as server:
        colour.frames(server.base_url, 5, reconnect=True)
    assert pauses == [1.05, 2.05, 4.05, 8.05]


@pytest.mark.parametrize("status", ["429 Too Many Requests", "502 Bad Gateway", "503 Unavailable"])
def test_a_refusal_of_the_handshake_that_everybody_is_told_is_not_asked_about(colour, status):
    """`me` would only be one request more for a server that has too many."""

    def behave(peer, server):
        while request := peer.request():
            server.requests.append(request)
            peer.send(answer(b"", status))

    with serving(behave) as server:
        (error,) = colour.frames(server.base_url, 1)
    assert (type(error), len(server.requests)) == (HandshakeError, 1)


def test_reconnect_goes_on_from_the_last_frame_given(colour, soon):
    heard = []

    def talk(stream, server):
        heard.append(stream.hear()["since_seq"])
        first = heard[-1] + 1
        stream.say(notify(first))
        stream.say(notify(first + 1))
        stream.close(1012, "restart")

    with streaming(talk) as server:
        found = colour.frames(server.base_url, 5, since_seq=0, reconnect=True)
    assert [frame["seq"] for frame in found] == [1, 2, 3, 4, 5]
    assert heard == [0, 2, 4]


def test_reconnect_outlives_refusals(colour, soon):
    def behave(peer, server):
        while request := peer.request():
            server.requests.append(request)
            if b"/subscribe" not in request:
                peer.send(answer(b"", "503 Unavailable"))
            elif sum(b"/subscribe" in request for request in server.requests) < 3:
                peer.send(answer(b"", "502 Bad Gateway"))
                return
            else:
                stream = Upgraded(peer, request)
                stream.say(notify(1))
                stream.hear()
                return

    with serving(behave) as server:
        assert colour.frames(server.base_url, 1, reconnect=True) == [notify(1)]


def test_reconnect_comes_not_before_the_server_wants_it(colour, soon):
    asked_at = []

    def behave(peer, server):
        while request := peer.request():
            if b"/subscribe" not in request:
                peer.send(answer(b"", "503 Unavailable"))
                continue
            asked_at.append(time.monotonic())
            if len(asked_at) > 1:
                Upgraded(peer, request).say(notify(1))
            else:
                peer.send(answer(b"", "503 Unavailable", "text/plain", "Retry-After: 1"))
            return

    with serving(behave) as server:
        assert colour.frames(server.base_url, 1, reconnect=True) == [notify(1)]
    assert asked_at[-1] - asked_at[0] >= 1.0


def test_pause_between_connections_asks_should_stop(colour, monkeypatch):
    monkeypatch.setattr(notifications, "RECONNECT", {"base": 7200.0, "cap": 7200.0, "stable_after": 60.0})
    monkeypatch.setattr(notifications, "STOP_POLL_SECONDS", 0.01)
    stop = threading.Event()

    def talk(stream, server):
        stop.set()

    with streaming(talk) as server:
        assert colour.frames(server.base_url, 1, reconnect=True, should_stop=stop.is_set) == []


@pytest.mark.slow
class TestHalfOpen:
    """The peer is gone without a word: only a ping with a deadline can tell."""

    PINGS = {"ping_interval": 0.05, "ping_timeout": 0.05}  # noqa: RUF012 - never written to

    @staticmethod
    def silent():
        def behave(peer, server):
            Upgraded(peer, peer.request()).hang()

        return serving(behave)

    def test_sync(self):
        with self.silent() as server:
            options = {"base_url": server.base_url, "auth_token": TOKEN, "since_seq": None} | self.PINGS
            with open_sync_stream(**options) as stream, pytest.raises(ConnectionClosed):
                stream.receive(20)

    async def test_async(self):
        with self.silent() as server:
            options = {"base_url": server.base_url, "auth_token": TOKEN, "since_seq": None} | self.PINGS
            async with open_stream(**options) as stream, asyncio.timeout(60):
                with pytest.raises(ConnectionClosed):
                    await stream.receive()


async def test_one_address_is_connected_to_without_a_race(monkeypatch):
    """asyncio's race loses the winner's socket if it is cancelled in the moment of the win."""

    async def lose(*_args, **_options):
        raise AssertionError("a race")

    monkeypatch.setattr("asyncio.base_events.staggered.staggered_race", lose)
    with streaming(lambda stream, _server: stream.say(notify(1))) as server:
        options = {"base_url": server.base_url, "auth_token": TOKEN, "since_seq": None}
        async with open_stream(**options) as stream, asyncio.timeout(60):
            assert await stream.receive()


async def test_what_has_come_is_received_together_and_its_end_comes_after_it():
    """In parts, binary or no text: as each by itself would be received."""
    lines = [Frame(Opcode.TEXT, f"{number} ü".encode()) for number in range(5)]
    odd = [Frame(Opcode.TEXT, b"in ", fin=False), Frame(Opcode.PING, b""), Frame(Opcode.CONT, b"parts")]
    spoilt = [Frame(Opcode.BINARY, b"bits"), Frame(Opcode.TEXT, b"6"), Frame(Opcode.TEXT, b"\xff")]

    def talk(stream, _server):
        stream.send(*lines, *odd, Frame(Opcode.TEXT, b"5"), *spoilt, Frame(Opcode.TEXT, b"7"))
        stream.hear()

    with streaming(talk) as server:
        options = {"base_url": server.base_url, "auth_token": TOKEN, "since_seq": None}
        async with open_stream(**options) as stream, asyncio.timeout(60):
            first = await stream.receive_many(3)
            parts = [first + await stream.receive_many(3), *[await stream.receive_many(9) for _ in "12"]]
            with pytest.raises(ConnectionClosed, match="1007"):
                await stream.receive_many(9)

    assert parts == [["0 ü", "1 ü", "2 ü", "3 ü", "4 ü"], ["in parts", "5"], [b"bits", "6"]]


async def test_what_the_handshake_was_is_not_kept_with_the_connection():
    """The token is in it; and a process may have a thousand connections, whose dicts share their keys."""

    def talk(stream, _server):
        stream.hear()

    with streaming(talk) as server:
        options = {"base_url": server.base_url, "auth_token": TOKEN, "since_seq": None}
        async with asyncio.timeout(60), open_stream(**options) as one, open_stream(**options) as other:
            connections = [stream._connection for stream in (one, other)]
            assert [each.request for each in connections] == [None, None]
            assert [[*each.response.headers] for each in connections] == [[], []]
            assert all({"heard_at", "lost_at", "_texts"}.isdisjoint(vars(each)) for each in connections)


async def test_a_socket_waits_while_nobody_takes_what_has_come():
    """And goes on when somebody does, though nobody takes one by one."""
    text = "x" * 1000

    def talk(stream, _server):
        stream.send(*[Frame(Opcode.TEXT, text.encode())] * 20_000)

    with streaming(talk) as server:
        options = {"base_url": server.base_url, "auth_token": TOKEN, "since_seq": None, "queued_frames": 64}
        async with open_stream(**options) as stream, asyncio.timeout(60):
            received = await stream.receive_many(1)
            while len(received) < 20_000:
                more = await stream.receive_many(20_000)
                assert len(more) < 2_000
                received += more

    assert received == [text] * 20_000


async def test_cancelling_closes_the_stream():
    closed = threading.Event()

    def talk(stream, server):
        stream.say(notify(1))
        stream.hear()
        closed.set()

    first = asyncio.Event()

    async def listen(client):
        async for _ in client.notifications.stream():
            first.set()

    with streaming(talk) as server:
        async with (
            AsyncClient(auth_token=TOKEN, base_url=server.base_url) as client,
            asyncio.timeout(60),
            asyncio.TaskGroup() as tasks,
        ):
            task = tasks.create_task(listen(client), name="listen")
            await first.wait()
            task.cancel()
        assert await asyncio.to_thread(closed.wait, 10)


async def test_cancelling_a_call_closes_its_connection_and_no_other():
    arrived = threading.Event()

    def behave(peer, server):
        while request := peer.request():
            server.requests.append(request)
            if b"/slow/" in request:
                arrived.set()
                peer.wait_for_close()
                return
            peer.send(answer(b"[]"))

    with serving(behave) as server:
        async with AsyncClient(auth_token=TOKEN, base_url=server.base_url) as client:
            async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
                task = tasks.create_task(client.messages.unread("slow"), name="slow")
                assert await asyncio.to_thread(arrived.wait, 10)
                task.cancel()
            assert task.cancelled()
            assert await asyncio.to_thread(server.closed.acquire, timeout=10)
            assert await client.messages.unread("quick") == []


def test_stream_without_a_token_is_refused_when_it_is_first_asked():
    with Client(base_url="http://127.0.0.1:9") as client:
        stream = client.notifications.stream()
        with pytest.raises(ClientUsageError, match="auth_token is required for notification stream"):
            next(stream)
