"""The gateway and the proxy do what a test orders, and what a client can tell, with the SDK as the client."""

from __future__ import annotations

import asyncio

import pytest

from mycel_runtime.errors import ApiError, ConnectionClosed, HandshakeError, MycelError
from mycel_runtime.sdk import AsyncClient, Client
from tests.road.forward_proxy import ForwardProxy
from tests.road.gateway import STRIP, Limit
from tests.road.message import LOGIN_PAGE, html, redirect

SEND = ("POST", "/messages$")


@pytest.fixture
def owner_token(backend):
    with Client(base_url=backend.base_url) as nobody:
        return nobody.auth.create_guest_owner("owner")["token"]


@pytest.fixture
def token(backend, owner_token):
    """The agent's."""
    with Client(base_url=backend.base_url, auth_token=owner_token) as owner:
        return owner.auth.create_external_user("agent", "Agent")["token"]


@pytest.fixture
def client(gateway, owner_token):
    with Client(base_url=gateway.base_url, auth_token=owner_token) as made:
        yield made


@pytest.fixture
def chat_id(client, token):
    return client.chats.ensure_direct("agent")["id"]


def said(client, chat_id):
    return [message["content"] for message in client.messages.list_all(chat_id)]


def test_calls_go_through_and_are_counted_by_kind(gateway, client, chat_id):
    client.messages.send(chat_id, "grüß Gott")

    assert said(client, chat_id) == ["grüß Gott"]
    assert gateway.calls["POST /api/chats/{id}/messages"] == 1
    assert gateway.refused == {}


@pytest.mark.parametrize("answer", [redirect("https://login.example/"), LOGIN_PAGE, html(418, "Teapot")])
def test_an_answer_is_replaced_before_or_after_the_request_was_carried_out(gateway, client, chat_id, answer):
    gateway.replace(answer, *SEND, count=1)
    gateway.replace_after(answer, *SEND, count=1)

    for text in ("never", "stored", "again"):
        try:
            client.messages.send(chat_id, text, enforce_caught_up=False)
        except MycelError:
            continue

    assert said(client, chat_id) == ["stored", "again"]
    assert gateway.refused == {"POST /api/chats/{id}/messages": 1}


def test_the_nth_request_is_hit(gateway, client, chat_id):
    gateway.replace(html(403, "Forbidden"), "GET", "/api/chats$", skip=1, count=1)

    client.chats.list()
    with pytest.raises(ApiError, match="403"):
        client.chats.list()
    client.chats.list()


def test_a_limit_refuses_what_is_beyond_rate_and_burst():
    limit = Limit(rate=10.0, burst=2)

    passed = [limit.lets_pass(now, "/") for now in (1.0, 1.0, 1.0, 1.0, 1.05, 1.1, 1.11)]

    assert passed == [True, True, True, False, False, True, False]


def test_requests_beyond_the_limit_are_refused_and_counted(gateway, client):
    gateway.limit = Limit(rate=0.001, answer=html(429, "Too Many Requests", retry_after=1))
    client.chats.list()
    gateway.limit.answer = html(418, "Teapot")  # which nobody repeats

    with pytest.raises(ApiError, match="418"):
        client.chats.list()

    assert gateway.refused == {"GET /api/chats": 1}
    assert gateway.statuses["GET /api/chats", 418] == 1


def test_a_body_that_is_too_large_is_refused(gateway, client, chat_id):
    gateway.max_body_bytes = 200

    with pytest.raises(ApiError, match="413"):
        client.messages.send(chat_id, "x" * 200, enforce_caught_up=False)


async def first_frame(base_url, token, **options):
    async with AsyncClient(base_url=base_url, auth_token=token, **options) as client:
        return await anext(client.notifications.stream())


async def first_frame_of(client, chat_id, *args, **options):
    """Something is said until a frame tells it: nothing is announced before the subscription stands."""

    async def speak():
        while True:
            await asyncio.to_thread(client.messages.send, chat_id, "hello", enforce_caught_up=False)
            await asyncio.sleep(0.05)

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        speaker = tasks.create_task(speak(), name="speaker")
        frame = await first_frame(*args, **options)
        speaker.cancel()
    return frame


async def test_a_stream_goes_through(gateway, client, chat_id, token):
    assert await first_frame_of(client, chat_id, gateway.base_url, token)
    assert gateway.statuses["GET /api/runtime/inbox/subscribe", 101] == 1


@pytest.mark.parametrize("upgrade", [STRIP, html(403, "Forbidden")])
async def test_a_handshake_is_refused_by_the_gateway_or_its_headers_are_lost(gateway, client, token, upgrade):
    gateway.upgrade = upgrade

    with pytest.raises(HandshakeError):
        await first_frame(gateway.base_url, token)


async def test_a_stream_on_which_nothing_is_said_is_cut(gateway, client, token):
    gateway.quiet_seconds = 0.1

    with pytest.raises(ConnectionClosed):
        await first_frame(gateway.base_url, token)


async def test_a_proxy_carries_calls_and_stream(backend, client, chat_id, token):
    with ForwardProxy() as proxy:
        async with AsyncClient(base_url=backend.base_url, auth_token=token, proxy=proxy.base_url) as via:
            await via.messages.send(chat_id, "by a detour", enforce_caught_up=False)
        assert said(client, chat_id) == ["by a detour"]
        assert await first_frame_of(client, chat_id, backend.base_url, token, proxy=proxy.base_url)

    assert sum(proxy.calls.values()) >= 2


async def test_a_proxy_wants_credentials_and_may_forbid_tunnels(backend, client, chat_id, token):
    with ForwardProxy() as proxy:
        proxy.credentials = ("user", "secret")
        async with AsyncClient(base_url=backend.base_url, auth_token=token, proxy=proxy.base_url) as via:
            with pytest.raises(MycelError):
                await via.chats.list()
        proxy.forbids_connect = True
        admitted = proxy.base_url.replace("//", "//user:secret@")
        with pytest.raises(MycelError):
            await first_frame(backend.base_url, token, proxy=admitted)

    assert proxy.statuses[407] >= 1
    assert proxy.statuses[403] >= 1
