"""An endpoint that answers later, by a callback: believed if it is signed, said once, asked again after a death."""

from __future__ import annotations

import asyncio
import socket
import stat
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from standardwebhooks import Webhook

from mycel_runtime.errors import PluginError
from mycel_runtime_plugins.webhook.callback_door import close_door, close_doors, open_door
from mycel_runtime_plugins.webhook.settings import WebhookSettings
from tests.plugins.webhook.endpoint import KEY, response

pytestmark = pytest.mark.slow

PATIENCE = 60.0

LATER = response({}, 202)

ANSWER = b'{"replies": ["one", "two"]}'


@pytest.fixture
def callback_socket():
    """In a folder whose name is short: a socket's address is."""
    with tempfile.TemporaryDirectory(prefix="mycel-") as folder:
        yield Path(folder, "hook.sock")


@pytest.fixture(autouse=True)
async def no_door_is_left_open():
    yield
    await close_doors()


@pytest.fixture
def calling_back(callback_socket):
    """Posts a callback; its status, or 0 if the agent has died of it."""

    async def call(webhook_id, body=ANSWER, *, key=KEY, age=timedelta(), method="POST", **headers):
        time = datetime.now(UTC) - age
        signed = {
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(time.timestamp())),
            "webhook-signature": Webhook(key).sign(webhook_id, time, body.decode()),
        }
        transport = httpx.AsyncHTTPTransport(uds=str(callback_socket))
        async with httpx.AsyncClient(transport=transport, timeout=PATIENCE) as client:
            try:
                answered = await client.request(
                    method, "http://hook/", content=body, headers=signed | headers
                )
            except httpx.TransportError:
                return 0
        return answered.status_code

    return call


async def delivery(endpoint, number):
    """The id of the n-th that has come."""
    async with asyncio.timeout(PATIENCE):
        while len(endpoint.requests) < number:  # noqa: ASYNC110 - the endpoint is no part of the agent
            await asyncio.sleep(0.005)
    return endpoint.requests[number - 1].headers["webhook-id"]


async def test_an_answer_may_come_later_and_is_said_once(
    mycel, endpoint, delivering, callback_socket, calling_back
):
    ada = await mycel.human("Ada")
    agent = await delivering(callback_socket=str(callback_socket))
    endpoint.script = [LATER]
    await ada.says("hello", to=agent)
    webhook_id = await delivery(endpoint, 1)
    assert stat.S_IMODE(callback_socket.stat().st_mode) == 0o600

    statuses = await asyncio.gather(*(calling_back(webhook_id) for _ in range(3)))
    assert statuses == [200, 200, 200]
    assert await calling_back(webhook_id) == 200
    await ada.hears("one", within=PATIENCE)
    await ada.hears("two", within=PATIENCE)
    await ada.hears_nothing(within=PATIENCE)
    await agent.stop()
    assert not callback_socket.exists()


async def test_what_is_no_callback_changes_nothing(
    mycel, endpoint, delivering, callback_socket, calling_back
):
    ada = await mycel.human("Ada")
    agent = await delivering(callback_socket=str(callback_socket), most_bytes=1024)
    endpoint.script = [LATER]
    await ada.says("hello", to=agent)
    webhook_id = await delivery(endpoint, 1)

    other = "whsec_" + KEY.swapcase()
    assert await calling_back(webhook_id, key=other) == 401
    assert await calling_back(webhook_id, **{"webhook-signature": "v1,"}) == 401
    assert await calling_back(webhook_id, b'{"replies": ["other"]}', **{"webhook-id": "msg_1"}) == 401
    assert await calling_back(webhook_id, age=timedelta(minutes=6)) == 401
    assert await calling_back(webhook_id, **{"webhook-timestamp": "9" * 5000}) == 401
    assert await calling_back("msg_of_nobody") == 404
    assert await calling_back(webhook_id, b'{"replys": []}') == 400
    assert await calling_back(webhook_id, endpoint.requests[0].body) == 400
    assert await calling_back(webhook_id, b" " * 2000) == 413
    assert await calling_back(webhook_id, method="PUT") == 405

    assert await calling_back(webhook_id) == 200
    await ada.hears("one", within=PATIENCE)
    await ada.hears("two", within=PATIENCE)
    await ada.hears_nothing(within=PATIENCE)
    assert not await agent.dead_letters()


@pytest.mark.parametrize("death", ["waiting", "after send", "before finish"])
async def test_the_agent_may_die_at_any_time(
    mycel, endpoint, delivering, callback_socket, calling_back, death
):
    """The delivery comes again under its id, and is answered again; each reply is said once."""
    ada = await mycel.human("Ada")
    agent = await delivering(callback_socket=str(callback_socket))
    endpoint.script = [LATER, LATER]
    if death != "waiting":
        agent.die_at(death)
    await ada.says("hello", to=agent)
    first = await delivery(endpoint, 1)
    if death == "waiting":
        await agent.kill()
        await agent.start()
    else:
        assert await calling_back(first) in {0, 200, 503}

    assert await delivery(endpoint, 2) == first
    assert await calling_back(first) == 200
    await ada.hears("one", within=PATIENCE)
    await ada.hears("two", within=PATIENCE)
    await ada.hears_nothing(within=PATIENCE)


async def test_who_speaks_meanwhile_makes_another_delivery_of_it(
    mycel, endpoint, delivering, callback_socket, calling_back
):
    ada = await mycel.human("Ada")
    agent = await delivering(callback_socket=str(callback_socket))
    endpoint.script = [LATER, LATER]
    await ada.says("hello", to=agent)
    first = await delivery(endpoint, 1)
    await ada.says("wait", to=agent)
    assert await calling_back(first) == 503

    second = await delivery(endpoint, 2)
    assert second != first
    assert await calling_back(first) == 404
    assert await calling_back(second, b'{"replies": ["to both"]}') == 200
    await ada.hears("to both", within=PATIENCE)
    await ada.hears_nothing(within=PATIENCE)


async def test_a_callback_that_does_not_come_is_waited_for_in_vain_once_for_each_attempt(
    mycel, endpoint, delivering, callback_socket
):
    ada = await mycel.human("Ada")
    agent = await delivering(
        callback_socket=str(callback_socket),
        callback_timeout=0.05,
        max_attempts=2,
        on_give_up="Nobody is there.",
    )
    endpoint.script = [LATER, LATER]
    await ada.says("hello", to=agent)
    await ada.hears("Nobody is there.", within=PATIENCE)
    await ada.hears_nothing(within=PATIENCE)

    (letter,) = await agent.dead_letters()
    assert "did not call back within 0.05 s" in letter.reason
    assert len(endpoint.requests) == 2


async def test_loopback_does_as_well_and_a_response_is_still_an_answer(
    mycel, endpoint, delivering, free_tcp_port
):
    ada = await mycel.human("Ada")
    agent = await delivering(callback_port=free_tcp_port)
    endpoint.script = [{"replies": ["at once"]}]
    await ada.says("hello", to=agent)
    await ada.hears("at once", within=PATIENCE)

    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        answered = await client.post(f"http://127.0.0.1:{free_tcp_port}/", content=b"{}")
    assert answered.status_code == 401


async def test_a_socket_is_taken_from_the_dead_only(callback_socket):
    settings = WebhookSettings(url="http://127.0.0.1/", secret_env="KEY", callback_socket=callback_socket)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(callback_socket))
    await open_door("ada", settings)
    with pytest.raises(OSError, match="in use"):
        await open_door("bob", settings)
    await close_door("bob")
    assert callback_socket.is_socket()


async def test_there_is_one_door(delivering):
    with pytest.raises(PluginError, match="leave one out"):
        await delivering(callback_port=8100, callback_socket="hook.sock")
