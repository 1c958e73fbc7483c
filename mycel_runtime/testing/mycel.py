"""A Mycel of a test's own: a backend, people, agents, and a clock."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import traceback
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from pydantic import SecretStr

from mycel_runtime.backend.inline import InlineBackend
from mycel_runtime.backend.options import BackendOptions
from mycel_runtime.errors import ArgumentError
from mycel_runtime.observe.development import collecting_tracebacks
from mycel_runtime.observe.facts import (
    DeliveryBuried,
    DeliveryPostponed,
    GuardTripped,
    PluginQuarantined,
    PluginUnavailable,
)
from mycel_runtime.plugin.loading import checked_settings
from mycel_runtime.plugin.registry import BoundHandler
from mycel_runtime.sdk import AsyncClient
from mycel_runtime.sdk.network import Network
from mycel_runtime.testing.agent import Agent, Environment, Work
from mycel_runtime.testing.chat import Chat
from mycel_runtime.testing.clock import JumpingClock, seconds_of
from mycel_runtime.testing.direct import DirectLink
from mycel_runtime.testing.person import PATIENCE_SECONDS, Person
from mycel_runtime.testing.tally import Tally
from mycel_runtime.wire.ids import ChatId, UserId

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from types import TracebackType

    from mycel_runtime.backend.faults import Faults
    from mycel_runtime.observe.facts import Fact
    from mycel_runtime.plugin.plugin import Plugin
    from mycel_runtime.testing.person import Place

T = TypeVar("T")

_POLL_SECONDS: Final = 0.005
"""Between two looks while nothing is known to have happened."""

_QUIET_LOOKS: Final = 2
"""In a row that show nobody busy: what a look cannot see, a wake on its way, is seen by the next."""

_LAST_LOOKS: Final = 30
"""As many until nobody is believed to say anything more, ever."""

_MOST_JUMPS: Final = 100
"""In one wait: a schedule is due again and again."""


class Mycel:
    """
    A backend of its own, and whoever is on it. An asynchronous context manager.

    Args:
        folder: For journals; empty at first.

    Attributes:
        clock: Of the agents, and of what the backend stamps.
        faults: What goes wrong on purpose, a line each: `faults.conflict_once()`, `faults.lose_answer()`,
            `faults.swallow_wakes(1)`, `faults.restart()`, … What people do by way of `Person` is not hit.
    """

    def __init__(self, folder: Path) -> None:
        self.clock = JumpingClock()
        self._happened = Tally()
        self._talked = Tally()
        self._backend = InlineBackend(BackendOptions(clock=self.clock, on_talk=self._note_talk))
        self.faults: Faults = self._backend.faults
        self._network = Network(link=DirectLink(self._backend))
        self._numbers = itertools.count(1)
        self._folder = folder
        self._agents: list[Agent] = []
        self._types: dict[str, str] = {}
        self._titles: dict[ChatId, str] = {}
        self._direct: dict[tuple[UserId, UserId], Chat] = {}
        self._raised: Counter[str] = Counter()
        self._owner_id = ""
        self._stack = contextlib.AsyncExitStack()
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._backend)
        self._stack.enter_context(collecting_tracebacks(self._note_raised))
        await self._stack.enter_async_context(self._tasks)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        async with self._stack, contextlib.AsyncExitStack() as ends:
            for agent in self._agents:
                ends.push_async_callback(agent.kill)

    @property
    def base_url(self) -> str:
        """Of the backend, for programs of the test's own; it answers while the test's loop is free."""
        return self._backend.base_url

    async def human(self, name: str = "Ada") -> Person:
        """Somebody new."""
        made = await self.ask("add_guest", name=name)
        return await self._person(made["id"], name, "human", made["token"])

    async def peer(self, name: str = "Bot", *, owner: Person | None = None) -> Person:
        """An agent of somebody else's, for which the test speaks; to the agents under test it is `external`."""
        user_id, token = await self._external(name, owner)
        return await self._person(user_id, name, "external", token.get_secret_value())

    async def agent(
        self,
        *plugins: Plugin,
        name: str = "",
        owner: Person | None = None,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        config: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Agent:
        """
        An agent that runs these plugins, and hears already.

        Args:
            plugins: As they are imported.
            name: Its display name; by default that of its first plugin.
            owner: Whose it is; by default nobody's whom you know.
            settings: Of plugins, by their names: the tables `[plugins.NAME]` of `agent.toml`.
            config: Its other tables, for example `{"dispatch": {"max_attempts": 2}}`.

        Raises:
            PluginError: A plugin's settings are wrong.
            ArgumentError: There is no plugin, or settings are for none.
        """
        handlers = _bound(plugins, settings or {})
        name = name or plugins[0].name
        user_id, token = await self._external(name, owner)
        folder = self._folder / user_id
        await asyncio.to_thread(folder.mkdir)
        environment = Environment(
            base_url=self.base_url,
            network=self._network,
            folder=folder,
            clock=self.clock,
            tasks=self._tasks,
            happened=self._happened.note,
        )
        agent = Agent(
            name,
            me=user_id,
            token=token,
            handlers=handlers,
            config=config or {},
            environment=environment,
        )
        self._agents.append(agent)
        await agent.start()
        return agent

    async def group(self, title: str, *members: Person | Agent) -> Chat:
        """
        A group of these; the first one, a person, has made it.

        Raises:
            ArgumentError: The first one is nobody for whom the test speaks.
        """
        maker, *others = members
        if not isinstance(maker, Person):
            raise ArgumentError("an agent has not made this group", fix="Name a person first.")
        made = await maker.sdk.chats.create([], title=title, kind="group")
        for other in others:
            await maker.sdk.chats.add_member(made["id"], other.id)
        return self._chat(ChatId(made["id"]), title)

    async def settles(self, *, within: float = PATIENCE_SECONDS) -> None:
        """
        Return when every agent has heard everything and done what is due.

        Raises:
            AssertionError: It takes too long; names who is busy.
        """
        __tracebackhide__ = True
        await self._settled(within)

    async def passes(
        self, *, seconds: float = 0.0, minutes: float = 0.0, hours: float = 0.0, days: float = 0.0
    ) -> None:
        """
        Let so much time pass at once: what becomes due meanwhile is done in its order, each at its time.

        At the end every agent that hears looks at the server's lists, where it finds what nobody has announced.

        Raises:
            AssertionError: Somebody does not get done with it.
        """
        __tracebackhide__ = True
        end = self.clock() + seconds_of(seconds=seconds, minutes=minutes, hours=hours, days=days)
        while (due_at := (await self._settled(PATIENCE_SECONDS)).due_at) is not None and due_at <= end:
            self._jump_to(due_at)
        self._jump_to(end)
        for agent in self._agents:
            await agent.look()
        await self.settles()

    async def report(self) -> str:
        """What went wrong in handlers so far, for a person."""
        facts = [(agent.name, fact) for agent in self._agents for fact in agent.facts]
        lines = [f"  {name}: {line}" for name, fact in facts if (line := _told(fact))]
        raised = [text if times == 1 else f"{text} ({times} times)" for text, times in self._raised.items()]
        return "\n".join([*(["The agents' handlers:"] if lines else []), *lines, *raised])

    async def ask(self, verb: str, **arguments: Any) -> Any:
        """
        Use one of the tools of the backend's owner.

        Raises:
            ControlError: It makes no sense, or the world refuses it.
        """
        return self._backend.ask(verb, **arguments)

    async def chat_of(self, person: Person, place: Place | None) -> Chat:
        """
        The chat that is meant.

        Raises:
            ArgumentError: None is named, and there is no only agent.
        """
        if isinstance(place, Chat):
            return place
        other = place or self._only_agent()
        if (chat := self._direct.get((person.id, other.id))) is None:
            made = await self.ask("open_direct", user_id=person.id, other_id=other.id)
            chat = self._chat(ChatId(made["id"]), f"{person.name} and {other.name}")
            self._direct[person.id, other.id] = chat
        return chat

    def chat(self, chat_id: ChatId) -> Chat:
        """One that somebody is in, who may have made it himself."""
        return self._chat(chat_id, "a chat")

    def type_of(self, user_id: str) -> str:
        """`human` or `external`."""
        return self._types.get(user_id, "")

    async def await_found(self, find: Callable[[], Awaitable[T | None]], *, within: float) -> T | None:
        """
        What `find` finds first in the backend; `None` when the time is over, or nobody will do anything more.

        It is asked again when somebody has said something there, and not at each of the many facts of a reply.

        Where all wait for a time to come, the clock jumps there.
        """
        deadline = asyncio.get_running_loop().time() + within
        quiet = jumps = 0
        heard, found = self._talked.count, await find()
        while found is None and quiet <= _LAST_LOOKS and asyncio.get_running_loop().time() <= deadline:
            self._require_well()
            happened = self._happened.count
            if await self._talked.exceeds(heard, within=_pause_before(deadline)):
                quiet, heard, found = 0, self._talked.count, await find()
                continue
            if self._happened.count > happened:
                quiet = 0
                continue
            work = await self._look()
            quiet = 0 if work.why_busy else quiet + 1
            if quiet >= _QUIET_LOOKS and work.due_at is not None and jumps < _MOST_JUMPS:
                self._jump_to(work.due_at)
                quiet, jumps = 0, jumps + 1
        return found

    async def _settled(self, within: float) -> Work:
        """As `settles`; what they wait for."""
        __tracebackhide__ = True
        work = await self._until_settled(asyncio.get_running_loop().time() + within)
        if work.why_busy:
            raise AssertionError(f"{work.why_busy}, after {within:g} s.\n{await self.report()}")
        return work

    async def _until_settled(self, deadline: float) -> Work:
        """The last look: of settled agents, or of busy ones when the time is over."""
        quiet = 0
        while True:
            self._require_well()
            happened, work = self._happened.count, await self._look()
            quiet = 0 if work.why_busy else quiet + 1
            if quiet >= _QUIET_LOOKS or asyncio.get_running_loop().time() > deadline:
                return work
            await self._happened.exceeds(happened, within=_pause_before(deadline))

    async def _look(self) -> Work:
        """What all agents together are at; a look during which anything happens shows nobody as he is now."""
        happened = self._happened.count
        due: list[float] = []
        for agent in self._agents:
            work = await agent.work(await self.ask("backlog", user_id=agent.id))
            if work.why_busy:
                return Work(why_busy=f"{agent.name} {work.why_busy}")
            due += [] if work.due_at is None else [work.due_at]
        if self._happened.count > happened:
            return Work(why_busy="somebody is not done yet")
        return Work(due_at=min(due, default=None))

    def _jump_to(self, epoch_seconds: float) -> None:
        self.clock.jump_to(epoch_seconds)
        for agent in self._agents:
            agent.wake()

    def _note_talk(self) -> None:
        self._talked.note()
        self._happened.note()

    def _require_well(self) -> None:
        for agent in self._agents:
            agent.require_well()

    def _only_agent(self) -> Agent:
        if len(self._agents) != 1:
            raise ArgumentError(
                f"there are {len(self._agents)} agents",
                fix="Say to whom: says(…, to=agent), or in which chat.",
            )
        return self._agents[0]

    def _chat(self, chat_id: ChatId, title: str) -> Chat:
        return Chat(chat_id, self._titles.setdefault(chat_id, title))

    async def _person(self, user_id: str, name: str, kind: str, token: str) -> Person:
        client = AsyncClient(base_url=self.base_url, auth_token=token, network=self._network)
        sdk = await self._stack.enter_async_context(client)
        self._types[user_id] = kind
        return Person(self, user_id=UserId(user_id), name=name, token=SecretStr(token), sdk=sdk)

    async def _external(self, name: str, owner: Person | None) -> tuple[UserId, SecretStr]:
        owner_id = self._owner_id if owner is None else owner.id
        if not owner_id:
            owner_id = self._owner_id = (await self.ask("add_guest", name="owner"))["id"]
        user_id = UserId(f"{name.lower().replace(' ', '-')}-{next(self._numbers)}")
        made = await self.ask("add_external", owner_id=owner_id, user_id=user_id, name=name)
        self._types[user_id] = "external"
        return user_id, SecretStr(made["token"])

    def _note_raised(self, raised: BaseException) -> None:
        self._raised["".join(traceback.format_exception(raised)).rstrip()] += 1


def _pause_before(deadline: float) -> float:
    """Seconds until the next look."""
    return min(_POLL_SECONDS, deadline - asyncio.get_running_loop().time())


def _bound(plugins: Sequence[Plugin], settings: Mapping[str, Mapping[str, Any]]) -> list[BoundHandler]:
    names = [plugin.name for plugin in plugins]
    if not plugins:
        raise ArgumentError("an agent without plugins would not answer", fix="Give it one.")
    if strangers := settings.keys() - set(names):
        raise ArgumentError(
            f"settings of {', '.join(sorted(strangers))}, which is none of the plugins",
            fix=f"There are: {', '.join(names)}.",
        )
    return [
        BoundHandler(handler=handler, settings=bound)
        for plugin in plugins
        for bound in [
            checked_settings(plugin, plugin.name, dict(settings.get(plugin.name, {})), Path("settings"))
        ]
        for handler in plugin.configured(bound).handlers
    ]


def _told(fact: Fact) -> str:
    match fact:
        case DeliveryPostponed(handler=handler, reason=reason, retry_in=seconds):
            return f"{handler} put off for {seconds:g} s: {reason}"
        case DeliveryBuried(handler=handler, reason=reason, attempts=attempts):
            return f"{handler} given up after {attempts} attempts: {reason}"
        case GuardTripped():
            return f"the loop guard holds the chat: {fact.reason}"
        case PluginQuarantined(plugin=plugin):
            return f"plugin {plugin} is left alone"
        case PluginUnavailable(plugin=plugin, reason=reason):
            return f"plugin {plugin} is left alone: {reason}"
        case _:
            return ""
