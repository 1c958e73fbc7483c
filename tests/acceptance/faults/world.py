"""One agent at work, behind a gateway, whose clock, disk and plugins may go wrong by order."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

from mycel_runtime.daemon.control import ask_admin, give_order
from mycel_runtime.daemon.status import Status
from mycel_runtime.sdk import Client
from tests.acceptance.conftest import until, write_config
from tests.acceptance.trace_receiver import receiving
from tests.discretion.heard import hear

if TYPE_CHECKING:
    from pathlib import Path

    from tests.acceptance.trace_receiver import Receiver

OFTEN = """
[inbox]
reconcile_interval = 0.5
suspect_interval = 0.2
deaf_grace = 1.5
backoff_base = 0.1
backoff_cap = 0.4

[dispatch]
retry_base = 0.1
retry_cap = 0.2
park_after = 0.2
settle_grace = 0.1
quarantine_after = 1
quarantine_time = 600.0

[guard]
turns = 1

[journal]
capture = true

"""
"""So that what is told within an interval is told within half a second."""

PLUGINS = '[plugins.moody]\npath = "moody.py"\n[plugins.stubborn]\npath = "stubborn.py"\n'

MOODY = """
import asyncio
from pathlib import Path

from mycel_runtime import Plugin, Reject, Unavailable

plugin = Plugin("moody")
FOLDER = Path(__file__).parent


def is_on(order):
    return (FOLDER / order).exists()


@plugin.on_message
async def answer(ctx):
    text = ctx.messages[-1].content
    if text == "fail" and is_on("failing"):
        raise ValueError("the text of a message")
    if text == "lack" and is_on("lacking"):
        raise Unavailable("it has no key")
    if text == "give up":
        raise Reject("not this")
    while text == "linger" and is_on("lingering"):
        await asyncio.sleep(0.02)
    if text not in {"stay", "block"}:
        await ctx.reply("well")
"""

STUBBORN = """
import asyncio
import time
from pathlib import Path

from mycel_runtime import Plugin

plugin = Plugin("stubborn")
FOLDER = Path(__file__).parent


def is_on(order):
    return (FOLDER / order).exists()


@plugin.on_start
async def begin(ctx):
    if is_on("unwilling"):
        raise RuntimeError("the text of a message")


@plugin.on_message(pattern="^stay$", timeout=0.2, max_attempts=1)
async def stay(ctx):
    while is_on("staying"):
        try:
            await asyncio.sleep(0.02)
        except asyncio.CancelledError:
            pass


@plugin.on_message(pattern="^block$", timeout=0.2, max_attempts=1)
def block(ctx):
    while is_on("blocking"):
        time.sleep(0.02)
"""

CLOCK = """
import time

_true_time = time.time


def _set_time():
    try:
        with open({file!r}) as ahead:
            return _true_time() + float(ahead.read())
    except OSError:
        return _true_time()


time.time = _set_time
"""
"""Of the whole process, as a clock that somebody sets: read before anything of the runtime is imported."""


@dataclass
class World:
    """
    An agent, its owner, and what they have in hand.

    Attributes:
        launch: Starts `mycel-runtime ARGS…`, as the fixture `start`.
        folder: Of the configuration, the plugins, and the orders to them.
        state: The state directory.
        gateway: What the agent's calls and its stream go through.
        direct: A chat of the owner and the agent.
        control: Speaks to the agent's own socket.
        traces: Receives its traces.
    """

    launch: object
    folder: Path
    state: Path
    backend: object
    gateway: object
    household: object
    owner: Client
    direct: str
    control: httpx.Client
    traces: Receiver
    agent: object = field(init=False, default=None)
    _numbers: object = field(init=False, default_factory=itertools.count)

    @property
    def config(self):
        """Its file."""
        return self.folder / "agent.toml"

    def start(self):
        """Start the agent; it need not be ready yet."""
        paths = os.pathsep.join(filter(None, [str(self.folder / "clock"), os.environ.get("PYTHONPATH")]))
        self.agent = self.launch(
            "run", "--config", self.config, PYTHONPATH=paths, OTEL_BSP_SCHEDULE_DELAY="100"
        )
        self.agent.wait_event("stream.connected")

    def get(self, path):
        """What the agent's own socket answers."""
        answer = self.control.get(f"http://control{path}")
        hear(path, answer.content)
        return answer

    def status(self):
        """As `/status` tells it now."""
        return Status.model_validate_json(self.get("/status").content)

    def metric(self, metric):
        """Its value now; 0 where it is not exposed."""
        name, labels = metric
        wanted = {f'{label}="{value}"' for label, value in {"agent": "agent", **labels}.items()}
        for line in self.get("/metrics").text.splitlines():
            its, _, value = line.rpartition(" ")
            if its.startswith(f"mycel_runtime_{name}{{") and wanted == set(
                its.rstrip("}").split("{")[1].split(",")
            ):
                return float(value)
        return 0.0

    def readyz(self):
        """The status code, and the problems in one line."""
        answer = self.get("/readyz")
        return answer.status_code, "; ".join(answer.json()["problems"])

    @property
    def owner_id(self):
        """For the backend's own tools, which no fault is in the way of."""
        return self.owner.me.whoami()["id"]

    def number(self):
        """Another one each time."""
        return next(self._numbers)

    def say(self, text, chat_id=None):
        """As the owner."""
        self.owner.messages.send(chat_id or self.direct, text, enforce_caught_up=False)

    def group(self):
        """A new chat of the owner and the agent."""
        return self.owner.chats.create([self.household.agent_id], kind="group", title="g")["id"]

    def said(self, chat_id=None):
        """How often the agent has spoken there."""
        history = self.owner.messages.list(chat_id or self.direct, limit=200)
        return sum(each["sender_id"] == self.household.agent_id for each in history)

    def admin(self, verb, **arguments):
        """What a verb of the operator answers."""
        return ask_admin(self.state, verb, **arguments)

    def reload(self):
        """As `mycel-runtime reload`."""
        return give_order(self.state, "reload", within=60.0)

    @contextlib.contextmanager
    def order(self, name):
        """To the plugins, as long as the block runs."""
        file = self.folder / name
        file.touch()
        try:
            yield
        finally:
            file.unlink()

    def set_clock(self, seconds):
        """So far ahead of the true time."""
        aside = self.folder / "ahead.new"
        aside.write_text(f"{seconds}")
        aside.replace(self.folder / "ahead")

    def drop_letters(self):
        """All dead letters there are, of which there must be some."""
        letters = until(lambda: self.admin("dead"))
        assert all(self.admin("drop", dead_letter_id=each["dead_letter_id"]) for each in letters)


@contextlib.contextmanager
def world(launch, backend, gateway, household, folder, state):
    """An agent that is at work and has answered; it is left as it is then."""
    with receiving() as traces:
        yield from _worlds(launch, backend, gateway, household, folder, state, traces)


def _worlds(launch, backend, gateway, household, folder, state, traces):
    extra = OFTEN + f'[tracing]\nendpoint = "{traces.endpoint}"\n'
    config = write_config(
        folder, dataclasses.replace(household, base_url=gateway.base_url), extra=extra, plugin=PLUGINS
    )
    config.write_text(config.read_text().replace('"state"', f'"{state}"'))
    (folder / "moody.py").write_text(MOODY)
    (folder / "stubborn.py").write_text(STUBBORN)
    (folder / "clock").mkdir()
    (folder / "clock" / "sitecustomize.py").write_text(CLOCK.format(file=str(folder / "ahead")))
    # A connection for each question, for the daemon is killed and started again.
    socket = httpx.HTTPTransport(
        uds=str(state / "control.sock"), verify=False, limits=httpx.Limits(max_keepalive_connections=0)
    )
    with (
        Client(base_url=household.base_url, auth_token=household.owner_token) as owner,
        httpx.Client(transport=socket, timeout=10.0) as control,
    ):
        direct = owner.chats.ensure_direct(household.agent_id)["id"]
        made = World(launch, folder, state, backend, gateway, household, owner, direct, control, traces)
        made.start()
        made.say("hello")
        until(made.said)
        yield made
