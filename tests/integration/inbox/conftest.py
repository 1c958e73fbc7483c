"""A runtime in this process, with short times, against a backend on a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field

import pytest
from pydantic import SecretStr

from mycel_runtime.backend.server import BackendOptions, LocalBackend
from mycel_runtime.daemon.assembly import AgentAssembly
from mycel_runtime.inbox.approach import Approach
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.observe.observer import Observer
from mycel_runtime.plugin.plugin import Plugin
from mycel_runtime.plugin.registry import BoundHandler
from mycel_runtime.sdk import AsyncClient
from mycel_runtime.sdk.network import DEFAULT
from mycel_runtime.settings import Settings

DEADLINE = 60.0

SETTINGS = {
    "agent": {"name": "a", "base_url": "http://test"},
    "inbox": {
        "reconcile_interval": 0.5,
        "suspect_interval": 3600,  # the bound holds for both
        "deaf_grace": 0.2,
        "backoff_base": 0.05,
    },
    "dispatch": {"settle_grace": 0.1, "retry_base": 0.05},
}


class Memory(Observer):
    """Remembers facts."""

    def __init__(self):
        self.facts = []
        self._changed = asyncio.Event()

    def tell(self, fact):
        self.facts.append(fact)
        self._changed.set()

    def named(self, name):
        return [fact for fact in self.facts if fact.name == name]

    async def wait(self, name, count=1):
        """Until so many facts of this name were told."""
        async with asyncio.timeout(DEADLINE):
            while len(self.named(name)) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.named(name)[count - 1]


@dataclass
class Runtime:
    """What a test can see of a running runtime."""

    memory: Memory
    heard: list[str] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)
    journal: object = None
    me: str = ""

    async def until_event(self, event_type):
        """Until the handler of frames was given one of this type."""
        async with asyncio.timeout(DEADLINE):
            while event_type not in self.frames:  # noqa: ASYNC110 - the handler knows nothing of the test
                await asyncio.sleep(0.01)

    async def until_heard(self, *texts):
        """Until the handler was shown these, in this order, and nothing else, and is done with them."""
        async with asyncio.timeout(DEADLINE):
            # What has not ended in the journal when the runtime does is shown to the next one again.
            while self.heard != list(texts) or (await self.journal.statistics(self.me)).running:
                assert len(self.heard) <= len(texts), self.heard
                await asyncio.sleep(0.01)


@dataclass
class Home:
    """A backend with an owner, an agent, and their direct chat."""

    backend: LocalBackend
    owner: AsyncClient
    agent_id: str
    agent_token: str
    chat_id: str

    async def say(self, text, chat_id=None):
        await self.owner.messages.send(chat_id or self.chat_id, text, enforce_caught_up=False)


@pytest.fixture
def options():
    """Overridden by tests that want another backend."""
    return {}


@contextlib.asynccontextmanager
async def a_home(folder, **options):
    with LocalBackend(BackendOptions(database=folder / "backend.sqlite3", **options)) as backend:
        async with AsyncClient(base_url=backend.base_url) as nobody:
            made = await nobody.auth.create_guest_owner("owner")
        async with AsyncClient(base_url=backend.base_url, auth_token=made["token"]) as owner:
            agent = await owner.auth.create_external_user("agent", "Agent")
            chat = await owner.chats.ensure_direct("agent")
            yield Home(backend, owner, "agent", agent["token"], chat["id"])


@pytest.fixture
async def home(tmp_path, options):
    async with a_home(tmp_path, **options) as made:
        yield made


def put_between(sdk, alter):
    """Whatever the server answers comes through `alter`."""
    send = sdk._send

    async def altered(call):
        return alter(call.path, await send(call))

    sdk._send = altered


async def say_nothing(ctx):
    """A handler that only listens."""


async def answer_at_once(ctx):
    await ctx.reply("heard")


async def answer_late(ctx):
    await asyncio.sleep(0.5)
    await ctx.reply("heard")


async def crash(ctx):
    raise LookupError


@contextlib.asynccontextmanager
async def running(
    home,
    state_dir,
    *,
    alter=None,
    clock=time.time,
    handler=say_nothing,
    network=DEFAULT,
    frames="*",
    approach=None,
    **inbox,
):
    """
    A runtime; its journal outlives it.

    `alter` may give another answer, from the call's path and the reply; `handler` is what is done with messages;
    `frames` says which ones there is a handler of; `approach` is shared with others.
    """
    runtime = Runtime(Memory())
    base_url, token = home.backend.base_url, home.agent_token
    async with (
        opened_journal(state_dir, clock) as journal,
        AsyncClient(base_url=base_url, auth_token=token, network=network) as sdk,
    ):
        if alter is not None:
            put_between(sdk, alter)
        parts = await AgentAssembly(
            settings=Settings(file=SETTINGS, overrides={"inbox": SETTINGS["inbox"] | inbox}),
            me=home.agent_id,
            base_url=base_url,
            token=SecretStr(token),
            journal=journal,
            sdk=sdk,
            handlers=noting_handlers(runtime, handler, frames),
            observer=runtime.memory,
            network=network,
            approach=approach or Approach(),
        ).parts()
        runtime.journal, runtime.me = journal, home.agent_id
        async with living(parts):
            yield runtime


@contextlib.asynccontextmanager
async def opened_journal(state_dir, clock):
    state_dir.mkdir(exist_ok=True)
    journal = SqliteJournal(state_dir, clock=clock)
    await asyncio.to_thread(journal.open)
    try:
        yield journal
    finally:
        await journal.close()


def noting_handlers(runtime, handler, frames):
    """Of a plugin that notes what it hears, and leaves messages to the handler then."""
    plugin = Plugin("p")

    @plugin.on_message
    async def listen(ctx):
        runtime.heard += [message.content for message in ctx.messages]
        await handler(ctx)

    @plugin.on_frame(frames)
    async def frame(ctx):
        runtime.frames.append(ctx.event_type)

    return [BoundHandler(handler=each, settings=None) for each in plugin.handlers]


@contextlib.asynccontextmanager
async def living(parts):
    """They listen and run handlers for a block."""
    async with asyncio.TaskGroup() as tasks:
        beside = [
            tasks.create_task(parts.listener.run()),
            tasks.create_task(parts.dispatcher.run()),
            tasks.create_task(parts.listener.keep_looking()),
        ]
        yield
        for task in beside:
            task.cancel()
