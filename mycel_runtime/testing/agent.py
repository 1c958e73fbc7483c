"""An agent whose plugins are under test: the real runtime, in the loop of the test."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import math
from typing import TYPE_CHECKING, Any, Final, cast

from typing_extensions import override

from mycel_runtime.daemon.assembly import AgentAssembly
from mycel_runtime.daemon.credential import Credential
from mycel_runtime.daemon.network_health import NetworkHealth
from mycel_runtime.errors import ArgumentError, JournalError
from mycel_runtime.journal.sqlite.loop_journal import opened_in_loop
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.observer import Observer
from mycel_runtime.plugin.subscription import MessageSubscription
from mycel_runtime.settings import Settings
from mycel_runtime.testing.lifetime import KilledError, Lifetime, Mortal, MortalClient
from mycel_runtime.wire.ids import ChatId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from pathlib import Path

    from pydantic import SecretStr

    from mycel_runtime.daemon.assembly import Parts
    from mycel_runtime.journal.dead_letter import DeadLetter
    from mycel_runtime.journal.port.journal import Journal
    from mycel_runtime.observe.facts import Fact
    from mycel_runtime.plugin.registry import BoundHandler
    from mycel_runtime.sdk.network import Network
    from mycel_runtime.testing.lifetime import KillPoint
    from mycel_runtime.wire.ids import UserId

SECTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "inbox": {
        "reconcile_interval": 0.5,
        "suspect_interval": 0.5,
        "deaf_grace": 0.1,
        "backoff_base": 0.02,
        "backoff_cap": 0.1,
    },
    "dispatch": {"settle_grace": 0.05},
}
"""What goes by the loop's clock, which nobody moves, is short; everything else is as in production."""

_LOOK_SECONDS: Final = 0.002

_LAST_FACTS: Final = 10

START_SECONDS: Final = 30.0
"""Until an agent must hear; the backend may have been let down on purpose."""

DRAIN_SECONDS: Final = 5.0
"""For handlers that run when an agent is stopped."""


class _Memory(Observer):
    """Remembers facts, and says that something has happened."""

    def __init__(self, happened: Callable[[], None]) -> None:
        self.facts: list[Fact] = []
        self._happened = happened

    @override
    def tell(self, fact: Fact) -> None:
        self.facts.append(fact)
        self._happened()


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """
    Where an agent of a test lives.

    Attributes:
        base_url: Of the backend.
        network: How it is reached.
        folder: For its journal.
        clock: Epoch seconds.
        tasks: In which it runs.
        happened: Called when anything has.
    """

    base_url: str
    network: Network
    folder: Path
    clock: Callable[[], float]
    tasks: asyncio.TaskGroup
    happened: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """
    What an agent has to do.

    Attributes:
        why_busy: What it is doing; empty: nothing that would not wait for a time to come.
        due_at: That time, in epoch seconds; `None`: it waits for nothing.
    """

    why_busy: str = ""
    due_at: float | None = None


class Agent:
    """
    An agent that lives, dies and lives again on one journal. `Mycel.agent` makes it.

    Attributes:
        id: Its user id.
        name: Its display name.
    """

    def __init__(
        self,
        name: str,
        *,
        me: UserId,
        token: SecretStr,
        handlers: Sequence[BoundHandler],
        config: Mapping[str, Mapping[str, Any]],
        environment: Environment,
    ) -> None:
        self.name, self.id = name, me
        self._token = token
        self._handlers = {bound.handler.id: bound for bound in handlers}
        self._settings = _settings(environment.base_url, config)
        self._environment = environment
        self._memory = _Memory(environment.happened)
        self._running: asyncio.Task[None] | None = None
        self._error: BaseException | None = None
        self._is_wanted = False
        self._lifetime = Lifetime()
        self._parts: Parts | None = None
        self._journal: Journal | None = None

    @override
    def __repr__(self) -> str:
        return f"<Agent {self.name!r}{'' if self._running else ' (not running)'}>"

    @property
    def facts(self) -> Sequence[Fact]:
        """What has happened to it so far, oldest first; `observe/facts` has them all."""
        return tuple(self._memory.facts)

    @property
    def hears_messages(self) -> bool:
        """Whether any of its handlers takes messages."""
        subscriptions = (bound.handler.subscription for bound in self._handlers.values())
        return any(isinstance(subscription, MessageSubscription) for subscription in subscriptions)

    async def start(self) -> None:
        """
        Begin a life, and return when it hears.

        Raises:
            ArgumentError: It has begun one.
            MycelError: It cannot.
            AssertionError: It takes too long.

        Cancelling: it goes on starting.
        """
        if self._running is not None:
            raise ArgumentError(f"{self.name} is running", fix="Stop it, or restart it.")
        self._lifetime, self._error, self._is_wanted = Lifetime(), None, True
        self._running = self._environment.tasks.create_task(self._live(), name=f"agent-{self.id}")
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while not self.is_hearing:
            self.require_well()
            if asyncio.get_running_loop().time() > deadline:
                told = ", ".join(fact.name for fact in self.facts[-_LAST_FACTS:])
                raise AssertionError(f"{self.name} does not hear after {START_SECONDS:g} s; it told: {told}")
            await asyncio.sleep(_LOOK_SECONDS)

    async def stop(self) -> None:
        """
        End in order: what runs may end, what is due waits for the next start.

        Raises:
            MycelError: As `require_well`.
            AssertionError: It does not end.

        Cancelling: it goes on ending.
        """
        await self._end(Lifetime.end)
        self.require_well()

    async def kill(self) -> None:
        """
        As SIGKILL does: nothing that it does or says from now on reaches anybody.

        What belongs to the test's process stays, the plugin's module with its variables above all.

        Raises:
            AssertionError: It does not end.

        Cancelling: it goes on ending.
        """
        await self._end(Lifetime.kill)

    async def restart(self) -> None:
        """`stop`, then `start`."""
        await self.stop()
        await self.start()

    def die_at(self, point: KillPoint, *, nth: int = 1) -> None:
        """
        Be killed at a step of a reply, and be started again as by a supervisor.

        Args:
            point: Before or after one of the steps of a reply, for example `"after send"`: it is stored, and nobody
                knows it.
            nth: Passing of the point, from now.

        Raises:
            ArgumentError: There is no such point.
        """
        self._lifetime.die_at(point, nth)

    async def dead_letters(self) -> Sequence[DeadLetter]:
        """What was given up, oldest first, with its reason."""
        return [] if self._journal is None else await self._journal.dead_letters(self.id)

    @property
    def is_hearing(self) -> bool:
        """Whether its stream stands and it has seen what the server holds."""
        parts = self._parts
        return parts is not None and parts.listener.is_connected and parts.reconciler.succeeded_at is not None

    def require_well(self) -> None:
        """
        Raise what its runtime has ended by, if it has.

        Raises:
            MycelError: Or another, which is a mistake of ours.
        """
        if self._error is not None:
            raise self._error

    def wake(self) -> None:
        """The clock has jumped: look at what is due."""
        if self._parts is not None:
            self._parts.dispatcher.wake()

    async def look(self) -> None:
        """
        Look at the server's lists.

        Raises:
            IdentityRefusedError: The token is refused.
        """
        if self._parts is not None:
            with contextlib.suppress(KilledError):
                await self._parts.listener.look()

    async def work(self, backlog: Mapping[str, Any]) -> Work:
        """
        What it is doing, or waiting for.

        Args:
            backlog: Of the backend, for it.
        """
        if self._running is None or self._running.done():
            return Work()
        parts, journal = self._parts, self._journal
        if parts is None or journal is None or not self.is_hearing:
            return Work(why_busy="has not connected")
        try:
            if why_busy := await self._why_busy(parts, journal, backlog):
                return Work(why_busy=why_busy)
            return Work(due_at=await self._next_due_at(parts, journal))
        except JournalError:
            if self._journal is journal:
                raise
            return Work(why_busy="has just died")

    async def _why_busy(self, parts: Parts, journal: Journal, backlog: Mapping[str, Any]) -> str:
        if parts.dispatcher.running:
            return "runs a handler"
        if parts.dispatcher.lifecycle.is_busy:
            return "starts its plugins"
        if backlog["queued"] or parts.intake.checkpoint.since_seq < backlog["last_seq"]:
            return "has not heard all frames"
        if self.hears_messages:
            levels = await journal.levels(self.id)
            if any(seq > levels.get(ChatId(chat_id), 0) for chat_id, seq in backlog["unread"].items()):
                return "has not heard all messages"
        there, now = await journal.statistics(self.id), journal.now()
        is_due = there.due and (there.oldest_due_at or 0.0) <= now
        is_due = is_due or parts.dispatcher.timekeeper.next_at <= now or parts.dispatcher.has_news
        return "has work that is due" if is_due or there.running else ""

    async def _next_due_at(self, parts: Parts, journal: Journal) -> float | None:
        """Of deliveries, timers and plugins that could not be started."""
        now = journal.now()
        times = (
            await journal.next_due_at(self.id, after=now),
            await journal.next_timer_at(self.id, after=now),
            None if math.isinf(start_at := parts.dispatcher.lifecycle.next_at) else start_at,
        )
        return min((time for time in times if time is not None), default=None)

    async def _end(self, how: Callable[[Lifetime], None]) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        # Who is dying at this moment, and was to be started again, is not.
        self._is_wanted = False
        how(self._lifetime)
        done, _ = await asyncio.wait([running], timeout=START_SECONDS)
        if not done:
            running.cancel()
            raise AssertionError(f"{self.name} does not end within {START_SECONDS:g} s")

    async def _live(self) -> None:
        """One life after the other, while each is to be followed by another."""
        while True:
            lifetime = self._lifetime
            try:
                await self._live_once(lifetime)
            except asyncio.CancelledError:
                raise
            except BaseException as exc:  # noqa: BLE001 - raised by whoever waits for this agent
                if not lifetime.is_killed:
                    self._error = _first_of(exc)
            if not (lifetime.is_reborn and self._is_wanted):
                return
            self._lifetime = Lifetime()

    async def _live_once(self, lifetime: Lifetime) -> None:
        async with self._opened(lifetime) as parts, asyncio.TaskGroup() as tasks:
            dispatching = tasks.create_task(parts.dispatcher.run(), name="dispatcher")
            others = [tasks.create_task(work, name=name) for name, work in parts.listening()]
            self._parts = parts
            await lifetime.ending.wait()
            for task in others:
                task.cancel()
            if not lifetime.is_killed:
                parts.dispatcher.stop(within=DRAIN_SECONDS)
                await asyncio.wait([dispatching], timeout=DRAIN_SECONDS)
            dispatching.cancel()

    @contextlib.asynccontextmanager
    async def _opened(self, lifetime: Lifetime) -> AsyncIterator[Parts]:
        async with opened_in_loop(self._environment.folder, clock=self._environment.clock) as journal:
            self._journal = journal
            try:
                async with self._client(lifetime) as sdk:
                    yield await self._assemble(cast("Journal", Mortal(journal, lifetime)), sdk)
            finally:
                self._parts = self._journal = None
                if lifetime.is_killed:
                    await journal.abandon()

    def _client(self, lifetime: Lifetime) -> MortalClient:
        return MortalClient(
            lifetime,
            base_url=self._environment.base_url,
            credential=Credential(self._token, lambda: self._token),
            observer=self._memory,
            network=self._environment.network,
            health=NetworkHealth(interval=self._settings.inbox.reconcile_interval, is_proxied=False),
        )

    async def _assemble(self, journal: Journal, sdk: MortalClient) -> Parts:
        sdk.belongs_to(self.id)
        assembly = AgentAssembly(
            settings=self._settings,
            me=self.id,
            base_url=self._environment.base_url,
            network=self._environment.network,
            token=self._token,
            journal=journal,
            sdk=sdk,
            handlers=list(self._handlers.values()),
            observer=self._memory,
        )
        parts = await assembly.parts()
        sdk.tell_calls(parts.listener.call_made)
        return parts


def _first_of(exc: BaseException) -> BaseException:
    """The error that ended the task tree; the others are what that caused."""
    return _first_of(exc.exceptions[0]) if isinstance(exc, BaseExceptionGroup) else exc


def _settings(base_url: str, config: Mapping[str, Mapping[str, Any]]) -> Settings:
    if config:
        return _checked(base_url, config)
    settings = _default_settings()
    agent = settings.agent.model_copy(update={"base_url": base_url})
    return settings.model_copy(update={"agent": agent})


@functools.cache
def _default_settings() -> Settings:
    """Frozen, for some backend; to check them takes as long as to start half an agent."""
    return _checked("http://127.0.0.1", {})


def _checked(base_url: str, config: Mapping[str, Mapping[str, Any]]) -> Settings:
    sections = {name: {**SECTIONS.get(name, {}), **config.get(name, {})} for name in {*SECTIONS, *config}}
    agent = {"name": "agent", "base_url": base_url}
    # As overrides, which rank above the environment of whoever runs the test.
    overrides = sections | {"agent": {**agent, **config.get("agent", {})}}
    return Settings(file={}, overrides=overrides)
