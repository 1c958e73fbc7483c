"""A socket that nobody asks costs no server, and whoever asks is answered."""

from __future__ import annotations

import asyncio
import errno
import importlib
import os
import socket

import httpx
import pytest

from mycel_runtime.daemon import asked_server
from mycel_runtime.daemon.asked_server import AskedServer
from mycel_runtime.daemon.control_routes import of_text

DEADLINE = 60.0


class Made:
    """How often the application was made."""

    def __init__(self):
        self.times = 0

    def __call__(self):
        self.times += 1
        return answer


async def answer(_request):
    return of_text("here")


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
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        server = AskedServer(listener, made, tasks)
        await asyncio.sleep(0)
        assert made.times == 0
        for _ in range(2):
            async with asking(tmp_path) as client:
                answers = await asyncio.gather(*(client.get("/") for _ in range(5)))
            assert [answer.text for answer in answers] == ["here"] * 5
        server.end()

    assert made.times == 1


async def test_whoever_asks_while_no_file_can_be_opened_is_answered_once_one_can(
    tmp_path, listener, monkeypatch
):
    """An agent would end by it: the server is a task of its tree."""
    tried = []

    def import_at_last(name):
        tried.append(name)
        if len(tried) < 3:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return importlib.import_module(name)

    monkeypatch.setattr(asked_server, "import_module", import_at_last)
    monkeypatch.setattr(asked_server, "_IMPORT_SECONDS", 0.01)
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        server = AskedServer(listener, Made(), tasks)
        async with asking(tmp_path) as client:
            assert (await client.get("/")).text == "here"
        server.end()

    assert len(tried) == 3


async def test_nothing_waits_until_somebody_asks(tmp_path, listener):
    """A process may have a thousand: each task would be a KiB or two."""
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        before = asyncio.all_tasks()
        server = AskedServer(listener, Made(), tasks)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == before
        async with asking(tmp_path) as client:
            await client.get("/")
        assert "control" in {task.get_name() for task in asyncio.all_tasks() - before}
        server.end()


async def test_the_end_does_not_wait_for_anybody_to_ask(listener):
    made = Made()
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        server = AskedServer(listener, made, tasks)
        await asyncio.sleep(0)
        server.end()

    assert made.times == 0


async def test_an_end_that_comes_right_behind_the_first_question_leaves_nothing_behind(listener):
    made = Made()
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        server = AskedServer(listener, made, tasks)
        server._begin()
        server.end()

    assert made.times == 0
    assert not asyncio.get_running_loop().remove_reader(listener)


async def test_an_application_that_cannot_be_made_ends_those_who_wait_for_it(tmp_path, listener):
    def fail():
        raise RuntimeError("no")

    async def serve():
        async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
            AskedServer(listener, fail, tasks)._begin()
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup):
        await serve()


async def test_a_server_that_is_ended_watches_its_socket_no_more(listener):
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        server = AskedServer(listener, Made(), tasks)
        await asyncio.sleep(0)
        server.end()

    assert not asyncio.get_running_loop().remove_reader(listener)
