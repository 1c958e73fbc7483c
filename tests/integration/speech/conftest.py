"""Runtimes of several identities in this process, without their streams, with a clock that jumps."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field

import pytest
from pydantic import SecretStr

from mycel_runtime.backend.server import BackendOptions, LocalBackend
from mycel_runtime.daemon.assembly import AgentAssembly
from mycel_runtime.journal.capture_file import CAPTURE_NAME, CaptureFile
from mycel_runtime.journal.ids import HandlerId, Lane
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.journal.work import ChatWork
from mycel_runtime.observe.facts import CaptureFailed
from mycel_runtime.observe.observer import Observer
from mycel_runtime.plugin.registry import BoundHandler
from mycel_runtime.plugin.subscription import MessageSubscription
from mycel_runtime.sdk import AsyncClient
from mycel_runtime.settings import Settings

SETTINGS = {
    "settle_grace": 0.05,
    "retry_base": 0.02,
    "retry_cap": 0.05,
    "hole_grace": 3.0,  # the clock is moved over it; real seconds on a busy machine must not
    "park_after": 0.2,
}


class Clock:
    """Epoch seconds that can be moved forwards."""

    def __init__(self):
        self.ahead = 0.0

    def __call__(self):
        return time.time() + self.ahead


class Memory(Observer):
    """Remembers facts."""

    def __init__(self):
        self.facts = []

    def tell(self, fact):
        self.facts.append(fact)

    def named(self, name):
        return [fact for fact in self.facts if fact.name == name]


@dataclass
class Agent:
    """An identity, its journal and its parts."""

    me: str
    sdk: AsyncClient
    journal: SqliteJournal
    parts: object
    plugin: object
    memory: Memory
    clock: Clock
    capture: CaptureFile | None = None

    def hint(self, chat_id, wanted_seq=None):
        """What a frame says: look at this chat."""
        return tuple(
            ChatWork(
                handler=HandlerId(handler.id),
                lane=Lane(f"chat:{chat_id}"),
                chat_id=chat_id,
                wanted_seq=wanted_seq,
            )
            for handler in self.plugin.handlers
            if isinstance(handler.subscription, MessageSubscription)
        )

    async def take(self, *hints):
        """Commit hints."""
        await self.journal.hint(self.me, hints)

    async def hear(self, chat_id, wanted_seq=None):
        """Commit a hint, and deliver whatever is due."""
        await self.take(*self.hint(chat_id, wanted_seq))
        await self.deliver()

    async def deliver(self, *, limit=200):
        """Run what is due now; postponed deliveries wait for the clock."""
        for _ in range(limit):
            await self.parts.dispatcher.timekeeper.fire_due(self.clock())
            if not await self.deliver_next():
                return
        raise AssertionError("deliveries without end")

    async def deliver_next(self):
        """Run the first that is due of each lane; how many there were."""
        claimed = await self.journal.claim(self.me, limit=10)
        async with asyncio.TaskGroup() as tasks:
            for delivery in claimed:
                self.parts.dispatcher.running += 1
                tasks.create_task(self.parts.dispatcher._deliver(delivery))
        return len(claimed)


async def insist(ctx, text):
    """What the most careless author writes."""
    for _ in range(3):
        try:
            await ctx.reply(text)
        except BaseException:  # noqa: BLE001 - on purpose
            continue
        break


@dataclass
class World:
    """A backend, its owner, and agents that come and go."""

    backend: LocalBackend
    owner: AsyncClient
    folder: object
    stack: contextlib.AsyncExitStack
    tokens: dict = field(default_factory=dict)

    async def agent(
        self,
        name,
        plugin,
        *,
        guard=None,
        worker=None,
        base_url=None,
        timeout=15.0,  # noqa: ASYNC109 - httpx's, per step
        patience=0.0,
        folder=None,
        on_twin="hold",
        clock=None,
        capture=False,
        **dispatch,
    ):
        """Start one, or start it again on its journal, or on another one in this folder."""
        base_url = base_url or self.backend.base_url
        if name not in self.tokens:
            self.tokens[name] = (await self.owner.auth.create_external_user(name, name))["token"]
        state = self.folder / (folder or name)
        state.mkdir(exist_ok=True)
        memory, clock = Memory(), clock or Clock()
        journal = SqliteJournal(state, clock=clock)
        journal.open()
        self.stack.push_async_callback(journal.close)
        sdk = await self.stack.enter_async_context(
            AsyncClient(
                base_url=base_url,
                auth_token=self.tokens[name],
                retries=0,
                timeout=timeout,
                patience_seconds=patience,
            )
        )
        kept = self._capture_file(state, memory) if capture else None
        parts = await AgentAssembly(
            settings=settings_of(base_url, on_twin, guard, dispatch),
            me=name,
            base_url=base_url,
            token=SecretStr(self.tokens[name]),
            journal=journal,
            sdk=sdk,
            handlers=[
                BoundHandler(handler=handler, settings=None, worker=worker) for handler in plugin.handlers
            ],
            observer=memory,
            capture_file=kept,
        ).parts()
        self.stack.push_async_callback(parts.dispatcher.attempts.close)
        return Agent(name, sdk, journal, parts, plugin, memory, clock, kept)

    def _capture_file(self, state, memory):
        """Closed at the end."""
        kept = CaptureFile(
            state / CAPTURE_NAME,
            kept_runs=100,
            on_failure=lambda reason: memory.tell(CaptureFailed(reason=reason)),
        )
        self.stack.push_async_callback(asyncio.to_thread, kept.close)
        return kept

    async def user(self, name):
        """Somebody else, by API only."""
        token = (await self.owner.auth.create_external_user(name, name))["token"]
        return await self.stack.enter_async_context(
            AsyncClient(base_url=self.backend.base_url, auth_token=token)
        )

    async def say(self, chat_id, text):
        """As the owner, who is human."""
        return await self.owner.messages.send(chat_id, text, delivery_scope=None, enforce_caught_up=False)


def settings_of(base_url, on_twin, guard, dispatch):
    return Settings(
        file={
            "agent": {"name": "a", "base_url": base_url, "on_twin": on_twin},
            "dispatch": SETTINGS | dispatch,
            "guard": guard or {},
        },
        overrides={},
    )


async def enter(backend, stack):
    """A human's client; generation A knows no guests."""
    async with AsyncClient(base_url=backend.base_url) as nobody:
        if backend.options.generation == "a":
            backend.ask("add_user", email="owner@example.org", password="secret")
            made = await nobody.auth.login("owner@example.org", "secret")
        else:
            made = await nobody.auth.create_guest_owner("owner")
    return await stack.enter_async_context(AsyncClient(base_url=backend.base_url, auth_token=made["token"]))


@pytest.fixture
def options():
    """Overridden by tests that want another backend."""
    return {}


@pytest.fixture
async def world(tmp_path, options):
    with LocalBackend(BackendOptions(**options)) as backend:
        async with contextlib.AsyncExitStack() as stack:
            owner = await enter(backend, stack)
            yield World(backend, owner, tmp_path, stack)
