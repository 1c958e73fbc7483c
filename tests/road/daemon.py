"""The daemon as a process: its log, and whether it calls itself ready."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time

from mycel_runtime.daemon.control import short_address
from mycel_runtime.daemon.state_dir import SOCKET_NAME

START_SECONDS = 30.0
SAMPLE_SECONDS = 0.25
ANSWER_SECONDS = 2.0
CREDENTIALS = "road:road"


class Daemon:
    """
    `mycel-runtime run` with the echo plugin, while it is entered.

    Args:
        folder: For its configuration and state.
        base_url: As the daemon has it.
        settings: More of its configuration, after the keys of `[agent]`.
        household: Whose agent it is.
    """

    def __init__(self, folder, base_url, settings, household):
        self.lines = []
        self._state = folder / "state"
        self._ready = []
        self._over = threading.Event()
        self._command = [sys.executable, "-m", "mycel_runtime", "run", "--config"]
        self._command.append(str(_configure(folder, base_url, settings, household)))

    def __enter__(self):
        self._popen = subprocess.Popen(
            self._command,
            env=os.environ | {"MYCEL_RUNTIME_LOG__FORMAT": "json"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._threads = [threading.Thread(target=target, daemon=True) for target in (self._read, self._watch)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc_info):
        self._over.set()
        self._popen.kill()
        self._popen.wait(START_SECONDS)
        for thread in self._threads:
            thread.join(START_SECONDS)
        self._popen.stderr.close()

    def wait_ready(self, seconds=START_SECONDS):
        """Until it has called itself ready; whether it has."""
        return self.wait_ready_again(0.0, seconds)

    def wait_ready_again(self, since, seconds):
        """Until it has called itself ready after a monotonic time; whether it has."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if any(ready for at, ready in list(self._ready) if at >= since):
                return True
            assert self._popen.poll() is None, "\n".join(self.lines)
            time.sleep(0.1)
        return False

    def causes(self):
        """Every word that a line of the log gave as the cause."""
        return frozenset(cause for line in list(self.lines) if (cause := _cause(line)))

    def causes_by(self, deadline, *, one_of):
        """As `causes`, once one of these words is among them, or at a monotonic time; of no words at once."""
        while one_of and time.monotonic() < deadline and not self.causes() & set(one_of):
            time.sleep(0.1)
        return self.causes()

    def ready_share(self, since):
        """Of the samples taken since then, a monotonic time."""
        samples = [ready for at, ready in list(self._ready) if at >= since]
        return sum(samples) / len(samples) if samples else 0.0

    def _read(self):
        for line in self._popen.stderr:
            self.lines.append(line.rstrip("\n"))

    def _watch(self):
        while not self._over.wait(SAMPLE_SECONDS):
            self._ready.append((time.monotonic(), _is_ready(self._state)))


def _is_ready(state_dir):
    """Whether `/readyz` is a 200."""
    # Not by `ask_status`: its HTTP library leaves a socket open when nobody listens, and warnings are errors.
    with (
        socket.socket(socket.AF_UNIX) as line,
        contextlib.suppress(OSError),
        short_address(state_dir / SOCKET_NAME) as path,
    ):
        line.settimeout(ANSWER_SECONDS)
        line.connect(path)
        line.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
        return b" 200 " in line.recv(64)
    return False


def _cause(line):
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event.get("cause") if isinstance(event, dict) else None


def _configure(folder, base_url, settings, household):
    """The daemon's configuration; its path."""
    for name, secret in (("agent.token", household.agent_token), ("proxy.credentials", CREDENTIALS)):
        (folder / name).write_text(secret)
        (folder / name).chmod(0o600)
    path = folder / "agent.toml"
    path.write_text(
        f'[agent]\nname = "agent"\nbase_url = "{base_url}"\ntoken_file = "agent.token"\nstate_dir = "state"\n'
        f"{settings}\n[plugins.echo]\n"
    )
    return path
