"""The control socket's HTTP, byte by byte: what is answered, to whom it is not, and when a connection ends."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from mycel_runtime.daemon import asked_server, control_connection
from mycel_runtime.daemon.asked_server import AskedServer
from mycel_runtime.daemon.control_routes import Response, Route, Routes, of_json, of_text

DEADLINE = 60.0


class World:
    """What answers, and what it has been asked."""

    def __init__(self):
        self.asked, self.is_echoed = [], asyncio.Event()
        self.is_asked, self.may_answer = asyncio.Event(), asyncio.Event()
        self.is_followed, self.is_left = asyncio.Event(), asyncio.Event()

    async def echo(self, request):
        self.asked.append(request)
        self.is_echoed.set()
        return of_json({"name": request.name, "body": request.body.decode(), "query": request.query})

    async def wait(self, _request):
        self.is_asked.set()
        await self.may_answer.wait()
        return of_text("at last")

    async def fail(self, _request):
        raise ValueError("a text that nobody is to read")

    async def follow(self, _request):
        return Response(b"", content_type="application/x-ndjson", lines=self._lines())

    async def _lines(self):
        try:
            yield "first\n"
            self.is_followed.set()
            await self.may_answer.wait()
            yield "last\n"
        finally:
            self.is_left.set()

    def answer(self):
        return Routes(
            [
                Route("GET", "/echo", self.echo),
                Route("POST", "/echo/", self.echo),
                Route("GET", "/wait", self.wait),
                Route("GET", "/fail", self.fail),
                Route("GET", "/follow", self.follow),
            ]
        ).answer


class Door:
    """A server, and connections to it."""

    def __init__(self, path, server):
        self.path = path
        self.server = server

    async def connect(self):
        return await asyncio.open_unix_connection(self.path)

    async def say(self, text):
        """Everything that is answered until the connection ends."""
        reader, writer = await self.connect()
        writer.write(text.encode())
        try:
            return (await reader.read()).decode()
        finally:
            writer.close()


@pytest.fixture
def world():
    return World()


@pytest.fixture
def opened(tmp_path, world):
    @contextlib.asynccontextmanager
    async def opened():
        path = str(tmp_path / "s")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(path)
            async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
                server = AskedServer(listener, world.answer, tasks)
                try:
                    yield Door(path, server)
                finally:
                    server.end()

    return opened


def get(path, method="GET", *headers):
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: control", *headers, "", ""])


LAST = "Connection: close"


async def test_one_connection_serves_many_requests_also_those_sent_at_once(opened):
    async with opened() as door:
        answered = await door.say(get("/echo?a=1&a=2&b=") + get("/echo?c=%20", "GET", LAST))

    assert answered.count("HTTP/1.1 200") == 2
    assert '"query":[["a","1"],["a","2"],["b",""]]' in answered
    assert '"query":[["c"," "]]' in answered


async def test_a_body_is_taken_by_its_length_and_in_chunks(opened):
    async with opened() as door:
        measured = await door.say(get("/echo/first", "POST", LAST, "Content-Length: 3") + "abc")
        chunked = await door.say(
            get("/echo/second", "POST", LAST, "Transfer-Encoding: chunked") + "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
        )

    assert '{"name":"first","body":"abc","query":[]}' in measured
    assert '{"name":"second","body":"abc","query":[]}' in chunked


async def test_who_waits_for_leave_to_send_a_body_gets_it(opened):
    async with opened() as door:
        reader, writer = await door.connect()
        writer.write(get("/echo/x", "POST", LAST, "Content-Length: 1", "Expect: 100-continue").encode())
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 \r\n\r\n"
        writer.write(b"a")
        assert b'"body":"a"' in await reader.read()
        writer.close()


@pytest.mark.parametrize(
    ("said", "status", "shown"),
    [
        (get("/none", "GET", LAST), "404", "Not Found"),
        (get("/echo/", "POST", LAST), "404", "Not Found"),
        (get("/echo/a/b", "POST", LAST), "404", "Not Found"),
        (get("/echo", "DELETE", LAST), "405", "Allow: GET, HEAD"),
        (get("/echo/a", "GET", LAST), "405", "Allow: POST"),
        (get("/fail", "GET", LAST), "500", "Internal Server Error"),
        ("no http at all\r\n\r\n", "400", "Bad Request"),
        ("GET /echo HTTP/1.1\r\n\r\n", "400", "Bad Request"),
        (get("/echo", "GET", "X: " + "x" * 70_000), "431", "Bad Request"),
    ],
)
async def test_what_cannot_be_answered_is_refused_by_its_status(opened, said, status, shown):
    async with opened() as door:
        answered = await door.say(said)

    assert answered.startswith(f"HTTP/1.1 {status}")
    assert shown in answered
    assert "nobody is to read" not in answered


async def test_a_failure_ends_neither_the_connection_nor_the_server(opened):
    async with opened() as door:
        answered = await door.say(get("/fail") + get("/echo", "GET", LAST))

    assert [part[:3] for part in answered.split("HTTP/1.1 ")[1:]] == ["500", "200"]


async def test_a_body_beyond_the_bound_is_not_read_to_its_end(opened, world, monkeypatch):
    monkeypatch.setattr(control_connection, "BODY_BYTES", 10)
    async with opened() as door:
        answered = await door.say(get("/echo/x", "POST", "Content-Length: 11") + "x" * 11)

    assert answered.startswith("HTTP/1.1 413")
    assert world.asked == []


async def test_whoever_asks_for_the_head_gets_no_body(opened):
    async with opened() as door:
        answered = await door.say(get("/echo", "HEAD", LAST))

    assert answered.startswith("HTTP/1.1 200")
    assert answered.endswith("\r\n\r\n")


async def test_an_old_client_is_answered_too(opened):
    async with opened() as door:
        answered = await door.say("GET /echo HTTP/1.0\r\n\r\n")

    assert "200" in answered.partition("\r\n")[0]
    assert '"name":"echo"' in answered


async def test_whoever_takes_too_long_to_ask_is_cut_off(opened, monkeypatch):
    monkeypatch.setattr(control_connection, "REQUEST_SECONDS", 0.05)
    async with opened() as door:
        assert await door.say("GET /echo HTT") == ""
        assert await door.say("") == ""


async def test_an_answer_takes_as_long_as_it_takes(opened, world, monkeypatch):
    monkeypatch.setattr(control_connection, "REQUEST_SECONDS", 0.05)
    async with opened() as door, asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(door.say(get("/wait", "GET", LAST)))
        await world.is_asked.wait()
        asyncio.get_running_loop().call_later(0.2, world.may_answer.set)
        assert "at last" in await asked


async def test_lines_come_as_they_are_told(opened, world):
    async with opened() as door:
        reader, writer = await door.connect()
        writer.write(get("/follow").encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"application/x-ndjson" in head
        assert await reader.readuntil(b"first\n")
        world.may_answer.set()
        assert b"last\n" in await reader.read()
        writer.close()

    assert world.is_left.is_set()


async def test_lines_end_when_the_other_side_hangs_up(opened, world):
    async with opened() as door:
        _, writer = await door.connect()
        writer.write(get("/follow").encode())
        await world.is_followed.wait()
        assert not world.is_left.is_set()
        writer.close()
        await world.is_left.wait()
        assert not world.may_answer.is_set()  # They had more to tell.


async def test_the_end_closes_idle_connections_at_once_and_lets_answers_be_given(opened, world, monkeypatch):
    monkeypatch.setattr(asked_server, "GRACE_SECONDS", DEADLINE)
    async with opened() as door, asyncio.TaskGroup() as tasks:
        idle = tasks.create_task(door.say(get("/echo")))
        asked = tasks.create_task(door.say(get("/wait")))
        await world.is_asked.wait()
        await world.is_echoed.wait()
        door.server.end()
        assert '"name":"echo"' in await idle
        world.may_answer.set()
        assert "at last" in await asked


async def test_what_goes_on_after_the_grace_is_cancelled(opened, world, monkeypatch):
    monkeypatch.setattr(asked_server, "GRACE_SECONDS", 0.05)
    async with opened() as door, asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(door.say(get("/wait")))
        followed = tasks.create_task(door.say(get("/follow")))
        await world.is_asked.wait()
        await world.is_followed.wait()
        door.server.end()
        assert await asked == ""
        assert "first" in await followed
    assert world.is_left.is_set()


async def test_nobody_is_let_in_after_the_end(opened):
    async with opened() as door:
        assert "200" in await door.say(get("/echo", "GET", LAST))
        door.server.end()
        await asyncio.sleep(0)
        with pytest.raises((ConnectionError, FileNotFoundError)):  # from 3.13 on asyncio takes the file away
            await door.connect()
