"""
What has happened lately, for the page's live log: a bounded store that each reader follows at its own pace.

Facts are kept as they are and rendered when somebody reads them, so that nobody pays for a page that is not open. A
reader has no queue: who is slow misses what has gone meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import heapq
import itertools
import re
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from typing_extensions import override

from mycel_runtime.daemon.http.short_id import short_id, short_lane
from mycel_runtime.observe.observer import Observer
from mycel_runtime.observe.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mycel_runtime.observe.facts import Fact

KEPT: Final = 300
"""Of each agent: so many of the level debug, and so many others, which those do not push out."""

_SHORTENED: Final = {"chat_id": short_id, "lane": short_lane}

_LEFT_OUT: Final = frozenset({"why", "trace", "state_dir", "origin", "key"})
"""Fields that are not shown: authors' words, places in code, paths of this machine, what a request is about."""

_ID: Final = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
"""As Mycel makes them, wherever in a text: a pause is of a name that may be a chat's, a reason may name one."""

_LONGEST_CHARACTERS: Final = 300


class Happened(NamedTuple):
    """A fact, when it was told, and of which agent; numbers ascend."""

    number: int
    at: float
    agent: str
    fact: Fact


class RecentFacts:
    """
    Of all agents of the page.

    Args:
        clock: Epoch seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._numbers = itertools.count(1)
        self._kept: dict[tuple[str, bool], deque[Happened]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()
        self._is_closed = False

    @property
    def is_closed(self) -> bool:
        """Whether nobody is to read on."""
        return self._is_closed

    def close(self) -> None:
        """Let everybody who waits return."""
        self._is_closed = True
        self._news.set()

    def of(self, agent: str) -> Observer:
        """An observer that keeps what it is told as this agent's. May be told on any thread."""
        for is_debug in (False, True):
            self._kept[agent, is_debug] = deque(maxlen=KEPT)
        return _OfAgent(agent, self._keep)

    @property
    def newest(self) -> int:
        """The highest number; 0 before the first."""
        return max((facts[-1].number for facts in list(self._kept.values()) if facts), default=0)

    def after(self, number: int) -> list[Happened]:
        """Those with higher numbers that are still there, ascending."""
        kept = [list(facts) for facts in list(self._kept.values())]
        return [each for each in heapq.merge(*kept) if each.number > number]

    async def wait_after(self, number: int) -> None:
        """
        Return when there is one with a higher number, or when it is closed.

        Cancelling: leaves nothing behind.
        """
        self._loop = asyncio.get_running_loop()
        while True:
            # Cleared before the look: what another thread keeps after it sets it again.
            self._news.clear()
            if self._is_closed or any(
                facts and facts[-1].number > number for facts in list(self._kept.values())
            ):
                return
            await self._news.wait()

    def _keep(self, agent: str, fact: Fact) -> None:
        happened = Happened(next(self._numbers), self._clock(), agent, fact)
        self._kept[agent, fact.level == "debug"].append(happened)
        if self._loop is not None and not self._news.is_set():
            with contextlib.suppress(RuntimeError):  # The loop has ended; nobody reads any more.
                self._loop.call_soon_threadsafe(self._news.set)


class _OfAgent(Observer):
    def __init__(self, agent: str, keep: Callable[[str, Fact], None]) -> None:
        self._agent = agent
        self._keep = keep

    @override
    def tell(self, fact: Fact) -> None:
        self._keep(self._agent, fact)


def shown(happened: Happened) -> dict[str, Any]:
    """One line of the log, as JSON values."""
    fact = happened.fact
    return {
        "number": happened.number,
        "at": happened.at,
        "agent": happened.agent,
        "level": fact.level,
        "event": fact.name,
        "fields": [
            [name, _text(name, value)]
            for name, value in _fields(fact)
            if value not in ("", None) and value is not False
        ],
    }


def _fields(fact: Fact) -> Iterable[tuple[str, Any]]:
    names = (field.name for field in dataclasses.fields(fact))
    return ((name, getattr(fact, name)) for name in names if name not in _LEFT_OUT and name != "agent")


def _text(name: str, value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    text = _SHORTENED.get(name, str)(value if isinstance(value, str) else str(value))
    text = redacted(_ID.sub(lambda found: short_id(found[0]), text))
    return text if len(text) <= _LONGEST_CHARACTERS else f"{text[:_LONGEST_CHARACTERS]}…"
