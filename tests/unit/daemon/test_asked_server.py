"""A socket that nobody asks costs no server, and whoever asks is answered."""

from __future__ import annotations

import asyncio
import socket

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from mycel_runtime.daemon.asked_server import AskedServer

DEADLINE = 60.0


class Made:
    """How often the application was made."""

    def __init__(self):
        self.times = 0

    def __call__(self):
        self.times += 1
        return Starlette(routes=[Route("/", lambda _request: PlainTextResponse("here"))])


@pytest.fixture
def listener(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "s"))
        yield listener


def asking(tmp_path):
    return httpx.AsyncClient(
        transport=httpx.AsyncHTTPTransport(uds=str(tmp_path / "s")), base_url="http://door", timeout=DEADLINE
    )


async def test_whoever_asks_is_answered_by_a_server_that_is_made_once(tmp_path, listener):
    made = Made()
    server = AskedServer(listener, made)
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve(), name="serve")
        await asyncio.sleep(0)
        assert made.times == 0
        for _ in range(2):
            async with asking(tmp_path) as client:
                answers = await asyncio.gather(*(client.get("/") for _ in range(5)))
            assert [answer.text for answer in answers] == ["here"] * 5
        server.end()

    assert made.times == 1


async def test_whoever_asked_before_anybody_served_is_answered(tmp_path, listener):
    server = AskedServer(listener, Made())
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks, asking(tmp_path) as client:
        asked = tasks.create_task(client.get("/"), name="ask")
        await asyncio.sleep(0)
        tasks.create_task(server.serve(), name="serve")
        assert (await asked).text == "here"
        server.end()


async def test_the_end_does_not_wait_for_anybody_to_ask(listener):
    made = Made()
    server = AskedServer(listener, made)
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve(), name="serve")
        await asyncio.sleep(0)
        server.end()

    assert made.times == 0


async def test_a_server_that_is_cancelled_while_it_waits_watches_its_socket_no_more(listener):
    server = AskedServer(listener, Made())
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(server.serve(), name="serve")
        await asyncio.sleep(0)
        serving.cancel()

    assert not asyncio.get_running_loop().remove_reader(listener)
