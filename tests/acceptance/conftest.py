"""The daemon as a process, and a backend that outlives it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mycel_runtime.backend.server import BackendOptions, LocalBackend
from mycel_runtime.sdk import Client
from tests.discretion.command_line import arguments_of
from tests.discretion.interview import interview
from tests.engines.postgres_server import Databases, PostgresServer, as_url

ROOT = Path(__file__).parents[2]
DEADLINE = 60.0

SOON_BACK = "[inbox]\nbackoff_cap = 3.0\n"
"""For tests that cannot wait as long as a thousand agents of one restarted backend must."""


@dataclass
class Process:
    """A `mycel-runtime` process whose output is read as it comes."""

    popen: subprocess.Popen
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)

    def __post_init__(self):
        self._changed = threading.Condition()
        self._readers = [
            threading.Thread(target=self._read, args=(stream, lines), daemon=True)
            for stream, lines in ((self.popen.stdout, self.out), (self.popen.stderr, self.err))
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream, lines):
        for line in stream:
            with self._changed:
                lines.append(line.rstrip("\n"))
                self._changed.notify_all()

    def wait_for(self, found, seconds=DEADLINE):
        """The first true value of `found(self)`, asked after each line."""
        with self._changed:
            assert self._changed.wait_for(lambda: found(self), seconds), self.transcript()
            return found(self)

    def wait_event(self, name, seconds=DEADLINE):
        """The first log line with this event."""
        return self.wait_for(lambda process: next(iter(process.events(name)), None), seconds)

    def events(self, name):
        """All log lines with this event."""
        return [event for event in map(_json, list(self.err)) if event.get("event") == name]

    def stop(self, number=signal.SIGTERM, seconds=DEADLINE):
        """Send a signal; the exit code. What it can be asked is asked before."""
        self.interview()
        self.popen.send_signal(number)
        return self.exit_code(seconds)

    def interview(self):
        """Whatever it answers, if it is a daemon and answers."""
        if (arguments := arguments_of(self.popen.args)) and arguments[0] == "run":
            interview(arguments)

    def kill(self):
        """SIGKILL, and wait until it is gone."""
        self.popen.kill()
        self.popen.wait(DEADLINE)

    def exit_code(self, seconds=DEADLINE):
        """Wait for the end and for the last lines."""
        code = self.popen.wait(seconds)
        for reader in self._readers:
            reader.join(DEADLINE)
        return code

    def transcript(self):
        """Everything that was printed, for a failing assertion."""
        return "\n".join(["stdout:", *self.out, "stderr:", *self.err])


def _json(line):
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


@pytest.fixture
def start():
    """Starts `mycel-runtime ARGS…`; whatever still runs at the end is killed."""
    with contextlib.ExitStack() as stack:

        def launch(*args, cwd=ROOT, **environment):
            popen = subprocess.Popen(
                [sys.executable, "-m", "mycel_runtime", *map(str, args)],
                cwd=cwd,
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            process = Process(popen)
            stack.callback(_reap, process)
            return process

        yield launch


def _reap(process):
    if process.popen.poll() is None:
        process.interview()
        process.kill()
    for reader in process._readers:
        reader.join(DEADLINE)
    process.popen.stdout.close()
    process.popen.stderr.close()


@pytest.fixture
def backend(tmp_path):
    """A backend on a SQLite file, in a thread of this process."""
    with LocalBackend(BackendOptions(database=tmp_path / "backend.sqlite3")) as running:
        yield running


@dataclass
class Household:
    """An owner and an agent that do not know each other yet."""

    base_url: str
    owner_token: str = field(repr=False)
    agent_id: str
    agent_token: str = field(repr=False)


@pytest.fixture
def household(backend):
    """Made by ordinary API calls."""
    with Client(base_url=backend.base_url) as nobody:
        owner = nobody.auth.create_guest_owner("owner")
    with Client(base_url=backend.base_url, auth_token=owner["token"]) as client:
        agent = client.auth.create_external_user("agent", "Agent")
    return Household(backend.base_url, owner["token"], agent["user"]["id"], agent["token"])


@pytest.fixture
def owner(household):
    """The owner's client, and its direct chat with the agent."""
    with Client(base_url=household.base_url, auth_token=household.owner_token) as client:
        yield client, client.chats.ensure_direct(household.agent_id)["id"]


@pytest.fixture(scope="module")
def database_server():
    """A PostgreSQL that may be stopped."""
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def databases(database_server):
    return Databases(database_server.url)


@pytest.fixture
def database_url(databases):
    """Of a database of the test's own, as a configuration names it."""
    return as_url(databases.make())


def write_config(folder, household, extra="", plugin="[plugins.echo]\n"):
    """An agent's configuration with a token file of its own."""
    folder.mkdir(exist_ok=True)
    token = folder / "agent.token"
    token.write_text(household.agent_token)
    token.chmod(0o600)
    config = folder / "agent.toml"
    config.write_text(
        f'[agent]\nname = "agent"\nbase_url = "{household.base_url}"\n'
        f'token_file = "agent.token"\nstate_dir = "state"\n{extra}\n{plugin}'
    )
    return config


def until(condition, seconds=DEADLINE, every=0.02):
    """The first true value of `condition()`; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(every)
    raise AssertionError(f"not within {seconds} s")
