"""The processes of a campaign: a backend that may be killed, and a daemon that will be."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.chaos.noting import VARIABLE

ROOT = Path(__file__).parents[2]
DEADLINE = 60.0

AGENT = """\
[agent]
name = "agent"
base_url = "{base_url}"
token_file = "agent.token"
state_dir = "state"

"""
LIVELY = """\
[log]
format = "json"
level = "{level}"

[inbox]
reconcile_interval = {reconcile_interval}
deaf_grace = 0.5
connect_timeout = 2.0
ping_interval = 1.0
ping_timeout = 1.0
backoff_base = 0.1
backoff_cap = 1.0

[dispatch]
retry_base = 0.1
retry_cap = 2.0
settle_grace = 0.2
"""
"""Of an agent that is to notice at once whatever fails."""

CONFIG = (
    AGENT
    + LIVELY
    + """\
concurrency = 16

[plugins.chaos]
path = "{handler}"
"""
)


class Backend:
    """`mycel-runtime backend` as a process, its owner's tools, and what is known of its lives."""

    def __init__(self, folder):
        self.folder = folder
        self.port = 0
        self.lives = []
        self._popen = None
        self._line = self._file = None
        self._lock = threading.RLock()

    @property
    def base_url(self):
        """Straight, past the proxy."""
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        """Return when it listens."""
        command = [sys.executable, "-m", "mycel_runtime", "backend", "--port", str(self.port)]
        options = ["--database", str(self.folder / "backend.sqlite3"), "--control", str(self.folder)]
        self._popen = subprocess.Popen(
            [*command, *options], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        line = self._popen.stdout.readline()
        assert line.startswith("listening on "), line
        self.port = int(line.rsplit(":", 1)[1])
        threading.Thread(target=self._popen.stdout.read, daemon=True).start()
        self.lives.append(time.time())

    def kill(self):
        """SIGKILL, and wait until it is gone."""
        with self._lock:
            self._hang_up()
            self._popen.kill()
            self._popen.wait(DEADLINE)
            self._popen.stdout.close()

    def restart(self):
        """In an orderly way: numbers from 1 again."""
        with self._lock:
            self.ask("fault", name="restart")
            self._hang_up()
            self.ask_until("users")
            self.lives.append(time.time())

    def ask(self, verb, **arguments):
        """Give an order; `OSError` if nobody answers."""
        with self._lock:
            try:
                if self._line is None:
                    self._dial()
                self._line.sendall(json.dumps({"verb": verb, "arguments": arguments}).encode() + b"\n")
                answer = self._file.readline()
                if not answer:
                    raise ConnectionResetError
            except OSError:
                self._hang_up()
                raise
        answer = json.loads(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def ask_until(self, verb, **arguments):
        """As `ask`, again until somebody answers."""
        deadline = time.monotonic() + DEADLINE
        while True:
            try:
                return self.ask(verb, **arguments)
            except OSError:
                assert time.monotonic() < deadline, "the backend does not answer"
                time.sleep(0.02)

    def last_seq(self, user_id):
        """The newest number of this life."""
        inboxes = self.ask_until("inboxes")
        return next(inbox["last_seq"] for inbox in inboxes if inbox["user_id"] == user_id)

    def _dial(self):
        self._line = socket.socket(socket.AF_UNIX)
        self._line.settimeout(DEADLINE)
        self._line.connect(str(self.folder / f"backend-{self.port}.sock"))
        self._file = self._line.makefile("rb")

    def _hang_up(self):
        for end in (self._file, self._line):
            if end is not None:
                end.close()
        self._file = self._line = None


class Launched:
    """
    `mycel-runtime run` as a process, one after the other on the same state.

    Args:
        folder: For what it logs.
        config: Its file, or a folder of such.

    Attributes:
        shown: Where its handlers write what they are shown.
        logs: Of each process.
    """

    def __init__(self, folder, config, shown):
        self.folder = folder
        self.config = config
        self.shown = shown
        self.logs = []
        self._popen = None

    @property
    def is_running(self):
        """Whether its process lives."""
        return self._popen is not None and self._popen.poll() is None

    def start(self, prefix=()):
        """
        Not waited for.

        Args:
            prefix: Stands before the command.
        """
        log = self.folder / f"log-{len(self.logs)}"
        self.logs.append(log)
        # Handlers import the tests' modules, also in a process of their own.
        paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        with log.open("wb") as stderr:
            self._popen = subprocess.Popen(
                [*prefix, sys.executable, "-m", "mycel_runtime", "run", "--config", str(self.config)],
                cwd=ROOT,
                env=os.environ | {VARIABLE: str(self.shown), "PYTHONPATH": paths},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )

    def kill(self):
        """SIGKILL; fails if it had ended by itself."""
        assert self.is_running, self.logs[-1].read_text()[-3000:]
        self.reap()

    def stop(self):
        """SIGTERM; the exit code."""
        self._signal(signal.SIGTERM)
        return self._popen.wait(DEADLINE)

    def reap(self):
        """SIGKILL, whatever happened before."""
        if self.is_running:
            self._signal(signal.SIGKILL)
            self._popen.wait(DEADLINE)

    def _signal(self, number):
        self._popen.send_signal(number)


class Daemon(Launched):
    """Of one agent, with a file journal."""

    def __init__(self, folder, base_url, token, *, reconcile_interval):
        super().__init__(folder, folder / "agent.toml", folder / "shown")
        write_token(folder / "agent.token", token)
        handler = Path(__file__).with_name("handler.py")
        text = CONFIG.format(
            base_url=base_url, handler=handler, reconcile_interval=reconcile_interval, level="debug"
        )
        self.config.write_text(text)

    @property
    def journal(self):
        """The file that must tell the truth at any instant."""
        return self.folder / "state" / "journal.sqlite3"

    def wait_event(self, name):
        """Until the log tells it."""
        deadline = time.monotonic() + DEADLINE
        while f'"event": "{name}"' not in self.logs[-1].read_text():
            assert time.monotonic() < deadline, self.logs[-1].read_text()[-3000:]
            time.sleep(0.02)


def write_token(file, token):
    """For its owner's eyes only."""
    file.write_text(token)
    file.chmod(0o600)
