"""
Facts for whoever follows a running agent.

Whoever tells a fact only puts it into each follower's own queue: a follower that is slow, or does not read at all,
loses the oldest and is told how many, and costs the daemon nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections import deque
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, Self, get_args

from typing_extensions import override

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.fact_fields import fields_of
from mycel_runtime.observe.facts import Level
from mycel_runtime.observe.observer import Observer
from mycel_runtime.observe.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from mycel_runtime.observe.facts import Fact

MOST_FOLLOWERS: Final = 8

QUEUE_FACTS: Final = 1_000
"""That wait for a follower; then the oldest go."""

QUIET_SECONDS: Final = 10.0
"""After which an empty line tells that the connection stands, to both ends."""

LEVELS: Final[tuple[Level, ...]] = get_args(Level)


@dataclass(frozen=True, slots=True, kw_only=True)
class FactFilter:
    """
    Which facts somebody wants.

    Attributes:
        events: Patterns of their names, as of a shell; none: all.
        level: The lowest.
        plugin: Of this plugin only.
        chat_id: Of this chat only.
    """

    events: tuple[str, ...] = ()
    level: Level = "debug"
    plugin: str = ""
    chat_id: str = ""

    def wants(self, fact: Fact) -> bool:
        """Whether it is one of them."""
        return (
            LEVELS.index(fact.level) >= LEVELS.index(self.level)
            and (not self.events or any(fnmatchcase(fact.name, pattern) for pattern in self.events))
            and (not self.plugin or self._is_of_plugin(fact))
            and (not self.chat_id or self._is_of_chat(fact))
        )

    def _is_of_plugin(self, fact: Fact) -> bool:
        handler = str(getattr(fact, "handler", ""))
        return self.plugin in {getattr(fact, "plugin", ""), handler.partition(".")[0]}

    def _is_of_chat(self, fact: Fact) -> bool:
        lane = str(getattr(fact, "lane", ""))
        return self.chat_id in {getattr(fact, "chat_id", ""), lane.partition("chat:")[2]}


class Follower:
    """
    What waits for one follower.

    Args:
        wanted: Which facts.
    """

    def __init__(self, wanted: FactFilter) -> None:
        self._wanted = wanted
        self._waiting: deque[tuple[float, Fact]] = deque(maxlen=QUEUE_FACTS)
        self._lost = 0
        self._lock = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._is_closed = False

    def offer(self, at: float, fact: Fact) -> None:
        """Put it behind what waits, on any thread."""
        if not self._wanted.wants(fact):
            return
        with self._lock:
            self._lost += len(self._waiting) == QUEUE_FACTS
            self._waiting.append((at, fact))
        self._wake()

    def close(self) -> None:
        """Nothing more comes."""
        self._is_closed = True
        self._wake()

    async def lines(self) -> AsyncIterator[str]:
        """
        One line of JSON for each fact until `close`; an empty one from time to time while there is none.

        What was lost is a line as well, whose event is `facts.lost`, in the place where it was.

        Cancelling: ends it.
        """
        while True:
            taken, lost = self._take()
            if lost:
                yield json.dumps({"event": "facts.lost", "level": "warning", "facts": lost}) + "\n"
            for at, fact in taken:
                yield line_of(at, fact)
            if self._is_closed and not self._waiting:
                return
            if not taken and not await self._wait():
                yield "\n"

    def _take(self) -> tuple[list[tuple[float, Fact]], int]:
        self._news.clear()
        with self._lock:
            taken, lost = list(self._waiting), self._lost
            self._waiting.clear()
            self._lost = 0
        return taken, lost

    async def _wait(self) -> bool:
        """Whether something has come in time."""
        try:
            async with asyncio.timeout(QUIET_SECONDS):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    def _wake(self) -> None:
        # A loop that has been closed has nobody who waits.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._news.set)


class Followers(Observer):
    """
    All followers of one agent; none costs as much as a look at an empty tuple.

    Args:
        clock: Epoch seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._followers: tuple[Follower, ...] = ()

    @override
    def tell(self, fact: Fact) -> None:
        for follower in self._followers:
            follower.offer(self._clock(), fact)

    @property
    def is_full(self) -> bool:
        """Whether nobody more may follow."""
        return len(self._followers) >= MOST_FOLLOWERS

    @contextlib.contextmanager
    def following(self, wanted: FactFilter) -> Any:
        """One more while the block runs."""
        follower = Follower(wanted)
        self._followers += (follower,)
        try:
            yield follower
        finally:
            self._followers = tuple(each for each in self._followers if each is not follower)

    async def __aenter__(self) -> Self:
        """Until the block ends."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let everybody go: else who follows would hold up the daemon's end."""
        for follower in self._followers:
            follower.close()


def line_of(at: float, fact: Fact) -> str:
    """As the log tells it: names, numbers, ids, and no secret."""
    told = {"at": round(at, 3), "event": fact.name, "level": fact.level} | fields_of(fact)
    return redacted(json.dumps(told, ensure_ascii=False, default=str)) + "\n"
