"""
`Mycel`, its people and its agents, for plain tests: the same names, plain calls.

Everything happens on a loop in a thread of its own, while the test waits.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Self, TypeAlias

from anyio.from_thread import start_blocking_portal
from typing_extensions import override

from mycel_runtime.sdk import Client
from mycel_runtime.testing.chat import Chat
from mycel_runtime.testing.mycel import Mycel
from mycel_runtime.testing.person import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Any

    from anyio.from_thread import BlockingPortal

    from mycel_runtime.backend.faults import Faults
    from mycel_runtime.journal.dead_letter import DeadLetter
    from mycel_runtime.observe.facts import Fact
    from mycel_runtime.plugin.message import Message
    from mycel_runtime.plugin.plugin import Plugin
    from mycel_runtime.testing.agent import Agent
    from mycel_runtime.testing.clock import JumpingClock
    from mycel_runtime.testing.expectation import Expectation
    from mycel_runtime.testing.lifetime import KillPoint
    from mycel_runtime.testing.person import Person
    from mycel_runtime.wire.ids import UserId


class SyncAgent:
    """As `Agent`."""

    def __init__(self, agent: Agent, portal: BlockingPortal) -> None:
        self.awaited = agent
        self._portal = portal

    @override
    def __repr__(self) -> str:
        return repr(self.awaited)

    @property
    def id(self) -> UserId:
        """As of `Agent`."""
        return self.awaited.id

    @property
    def name(self) -> str:
        """As of `Agent`."""
        return self.awaited.name

    @property
    def facts(self) -> Sequence[Fact]:
        """As of `Agent`."""
        return self.awaited.facts

    def start(self) -> None:
        """As of `Agent`."""
        self._portal.call(self.awaited.start)

    def stop(self) -> None:
        """As of `Agent`."""
        self._portal.call(self.awaited.stop)

    def kill(self) -> None:
        """As of `Agent`."""
        self._portal.call(self.awaited.kill)

    def restart(self) -> None:
        """As of `Agent`."""
        self._portal.call(self.awaited.restart)

    def die_at(self, point: KillPoint, *, nth: int = 1) -> None:
        """As of `Agent`."""
        self._portal.call(partial(self.awaited.die_at, point, nth=nth))

    def dead_letters(self) -> Sequence[DeadLetter]:
        """As of `Agent`."""
        return self._portal.call(self.awaited.dead_letters)


class SyncPerson:
    """
    As `Person`.

    Attributes:
        sdk: The whole API as this person, in plain calls.
    """

    def __init__(self, person: Person, portal: BlockingPortal, sdk: Client) -> None:
        self.awaited, self.sdk = person, sdk
        self._portal = portal

    @override
    def __repr__(self) -> str:
        return repr(self.awaited)

    @property
    def id(self) -> UserId:
        """As of `Person`."""
        return self.awaited.id

    @property
    def name(self) -> str:
        """As of `Person`."""
        return self.awaited.name

    def says(
        self, text: str, *, to: SyncPlace | None = None, mentions: Sequence[SyncPerson | SyncAgent] = ()
    ) -> Message:
        """As of `Person`."""
        mentioned = [each.awaited for each in mentions]
        return self._portal.call(partial(self.awaited.says, text, to=_awaited(to), mentions=mentioned))

    def hears(
        self,
        expected: Expectation = None,
        *,
        where: SyncPlace | None = None,
        within: float = PATIENCE_SECONDS,
    ) -> Message:
        """As of `Person`."""
        __tracebackhide__ = True
        return self._portal.call(partial(self.awaited.hears, expected, where=_awaited(where), within=within))

    def hears_nothing(
        self,
        unexpected: Expectation = None,
        *,
        where: SyncPlace | None = None,
        within: float = PATIENCE_SECONDS,
    ) -> None:
        """As of `Person`."""
        __tracebackhide__ = True
        self._portal.call(
            partial(self.awaited.hears_nothing, unexpected, where=_awaited(where), within=within)
        )

    def requests(self, other: SyncPerson | SyncAgent, message: str | None = None) -> None:
        """As of `Person`."""
        self._portal.call(self.awaited.requests, other.awaited, message)

    def relationship_with(self, other: SyncPerson | SyncAgent) -> str:
        """As of `Person`."""
        return self._portal.call(self.awaited.relationship_with, other.awaited)

    def asks_to_join(self, chat: Chat, message: str | None = None) -> None:
        """As of `Person`."""
        self._portal.call(self.awaited.asks_to_join, chat, message)

    def transcript(self, where: SyncPlace | None = None) -> str:
        """As of `Person`."""
        return self._portal.call(self.awaited.transcript, _awaited(where))


SyncPlace: TypeAlias = "Chat | SyncPerson | SyncAgent"


def _awaited(place: SyncPlace | None) -> Chat | Person | Agent | None:
    return place if place is None or isinstance(place, Chat) else place.awaited


def _person_of(person: SyncPerson | None) -> Person | None:
    return None if person is None else person.awaited


class SyncMycel:
    """
    As `Mycel`; a context manager.

    Args:
        folder: As of `Mycel`.
    """

    def __init__(self, folder: Path) -> None:
        self._mycel = Mycel(folder)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._portal = self._stack.enter_context(start_blocking_portal("asyncio"))
        self._stack.enter_context(self._portal.wrap_async_context_manager(self._mycel))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def faults(self) -> Faults:
        """As of `Mycel`."""
        return self._mycel.faults

    @property
    def clock(self) -> JumpingClock:
        """As of `Mycel`."""
        return self._mycel.clock

    @property
    def base_url(self) -> str:
        """As of `Mycel`."""
        return self._mycel.base_url

    def human(self, name: str = "Ada") -> SyncPerson:
        """As of `Mycel`."""
        return self._person(self._portal.call(self._mycel.human, name))

    def peer(self, name: str = "Bot", *, owner: SyncPerson | None = None) -> SyncPerson:
        """As of `Mycel`."""
        made = self._portal.call(partial(self._mycel.peer, name, owner=_person_of(owner)))
        return self._person(made)

    def agent(
        self,
        *plugins: Plugin,
        name: str = "",
        owner: SyncPerson | None = None,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        config: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> SyncAgent:
        """As of `Mycel`."""
        making = partial(
            self._mycel.agent,
            *plugins,
            name=name,
            owner=_person_of(owner),
            settings=settings,
            config=config,
        )
        return SyncAgent(self._portal.call(making), self._portal)

    def group(self, title: str, *members: SyncPerson | SyncAgent) -> Chat:
        """As of `Mycel`."""
        return self._portal.call(self._mycel.group, title, *(each.awaited for each in members))

    def settles(self, *, within: float = PATIENCE_SECONDS) -> None:
        """As of `Mycel`."""
        __tracebackhide__ = True
        self._portal.call(partial(self._mycel.settles, within=within))

    def passes(
        self, *, seconds: float = 0.0, minutes: float = 0.0, hours: float = 0.0, days: float = 0.0
    ) -> None:
        """As of `Mycel`."""
        __tracebackhide__ = True
        self._portal.call(
            partial(self._mycel.passes, seconds=seconds, minutes=minutes, hours=hours, days=days)
        )

    def report(self) -> str:
        """As of `Mycel`."""
        return self._portal.call(self._mycel.report)

    def _person(self, person: Person) -> SyncPerson:
        sdk = Client(base_url=self.base_url, auth_token=person.token.get_secret_value())
        return SyncPerson(person, self._portal, self._stack.enter_context(sdk))
