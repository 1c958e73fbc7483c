"""Hosts of a fleet: each a process `mycel-runtime run`, with state of its own, and networks that can be cut."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from psycopg import conninfo

from tests.chaos.proxy import FaultProxy
from tests.engines.database_proxy import DatabaseProxy

ROOT = Path(__file__).parents[2]
DEADLINE = 60.0

CONFIG = """\
[agent]
name = "{name}"
base_url = "{base_url}"
token_file = "{name}.token"
state_dir = "../state/{name}"

[engine]
url = "postgresql://postgres@127.0.0.1:{port}/{database}"
lease_seconds = {lease_seconds}

[inbox]
reconcile_interval = 5.0
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

[daemon]
drain_timeout = 5.0

[guard]
turns = 10000
chat_sends = 1000000
plugin_sends = 1000000

[log]
format = "json"

[plugins.fleet]
path = "{handler}"
"""


def own_namespace():
    """
    What stands before a command so that no other host can look at its process.

    Hosts of one machine prove each other's death by its table of processes, and real ones cannot. Only root may.
    """
    command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.getuid() or subprocess.run([*command, "true"], check=False, capture_output=True).returncode:
        return []
    return command


class Host:
    """
    One of a fleet.

    Args:
        folder: Its own.
        database: The URL of all.
        backend: Host and port of all.
        agents: Tokens by name.
        lease_seconds: As of `[engine]`.
        shown: Where handlers write what they are shown.
    """

    def __init__(self, folder, *, database, backend, agents, lease_seconds, shown):
        self.name = folder.name
        self.database = DatabaseProxy(database)
        self.backend = FaultProxy(*backend)
        self.logs = []
        self._folder = folder
        self._shown = shown
        self._popen = None
        self._options = {
            "database": conninfo.conninfo_to_dict(database)["dbname"],
            "lease_seconds": lease_seconds,
            "handler": Path(__file__).with_name("handler.py"),
        }
        self._agents = agents

    def __enter__(self):
        self.database.__enter__()
        self.backend.__enter__()
        configs = self._folder / "agents"
        configs.mkdir(parents=True)
        for name, token in self._agents.items():
            (configs / f"{name}.token").write_text(token)
            (configs / f"{name}.token").chmod(0o600)
            (configs / f"{name}.toml").write_text(
                CONFIG.format(
                    name=name, base_url=self.backend.base_url, port=self.database.port, **self._options
                )
            )
        return self

    def __exit__(self, *exc_info):
        self.kill()
        self.backend.__exit__()
        self.database.__exit__()

    @property
    def config(self):
        """The folder of all agents."""
        return self._folder / "agents"

    @property
    def is_running(self):
        """Whether its process lives."""
        return self._popen is not None and self._popen.poll() is None

    def start(self, prefix=()):
        """Not waited for."""
        log = self._folder / f"log-{len(self.logs)}"
        self.logs.append(log)
        with log.open("wb") as stderr:
            self._popen = subprocess.Popen(
                [*prefix, sys.executable, "-m", "mycel_runtime", "run", "--config", str(self.config)],
                cwd=ROOT,
                env=os.environ | {"FLEET_SHOWN": str(self._shown)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )

    def kill(self):
        """SIGKILL, whatever it does."""
        if self._popen is not None:
            self._signal(signal.SIGKILL)
            self._popen.wait(DEADLINE)

    def freeze(self):
        """SIGSTOP."""
        self._signal(signal.SIGSTOP)

    def thaw(self):
        """SIGCONT; what has given a namespace stands still with its child."""
        self._signal(signal.SIGCONT)
        self._popen.send_signal(signal.SIGCONT)

    def stop(self):
        """SIGTERM; the exit code."""
        self._signal(signal.SIGTERM)
        return self._popen.wait(DEADLINE)

    def _signal(self, number):
        """To the process itself, and not to what has given it a namespace."""
        for pid in _children(self._popen.pid) or [self._popen.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def events(self, *names):
        """What its logs tell of these events, oldest first, each with its time."""
        for log in self.logs:
            for line in log.read_text().splitlines():
                try:
                    event = json.loads(line)
                except ValueError:
                    continue
                if event.get("event") in names:
                    yield event

    def count(self, name):
        """How often an event was told."""
        return sum(1 for _ in self.events(name))


def _children(pid):
    """Of the command that gives a namespace, the process in it."""
    found = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        is_shell = Path(f"/proc/{pid}/comm").read_text().strip() == "unshare"
        return [int(child) for child in found.read_text().split()] if is_shell else []
    except OSError:
        return []


def until(condition, what, seconds=DEADLINE):
    """The first true value of `condition()`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what}")
