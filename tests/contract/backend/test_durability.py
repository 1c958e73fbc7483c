from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import httpx
import pytest

from mycel_runtime.backend.server import BackendOptions, LocalBackend
from mycel_runtime.errors import ConfigError, DatabaseHeldError
from mycel_runtime.sdk import calls
from tests.unit.sdk.wire import Colour

START_SECONDS = 60.0


def start(database):
    process = subprocess.Popen(
        [sys.executable, "-m", "mycel_runtime", "backend", "--port", "0", "--database", str(database)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    line = process.stdout.readline()
    assert line.startswith("listening on http://127.0.0.1:"), line
    return process, line.split()[-1]


@pytest.mark.slow
def test_what_was_answered_survives_sigkill(tmp_path):
    process, base_url = start(tmp_path / "world.sqlite3")
    with process:
        guest = httpx.post(f"{base_url}/api/auth/guest", json={}).json()
        headers = {"Authorization": f"Bearer {guest['token']}"}
        body = {"user_id": "agent", "display_name": "Agent"}
        httpx.post(f"{base_url}/api/auth/external-users", json=body, headers=headers)
        chat = httpx.post(f"{base_url}/api/chats", json={"user_ids": ["agent"]}, headers=headers).json()
        path = f"/api/chats/{chat['id']}/messages"
        sent = httpx.post(base_url + path, json={"content": "hello"}, headers=headers).json()
        os.kill(process.pid, signal.SIGKILL)
    process, base_url = start(tmp_path / "world.sqlite3")
    with process:
        assert httpx.get(base_url + path, headers=headers).json() == [sent]
        process.send_signal(signal.SIGTERM)
    assert process.returncode == 0


def test_the_database_is_for_its_owner_only(tmp_path):
    with LocalBackend(BackendOptions(database=tmp_path / "world.sqlite3")):
        modes = {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {0o600}


def test_a_port_in_use_is_told_with_what_to_do():
    with LocalBackend() as first, pytest.raises(ConfigError, match=r"(?s)in use.*Name another port"):
        LocalBackend(BackendOptions(port=first.port)).start()


def test_a_database_that_is_none_is_told_with_what_to_do(tmp_path):
    path = tmp_path / "world.sqlite3"
    path.write_bytes(b"no database" * 100)
    with pytest.raises(ConfigError, match=r"cannot be used"):
        LocalBackend(BackendOptions(database=path)).start()


def test_a_second_backend_on_one_database_is_refused_and_harms_nothing(tmp_path):
    options = BackendOptions(database=tmp_path / "world.sqlite3")
    with LocalBackend(options) as first:
        guest = httpx.post(f"{first.base_url}/api/auth/guest", json={}).json()
        with pytest.raises(DatabaseHeldError, match=rf"world\.sqlite3: .*\(pid {os.getpid()}\)") as caught:
            LocalBackend(options).start()
        assert caught.value.exit_code == 69
        first.restart()
        headers = {"Authorization": f"Bearer {guest['token']}"}
        assert httpx.get(f"{first.base_url}/api/auth/me", headers=headers).status_code == 200
    with LocalBackend(options):
        pass


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("colour", ["sync", "async"])
def test_an_ipv6_address_is_a_url_that_calls_and_stream_take(colour):
    with LocalBackend(BackendOptions(host="::1")) as backend:
        assert backend.base_url == f"http://[::1]:{backend.port}"
        token = httpx.post(f"{backend.base_url}/api/auth/guest", json={}).json()["token"]
        found = Colour(colour).calls(backend.base_url, calls.whoami(), auth_token=token)
        assert found[0]["type"] == "human"
        wanted = {"client": {"auth_token": token}, "should_stop": Once()}
        assert Colour(colour).frames(backend.base_url, 1, **wanted) == []


class Once:
    """Says no once: the stream connects, and ends at the next question."""

    asked = 0

    def __call__(self):
        self.asked += 1
        return self.asked > 2
