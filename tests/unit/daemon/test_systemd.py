"""What the supervisor is told, over a real socket."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest

from mycel_runtime.daemon import systemd


@pytest.fixture
def supervisor(tmp_path, monkeypatch):
    """A supervisor's end of the notification socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield channel


def test_assignments_arrive_as_one_message(supervisor):
    systemd.notify(systemd.READY, systemd.status("listening"))

    assert supervisor.recv(1024) == b"READY=1\nSTATUS=listening"


def test_an_abstract_socket_is_understood(monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(f"\0mycel-runtime-test-{os.getpid()}")
        channel.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@mycel-runtime-test-{os.getpid()}")

        systemd.notify(systemd.STOPPING)

        assert channel.recv(1024) == b"STOPPING=1"


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
