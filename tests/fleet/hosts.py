"""Hosts of a fleet: each a process `mycel-runtime run`, with state of its own, and networks that can be cut."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from typing_extensions import override

from tests.chaos.evidence import facts_of
from tests.chaos.proxy import FaultProxy
from tests.chaos.stage import DEADLINE, LIVELY, Launched, write_token
from tests.engines.database_proxy import DatabaseProxy
from tests.engines.postgres_server import as_url

CONFIG = (
    """\
[agent]
name = "{name}"
base_url = "{base_url}"
token_file = "{name}.token"
state_dir = "../state/{name}"

[engine]
url = "{url}"
lease_seconds = {lease_seconds}

[daemon]
drain_timeout = 5.0

[guard]
turns = 10000
chat_sends = 1000000
plugin_sends = 1000000

[plugins.fleet]
path = "{folder}/handler.py"

"""
    + LIVELY
)

AT_ITS_POST = {"standby.begun", "lease.taken"}
"""What a process tells of an agent that it has come to work, or to wait, for."""

APART = """
[plugins.apart]
path = "{folder}/apart.py"
isolation = "process"
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


class Host(Launched):
    """
    One of a fleet.

    Args:
        folder: Its own.
        database: The URL of all.
        backend: Host and port of all.
        agents: Tokens by name.
        apart: Names of those that have a plugin in a process of its own.
        lease_seconds: As of `[engine]`.
        shown: Where handlers write what they are shown.
    """

    def __init__(self, folder, *, database, backend, agents, apart, lease_seconds, shown):
        super().__init__(folder, folder / "agents", shown)
        self.name = folder.name
        self.database = DatabaseProxy(database)
        self.backend = FaultProxy(*backend)
        self._place = database
        self._agents = agents
        self._apart = apart
        self._lease_seconds = lease_seconds
        self._post = None

    def __enter__(self):
        self.database.__enter__()
        self.backend.__enter__()
        self.config.mkdir(parents=True)
        for name, token in self._agents.items():
            write_token(self.config / f"{name}.token", token)
            text = CONFIG + (APART if name in self._apart else "")
            (self.config / f"{name}.toml").write_text(
                text.format(
                    name=name,
                    base_url=self.backend.base_url,
                    url=as_url(self._place, port=self.database.port),
                    lease_seconds=self._lease_seconds,
                    folder=Path(__file__).parent,
                    reconcile_interval=5.0,
                    level="info",
                )
            )
        return self

    def __exit__(self, *exc_info):
        self.reap()
        self.backend.__exit__()
        self.database.__exit__()

    def freeze(self):
        """SIGSTOP."""
        self._signal(signal.SIGSTOP)

    def thaw(self):
        """SIGCONT; what has given a namespace stands still with its child."""
        self._signal(signal.SIGCONT)
        self._popen.send_signal(signal.SIGCONT)

    @override
    def _signal(self, number):
        """To the process itself, and not to what has given it a namespace."""
        for pid in _children(self._popen.pid) or [self._popen.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def is_at_its_post(self):
        """Whether its process lives, and has come to work, or to wait, for each agent."""
        if not self.is_running:
            return False
        if self._post is not self.logs[-1]:
            events = facts_of(self.logs[-1:])
            told = {each.get("agent") for each in events if each.get("event") in AT_ITS_POST}
            if told >= set(self._agents):
                self._post = self.logs[-1]
        return self._post is self.logs[-1]

    def events(self, *names):
        """What its logs tell of these events, oldest first, each with its time."""
        return (fact for fact in facts_of(self.logs) if fact.get("event") in names)


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
