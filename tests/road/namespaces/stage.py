"""An owner and a backend on one host, an agent's daemon on another, and somebody who looks at the daemon's status."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from mycel_runtime.daemon.control import ask_status
from mycel_runtime.errors import MycelError
from mycel_runtime.sdk import Client
from mycel_runtime.wire.times import time_of
from tests.road.namespaces import network

ROOT = Path(__file__).parents[3]
DEADLINE = 60.0
LOOK_SECONDS = 0.1
ANSWER = "echo "
CONFIG = """\
[agent]
name = "agent"
base_url = "{base_url}"
token_file = "agent.token"
state_dir = "state"

[log]
level = "debug"
format = "json"

[plugins.echo]
path = "echo.py"
"""
PLUGIN = """\
from mycel_runtime import Plugin

plugin = Plugin("echo")

@plugin.on_message()
async def echo(ctx):
    for message in ctx.messages:
        await ctx.reply("echo " + message.content)
"""


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What the daemon said of itself at a time, in epoch seconds."""

    at: float
    is_ready: bool
    reconciled_at: float
    text: str


class Watch:
    """Looks at a daemon's status all the time, in a thread of its own."""

    def __init__(self, state_dir):
        self._state_dir = state_dir
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)
        self.glimpses = []

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_exc):
        self._stop.set()
        self._thread.join()

    def wait_ready(self, seconds):
        """Since when the daemon is ready without a break; `None` if it is not within so many seconds."""
        deadline = time.time() + seconds
        while time.time() < deadline:
            if self.glimpses and self.glimpses[-1].is_ready:
                broken = (each.at for each in reversed(self.glimpses) if not each.is_ready)
                last_broken = next(broken, 0.0)
                return next(each.at for each in self.glimpses if each.at > last_broken)
            time.sleep(LOOK_SECONDS)
        return None

    def _look_on(self):
        while not self._stop.wait(LOOK_SECONDS):
            with contextlib.suppress(MycelError):
                now = ask_status(self._state_dir)
                self.glimpses.append(
                    Glimpse(time.time(), now.ready, now.hearing.reconciled_at or 0.0, now.model_dump_json())
                )


class Stage:
    """
    Everybody, while the block runs: the daemon is ready, and has answered once.

    Args:
        roads: Its hosts.
        folder: For everything that is written.
    """

    def __init__(self, roads, folder):
        self.network = roads
        self._folder = folder
        self._ends = contextlib.ExitStack()
        self._said = {}

    def __enter__(self):
        with contextlib.ExitStack() as undo:
            undo.enter_context(self.network.inside_home())
            undo.enter_context(
                self._process("backend", self.network.home, "backend", *self._backend_arguments())
            )
            self._settle_in(undo)
            undo.enter_context(
                self._process("daemon", self.network.agent, "run", "--config", self._folder / "agent.toml")
            )
            self.watch = undo.enter_context(Watch(self._folder / "state"))
            assert self.watch.wait_ready(DEADLINE), self.log("daemon")
            self.say("hello")
            assert self.wait_answered(DEADLINE), self.log("daemon")
            self._ends = undo.pop_all()
        return self

    def __exit__(self, *_exc):
        self._ends.close()

    def say(self, text):
        """As the owner."""
        self._said[text] = time.time()
        self._owner.messages.send(self._chat, text, enforce_caught_up=False)

    def talk(self, label, seconds, every, *, filling=""):
        """A numbered message again and again, for so long."""
        end = time.time() + seconds
        number = 0
        while time.time() < end:
            self.say(f"{label} {number} {filling}")
            number += 1
            time.sleep(max(0.0, min(every, end - time.time())))

    def answers(self):
        """Each message of the owner, and the times at which the backend has stored an answer to it."""
        found = {text: [] for text in self._said}
        for message in self._owner.messages.list_all(self._chat):
            content = message["content"]
            if content.startswith(ANSWER):
                found[content.removeprefix(ANSWER)].append(time_of(message["created_at"]).timestamp())
        return found

    def wait_answered(self, seconds):
        """Until every message has an answer; whether all had one in so many seconds."""
        deadline = time.time() + seconds
        while time.time() < deadline:
            if all(self.answers().values()):
                return True
            time.sleep(LOOK_SECONDS)
        return False

    def log(self, name):
        """What the backend or the daemon has written."""
        return (self._folder / f"{name}.log").read_text()

    def log_lines(self):
        """The daemon's, as it wrote them."""
        for line in self.log("daemon").splitlines():
            with contextlib.suppress(ValueError):
                yield json.loads(line)

    def _backend_arguments(self):
        database, control = self._folder / "backend.sqlite3", self._folder / "control"
        return "--host", "0.0.0.0", "--port", network.PORT, "--database", database, "--control", control

    def _settle_in(self, undo):
        """An owner, an agent, a chat; and what the daemon needs to know."""
        base_url = f"http://127.0.0.1:{network.PORT}"
        nobody = undo.enter_context(Client(base_url=base_url))
        owner = _patiently(lambda: nobody.auth.create_guest_owner("owner"))
        self._owner = undo.enter_context(Client(base_url=base_url, auth_token=owner["token"]))
        agent = self._owner.auth.create_external_user("agent", "Agent")
        self._chat = self._owner.chats.create(["agent"], kind="group", title="Road")["id"]
        token = self._folder / "agent.token"
        token.touch(mode=0o600)
        token.write_text(agent["token"])
        (self._folder / "echo.py").write_text(PLUGIN)
        (self._folder / "agent.toml").write_text(CONFIG.format(base_url=network.BASE_URL))

    @contextlib.contextmanager
    def _process(self, name, namespace, *arguments):
        """A `mycel-runtime` on a host, killed at the end of the block."""
        command = self.network.command(namespace, sys.executable, "-m", "mycel_runtime", *map(str, arguments))
        with (self._folder / f"{name}.log").open("w") as log:
            process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.kill()
            process.wait()


def _patiently(call):
    """What the call gives, once the backend is up."""
    deadline = time.time() + DEADLINE
    while True:
        try:
            return call()
        except MycelError:
            if time.time() > deadline:
                raise
            time.sleep(LOOK_SECONDS)
