"""Clients that take their time, and tokens that are guessed: over real sockets, with bounds that a test waits for."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from mycel_runtime.daemon.http import connection, guarded_app, routes
from mycel_runtime.daemon.http import listener as listener_module
from mycel_runtime.daemon.http.listener import HttpListener
from mycel_runtime.daemon.http.sign_in import (
    FAILURE_SECONDS,
    FAILURES,
    FailureRation,
    SignIn,
    TooManyFailuresError,
)
from mycel_runtime.daemon.reports.hearing_report import HearingReport
from mycel_runtime.daemon.reports.speaking_report import SpeakingReport
from mycel_runtime.daemon.reports.work_report import WorkReport
from mycel_runtime.daemon.status import Status
from mycel_runtime.errors import ConfigError
from mycel_runtime.observe.facts import HttpFailed, HttpOpened, JobFailed
from mycel_runtime.observe.observer import Observer
from mycel_runtime.settings import load_settings, read_http_token
from tests.integration.http.raw import SECONDS, ask, received

BOUND = 0.2


class Heard(Observer):
    def __init__(self):
        self.facts = asyncio.Queue()

    def tell(self, fact):
        self.facts.put_nowait(fact)

    async def first(self, kind):
        async with asyncio.timeout(20):
            while not isinstance(fact := await self.facts.get(), kind):
                pass
            return fact


class Agent:
    """One whose status never comes, until it is let go."""

    agent, admin, has_ended = "agent", None, False

    def __init__(self):
        self.freed = asyncio.Event()

    async def status(self):
        await self.freed.wait()
        return Status(
            agent="agent", server="", user_id=None, version="", pid=1, started_at=0, now=time.time(), ready=True,
            problems=(), hearing=HearingReport(), speaking=SpeakingReport(), work=WorkReport(), events={},
        )  # fmt: skip

    def families(self, status):
        return []

    def tell(self, fact):
        pass


def settings(folder, listen="127.0.0.1:0", more=""):
    config = folder / "agent.toml"
    config.write_text(
        f'[agent]\nname = "agent"\nbase_url = "embedded"\n[http]\nlisten = "{listen}"\n{more}\n[plugins.echo]\n'
    )
    return load_settings(config)


@pytest.fixture
async def opened(tmp_path, monkeypatch):
    """An address, its agent, and what was heard."""
    monkeypatch.setattr(connection, "REQUEST_SECONDS", BOUND)
    monkeypatch.setattr(connection, "STALLED_SECONDS", BOUND)
    monkeypatch.setattr(connection, "_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(guarded_app, "ANSWER_SECONDS", BOUND)
    monkeypatch.setattr(routes, "_PACE_SECONDS", 0.0)
    heard, agent = Heard(), Agent()
    listener = HttpListener(settings(tmp_path), observer=heard)
    observer = listener.observer_of("agent")
    listener.add(agent)
    async with listener.opened():
        host, port = (await heard.first(HttpOpened)).address.rsplit(":", 1)
        yield (host, int(port)), agent, observer


def until_cut(address, parts, every=0.05):
    """Sends part by part until the other side has had enough; what it said."""
    with socket.create_connection(address, SECONDS) as connection_:
        with contextlib.suppress(ConnectionError):
            for part in parts:
                connection_.sendall(part)
                time.sleep(every)
        return received(connection_)


async def test_a_client_that_takes_its_time_is_cut_off(opened):
    """One that says nothing, one that never ends its head or its body or its second request: all at once."""
    address, _agent, _observer = opened
    host = f"Host: 127.0.0.1:{address[1]}\r\n".encode()
    head = (
        b"POST /page/session HTTP/1.1\r\n"
        + host
        + b"Content-Type: application/json\r\nContent-Length: 900\r\n\r\n"
    )
    ways = {
        "silent": [b""],
        "head": [b"GET / HTTP/1.1\r\n", *(b"X-%d: 1\r\n" % number for number in range(60))],
        "body": [head, *([b"{"] * 60)],
        "behind an answer": [b"GET /livez HTTP/1.1\r\n" + host + b"\r\n", *([b"G"] * 60)],
    }
    said = await asyncio.gather(*(asyncio.to_thread(until_cut, address, parts) for parts in ways.values()))

    assert [text.count(b"200 OK") for text in said] == [0, 0, 0, 1]
    assert (await asyncio.to_thread(ask, address, path="/livez")).status == 200


async def test_an_answer_that_does_not_come_is_ended(opened):
    address, agent, _observer = opened

    assert (await asyncio.to_thread(ask, address, path="/status")).status == 408
    agent.freed.set()
    assert (await asyncio.to_thread(ask, address, path="/status")).status == 200


async def test_a_reader_of_the_log_that_does_not_read_is_cut_off(opened):
    """Else what it reads at last would have no end."""
    address, _agent, observer = opened
    with socket.socket() as connection_:
        connection_.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection_.settimeout(SECONDS)
        connection_.connect(address)
        connection_.sendall(f"GET /page/events HTTP/1.1\r\nHost: 127.0.0.1:{address[1]}\r\n\r\n".encode())
        async with asyncio.timeout(SECONDS):
            while is_served(address, connection_):
                for _ in range(100):
                    observer.tell(HttpFailed(address="a" * 300, reason="b" * 300, retry_in=1.0))
                await asyncio.sleep(0.005)
        assert await asyncio.to_thread(received, connection_)


def is_served(address, client):
    """Whether the other side of this connection stands, as the kernel has it."""
    wanted = (f"{address[1]:04X}", f"{client.getsockname()[1]:04X}", "01")
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return wanted in {(row[1].split(":")[1], row[2].split(":")[1], row[3]) for row in rows}


async def test_an_address_that_is_taken_is_tried_again_and_ends_nothing(tmp_path):
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    heard = Heard()
    listener = HttpListener(settings(tmp_path, f"127.0.0.1:{port}"), observer=heard)
    async with listener.opened():
        assert (await heard.first(HttpFailed)).reason == "Address already in use"
        taken.close()
        await taken.wait_closed()
        await heard.first(HttpOpened)
        assert (await asyncio.to_thread(ask, ("127.0.0.1", port), path="/livez")).status == 200


async def test_a_sample_that_cannot_be_taken_is_told_and_the_next_one_is_taken(tmp_path, monkeypatch):
    """A job of the runtime's own that fails ends nothing."""
    monkeypatch.setattr(listener_module, "_FIRST_SAMPLE_SECONDS", 0.0)
    monkeypatch.setattr(listener_module, "SAMPLE_SECONDS", 0.05)
    heard, agent, taken = Heard(), Agent(), asyncio.Event()
    tell_status = agent.status

    async def status():
        if not heard_of_it.is_set():
            raise ValueError("the text of a message")
        taken.set()
        return await tell_status()

    agent.status, heard_of_it = status, asyncio.Event()
    listener = HttpListener(settings(tmp_path), observer=heard)
    listener.add(agent)
    async with listener.opened(), asyncio.timeout(SECONDS):
        assert await heard.first(JobFailed) == JobFailed(job="http-samples", error="ValueError")
        heard_of_it.set()
        await taken.wait()


def test_wrong_tokens_are_rationed():
    now = [0.0]
    ration = FailureRation(lambda: now[0])
    for _ in range(FAILURES):
        assert ration.retry_after == 0
        ration.note_failure()
    assert ration.retry_after == FAILURE_SECONDS
    now[0] += FAILURE_SECONDS
    assert ration.retry_after == 0
    now[0] += 1_000 * FAILURE_SECONDS
    for _ in range(FAILURES):
        ration.note_failure()
    assert ration.retry_after > 0


async def test_sessions_end_with_their_time_and_with_their_token():
    now, token = [0.0], ["a" * 32]
    sign_in = SignIn(lambda: SecretStr(token[0]), lambda: now[0])
    first, second = [await sign_in.open("a" * 32) for _ in range(2)]
    assert await sign_in.open("b" * 32) is None
    assert first != second
    assert await sign_in.is_open(first)
    sign_in.close(first)
    assert not await sign_in.is_open(first)

    token[0] = "c" * 32
    assert not await sign_in.is_open(second)
    token[0] = "a" * 32
    assert await sign_in.is_open(second)
    now[0] += 12 * 3600
    assert not await sign_in.is_open(second)

    for _ in range(FAILURES):
        await sign_in.open("wrong")
    with pytest.raises(TooManyFailuresError):
        await sign_in.open("a" * 32)


@pytest.mark.parametrize(
    ("listen", "more", "problem"),
    [
        ("0.0.0.0:8099", "", "others reach that address"),
        ("192.168.1.2:8099", "", "others reach that address"),
        ("8099", "", "no address to listen on"),
        ("ops.example.org:8099", "", "no address to listen on"),
        ("127.0.0.1:99999", "", "no address to listen on"),
        ("127.0.0.1:8099", 'hosts = ["http://ops.example.org/"]', "is no host"),
    ],
)
def test_an_address_that_others_reach_has_to_be_asked_for(tmp_path, listen, more, problem):
    with pytest.raises(ConfigError, match=problem) as raised:
        settings(tmp_path, listen, more)
    assert "http" in raised.value.where


def test_whoever_is_far_away_needs_a_token(tmp_path):
    for more in ("remote = true", 'hosts = ["ops.example.org"]'):
        with pytest.raises(ConfigError, match="no token is set"):
            read_http_token(settings(tmp_path, more=more))
    token = tmp_path / "page.token"
    token.write_text("short")
    token.chmod(0o644)
    with pytest.raises(ConfigError, match="open to others"):
        read_http_token(settings(tmp_path, more='token_file = "page.token"'))
    token.chmod(0o600)
    with pytest.raises(ConfigError, match="fewer than 16"):
        read_http_token(settings(tmp_path, more='token_file = "page.token"'))
