"""What the supervisor is told, over a real socket."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest

from mycel_runtime.daemon import systemd
from mycel_runtime.observe.facts import LoopFreed, LoopHeld


def test_assignments_arrive_as_one_message(supervisor):
    systemd.notify(systemd.READY, systemd.status("listening"))

    assert supervisor.recv(1024) == b"READY=1\nSTATUS=listening"


def test_an_abstract_socket_is_understood(monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(f"\0mycel-runtime-test-{os.getpid()}")
        channel.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@mycel-runtime-test-{os.getpid()}")

        systemd.notify(systemd.STOPPING)

        assert channel.recv(1024) == b"STOPPING=1"


def test_a_servers_text_is_no_assignment(supervisor):
    """`WATCHDOG=trigger` would have us killed."""
    systemd.notify(systemd.status("stream closed with 1011: boom\nWATCHDOG=trigger\r\nMAINPID=1" + 500 * "x"))

    told = supervisor.recv(1024)
    assert told.startswith(b"STATUS=stream closed with 1011: boom WATCHDOG=trigger MAINPID=1xxx")
    assert b"\n" not in told
    assert len(told) < 400


def test_a_servers_text_does_not_steer_the_operators_terminal(supervisor):
    systemd.notify(systemd.status("closed: \x1b[2J\x07\x9b31m\u202e \ud800 end"))

    assert supervisor.recv(1024).decode() == "STATUS=closed: ?[2J??31m? ? end"


def test_a_supervisor_that_is_gone_or_busy_stops_nobody(supervisor, tmp_path, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    systemd.notify(systemd.READY)

    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    for _ in range(10_000):
        systemd.notify(systemd.WATCHDOG)


def test_who_keeps_the_loop_is_named_on_the_status_line(supervisor):
    line = systemd.StatusLine()
    line.tell(LoopHeld(handler="p.spin", seconds=2.1, trace="p.py:3 in spin"))
    line.tell(LoopFreed(handler="p.spin", seconds=9.5))

    assert supervisor.recv(1024) == b"STATUS=p.spin keeps the event loop from everybody else"
    assert supervisor.recv(1024) == b"STATUS=p.spin has kept the event loop for 9.5 s"


def test_without_a_supervisor_nothing_happens(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)

    systemd.notify(systemd.READY)

    assert systemd.watchdog_interval_seconds() is None


def test_watchdog_is_fed_twice_as_often_as_it_must(monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "60000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert systemd.watchdog_interval_seconds() == 30.0

    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert systemd.watchdog_interval_seconds() is None


async def test_watchdog_is_not_fed_without_progress(supervisor, monkeypatch):
    """A loop that merely turns is no proof: here the journal never answers."""
    monkeypatch.setenv("WATCHDOG_USEC", "2000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    answers = 2

    async def prove_progress():
        nonlocal answers
        if answers == 0:
            await asyncio.Event().wait()
        answers -= 1

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await systemd.keep_watchdog(prove_progress)

    supervisor.setblocking(False)
    assert [supervisor.recv(64), supervisor.recv(64)] == [b"WATCHDOG=1", b"WATCHDOG=1"]
    with pytest.raises(BlockingIOError):
        supervisor.recv(64)
