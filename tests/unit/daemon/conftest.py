"""What tests of the daemon's parts share."""

from __future__ import annotations

import socket

import pytest


@pytest.fixture
def supervisor(tmp_path, monkeypatch):
    """A supervisor's end of the notification socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield channel
