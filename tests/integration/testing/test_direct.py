"""Who comes in by the door gets what he would get through a socket, and so does who listens at it."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from mycel_runtime.backend.door_exchange import Asked
from mycel_runtime.backend.inline import InlineBackend
from mycel_runtime.backend.options import BackendOptions
from mycel_runtime.errors import ConnectionClosed, HandshakeError, NotSentError, ServerError, TransportError
from mycel_runtime.sdk import AsyncClient, Client
from mycel_runtime.sdk.network import Network
from mycel_runtime.sdk.transport import ClientUsageError
from mycel_runtime.testing.direct import DirectLink

LONG_SECONDS = 3600.0


class Place:
    """A backend, an agent in a chat with a person, and its clients."""

    def __init__(self, backend):
        self.backend, self.faults = backend, backend.faults
        self.bob = backend.ask("add_guest", name="Bob")["id"]
        ada = backend.ask("add_external", owner_id=self.bob, user_id="ada", name="Ada")
        self.ada, self.token = ada["id"], ada["token"]
        self.chat = backend.ask("open_direct", user_id=self.ada, other_id=self.bob)["id"]
        self.network = Network(link=DirectLink(backend))

    def client(self, **options):
        defaults = {"base_url": self.backend.base_url, "auth_token": self.token, "retries": 0}
        return AsyncClient(**defaults | {"network": self.network} | options)

    async def first_frame(self, frames):
        """Of a new stream, which is told of a message."""
        async with asyncio.TaskGroup() as tasks:
            hearing = tasks.create_task(_awaited(anext(frames)))
            await self.reaches(lambda: any(inbox["is_listening"] for inbox in self.backend.ask("inboxes")))
            self.backend.ask("say", user_id=self.bob, chat_id=self.chat, content="hello")
        return hearing.result()["metadata"]

    async def reaches(self, is_reached):
        """Wait for something that comes by itself."""
        while not is_reached():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0)

    @property
    def said(self):
        return [message["content"] for message in self.backend.ask("messages", chat_id=self.chat)]


@pytest.fixture
async def place():
    async with InlineBackend(BackendOptions()) as backend:
        yield Place(backend)


CAUGHT_UP = b'{"content": "a", "enforce_caught_up": true}'
ASKED = {
    "known": ("GET", "/api/auth/me", None, True),
    "with a query": ("GET", "/api/chats/{chat}/messages?limit=1&before=9", None, True),
    "escaped": ("GET", "/api/chats/%C3%A4%2F/messages", None, True),
    "nobody": ("GET", "/api/auth/me", None, False),
    "nothing there": ("GET", "/api/nothing", None, True),
    "not that way": ("PUT", "/api/auth/me", b"{}", True),
    "invalid": ("POST", "/api/chats/{chat}/messages", b'{"content": 1}', True),
    "no JSON": ("POST", "/api/chats/{chat}/messages", b"{", True),
    "broken": ("GET", "/api/chats/{chat}/messages?before=x", None, True),
    "read": ("POST", "/api/chats/{chat}/messages/read", None, True),
    "read of a stranger": ("POST", "/api/chats/{chat}/messages/read", None, False),
    "read where one is not": ("POST", "/api/chats/nowhere/messages/read", None, True),
    "blank": ("POST", "/api/chats/{chat}/messages", b'{"content": " "}', True),
    "not caught up": ("POST", "/api/chats/{chat}/messages", CAUGHT_UP, True),
    "not storable": ("POST", "/api/chats/{chat}/messages", b'{"content": "a\\u0000"}', True),
}


@pytest.mark.parametrize("asked", ASKED)
async def test_an_answer_is_the_same_as_through_a_socket(place, asked):
    method, path, body, is_known = ASKED[asked]
    place.backend.ask("say", user_id=place.bob, chat_id=place.chat, content="unread")
    headers = {"Authorization": f"Bearer {place.token}"} if is_known else {}
    headers |= {} if body is None else {"Content-Type": "application/json"}
    url = place.backend.base_url + path.format(chat=place.chat)
    request = httpx.Request(method, url, headers=headers, content=body)
    # What is read is not unread any more: the first one has done it.
    seen = [await way(request, place) for way in (_by_socket, _by_door, _by_socket)]
    assert seen[1] == seen[2]


async def test_a_lost_answer_is_lost_after_the_deed(place):
    place.faults.lose_answer()
    async with place.client() as client:
        with pytest.raises(TransportError) as lost:
            await client.messages.send(place.chat, "one")
        assert not isinstance(lost.value, NotSentError)
        await client.messages.send(place.chat, "two")
    assert place.said == ["one", "two"]


async def test_a_dropped_request_does_nothing(place):
    place.faults.drop_request(method="POST")
    async with place.client() as client:
        with pytest.raises(TransportError):
            await client.messages.send(place.chat, "one")
    assert place.said == []


async def test_what_is_cancelled_is_carried_out_all_the_same(place):
    place.faults.delay(0.05, method="POST")
    async with place.client() as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await client.messages.send(place.chat, "one")
        await place.reaches(lambda: place.said)
    assert place.said == ["one"]


async def test_a_client_that_is_closed_ends_its_calls(place):
    place.faults.delay(LONG_SECONDS, method="POST")
    client = place.client()
    async with asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(_error_of(client.messages.send(place.chat, "one")))
        await asyncio.sleep(0)
        await client.aclose()
    assert isinstance(sending.result(), TransportError)
    assert isinstance(await _error_of(client.me.whoami()), ClientUsageError)


async def test_patience_ends_with_the_read_timeout(place):
    place.faults.delay(LONG_SECONDS)
    async with place.client(timeout=0.05) as client:
        with pytest.raises(TransportError, match="ReadTimeout"):
            await client.me.whoami()


async def test_after_an_uncaught_error_the_next_request_dies_with_its_connection(place):
    """As the genuine server (contract 1.4); the one after it is on another connection."""
    broken = place.client()
    async with broken:
        with pytest.raises(ServerError):
            await broken.messages.list(place.chat, before="x")
        with pytest.raises(TransportError):
            await broken.messages.send(place.chat, "one")
        await broken.messages.send(place.chat, "two")
    assert place.said == ["two"]


async def test_a_new_life_of_the_server_knows_what_was_said(place):
    async with place.client() as client:
        await client.messages.send(place.chat, "one")
        place.faults.restart()
        await place.reaches(lambda: place.backend.door is None)
        with pytest.raises(NotSentError):
            await client.messages.send(place.chat, "two")
        await place.reaches(lambda: place.backend.door is not None)
        await client.messages.send(place.chat, "three")
    assert place.said == ["one", "three"]


async def test_a_stream_hears_and_is_told_of_the_servers_end(place):
    async with place.client() as client:
        frames = client.notifications.stream(since_seq=0)
        assert (await place.first_frame(frames))["chat_id"] == place.chat
        place.faults.restart()
        with pytest.raises(ConnectionClosed) as closed:
            await _drained(frames)
        assert closed.value.code == 1012


async def test_a_stream_can_be_cut_and_refused(place):
    async with place.client() as client:
        frames = client.notifications.stream(since_seq=0)
        await place.first_frame(frames)
        place.faults.drop_streams()
        with pytest.raises(ConnectionClosed) as closed:
            await _drained(frames)
        assert closed.value.code == 1006
        place.faults.refuse(503, path="/api/runtime/.*")
        with pytest.raises(HandshakeError) as refused:
            await anext(client.notifications.stream())
        assert refused.value.status_code == 503
        place.faults.drop_request(path="/api/runtime/.*")
        with pytest.raises(TransportError):
            await anext(client.notifications.stream())


async def test_a_stream_to_nobody_is_no_connection(place):
    async with place.client() as client:
        place.faults.restart()
        await place.reaches(lambda: place.backend.door is None)
        with pytest.raises(TransportError):
            await anext(client.notifications.stream())


async def test_who_is_elsewhere_comes_in_through_a_socket(place):
    def send():
        with Client(base_url=place.backend.base_url, auth_token=place.token) as client:
            client.messages.send(place.chat, "from a thread")

    await asyncio.to_thread(send)
    assert place.said == ["from a thread"]


async def test_a_request_gives_others_their_turn_and_is_done_whoever_waits(place):
    place.backend.ask("say", user_id=place.bob, chat_id=place.chat, content="unread")
    turns = []
    async with place.client() as client, asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(client.messages.read(place.chat))
        tasks.create_task(_noted(turns, reading))
        assert [message["content"] for message in await reading] == ["unread"]
        place.backend.ask("say", user_id=place.bob, chat_id=place.chat, content="unread, too")
        cancelled = tasks.create_task(client.messages.read(place.chat))
        await asyncio.sleep(0)
        cancelled.cancel()
    assert turns == [False]
    assert cancelled.cancelled()
    async with place.client() as client:
        assert await client.messages.read(place.chat) == []


def test_a_link_is_nothing_for_who_has_no_loop():
    with pytest.raises(ClientUsageError, match=r"network\.link is for AsyncClient"):
        Client(base_url="http://x", network=Network(link=DirectLink(InlineBackend(BackendOptions()))))


async def _by_socket(request, _place):
    async with httpx.AsyncClient() as client:
        answer = await client.send(request)
    return answer.status_code, _but_the_time(answer.headers.raw), answer.content


async def _by_door(request, place):
    raw_path, _, query = request.url.raw_path.partition(b"?")
    asked = Asked(
        method=request.method,
        path=request.url.path,
        raw_path=raw_path,
        query=query,
        headers=[(name.lower(), value) for name, value in request.headers.raw],
        body=await request.aread(),
    )
    answered = await place.backend.door.connection().ask(asked)
    return answered.status, _but_the_time(answered.headers), answered.body


def _but_the_time(headers):
    assert b"date" in dict(headers)
    return [(name, value) for name, value in headers if name != b"date"]


async def _drained(frames):
    """To its end; a frame may come twice, live and replayed."""
    async for _ in frames:
        pass


async def _noted(turns, reading):
    """Whether it is done already, at this one's first turn."""
    turns.append(reading.done())


async def _awaited(awaitable):
    return await awaitable


async def _error_of(call):
    try:
        await call
    except Exception as exc:  # noqa: BLE001 - whatever it is, it is looked at
        return exc
    return None
