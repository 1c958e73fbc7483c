from __future__ import annotations

import os
import signal
import subprocess
import sys

import httpx
import pytest

from mycel_runtime.backend.server import BackendOptions, LocalBackend
from mycel_runtime.errors import ConfigError

START_SECONDS = 20.0


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
