"""
What the model has cost: in the plugin's store, and in memory until it stands there.

A run that fails, or is begun anew because somebody spoke first, leaves nothing in the store, though its requests are
paid for. So they are remembered until a run has ended well that counts them: only what a process that is killed has
spent since then is forgotten.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel

if TYPE_CHECKING:
    from mycel_runtime import Store
    from mycel_runtime_plugins.llm.settings import Budget

PREFIX: Final = "spent:"
"""Of the store's keys; the chat's id follows. A key for each chat: runs of two chats do not wait for each other."""

_MOST_PROCESSES: Final = 8
"""Whose counts are remembered for a chat and a day: as many of an isolated plugin, or restarts."""


class Spent(BaseModel):
    """
    Of a chat, on a day.

    Attributes:
        day: In UTC, `2026-11-29`.
        requests: As many were made.
        tokens: Read and written.
        is_told: The person knows that it is all for today.
        counted: Of each process, by its name, the number of its last request that is counted here.
    """

    day: str
    requests: int = 0
    tokens: int = 0
    is_told: bool = False
    counted: dict[str, int] = {}


@dataclass(slots=True, kw_only=True)
class _Request:
    number: int
    day: str
    tokens: int = 0

    def cost(self, tokens: int) -> None:
        """It has cost so many."""
        self.tokens = tokens


class Uncounted:
    """The requests of this process of which no store may know yet."""

    def __init__(self) -> None:
        self.process = secrets.token_hex(4)
        self._last = 0
        self._requests: dict[str, list[_Request]] = defaultdict(list)

    def begin(self, chat_id: str, day: str) -> _Request:
        """A request is made."""
        self._last += 1
        request = _Request(number=self._last, day=day)
        self._requests[chat_id].append(request)
        return request

    def of(self, chat_id: str, spent: Spent) -> list[_Request]:
        """Those of a chat that a store does not count; the others are forgotten."""
        counted = spent.counted.get(self.process, 0)
        kept = [each for each in self._requests[chat_id] if each.number > counted and each.day == spent.day]
        if kept:
            self._requests[chat_id] = kept
        else:
            del self._requests[chat_id]
        return kept

    def chats(self) -> list[str]:
        """Those that have any."""
        return list(self._requests)


class Purse:
    """
    What a chat may spend, during one run.

    Args:
        store: The plugin's.
        chat_id: Whose.
        budget: How much there is.
        uncounted: Of this process.
        day: Today.
    """

    def __init__(self, store: Store, chat_id: str, budget: Budget, uncounted: Uncounted, *, day: str) -> None:
        self._store, self._chat_id, self._budget = store, chat_id, budget
        self._uncounted, self._day = uncounted, day
        self._is_told = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing may be asked any more today."""
        budget, here = self._budget, self._spent(self._chat_id)
        if _is_reached(here.requests, budget.chat_requests) or _is_reached(here.tokens, budget.chat_tokens):
            return True
        if not (budget.all_requests or budget.all_tokens):
            return False
        everywhere = [self._spent(chat_id) for chat_id in self._chats()]
        requests, tokens = sum(each.requests for each in everywhere), sum(each.tokens for each in everywhere)
        return _is_reached(requests, budget.all_requests) or _is_reached(tokens, budget.all_tokens)

    @property
    def is_told(self) -> bool:
        """Whether the person knows."""
        return self._stored(self._chat_id).is_told

    def begin(self) -> _Request:
        """A request is made; what it has `cost` is to be told when it is known."""
        return self._uncounted.begin(self._chat_id, self._day)

    def count(self, *, is_told: bool = False) -> None:
        """Let the store know, which it does once the run has ended well."""
        if not self._budget.is_set:
            return
        spent = self._spent(self._chat_id)
        counted = spent.counted
        if uncounted := self._uncounted.of(self._chat_id, self._stored(self._chat_id)):
            process = self._uncounted.process
            others = [item for item in counted.items() if item[0] != process]
            counted = dict([*others, (process, uncounted[-1].number)][-_MOST_PROCESSES:])
        changed = {"is_told": spent.is_told or is_told, "counted": counted}
        self._store[PREFIX + self._chat_id] = spent.model_copy(update=changed)

    def _spent(self, chat_id: str) -> Spent:
        """With what is not counted yet."""
        spent = self._stored(chat_id)
        uncounted = self._uncounted.of(chat_id, spent)
        tokens = spent.tokens + sum(request.tokens for request in uncounted)
        return spent.model_copy(update={"requests": spent.requests + len(uncounted), "tokens": tokens})

    def _stored(self, chat_id: str) -> Spent:
        spent = self._store.get_model(PREFIX + chat_id, Spent)
        return spent if spent is not None and spent.day == self._day else Spent(day=self._day)

    def _chats(self) -> set[str]:
        stored = {key.removeprefix(PREFIX) for key in self._store if key.startswith(PREFIX)}
        return stored | set(self._uncounted.chats())


def today() -> str:
    """In UTC, as days of a budget are."""
    return datetime.now(UTC).date().isoformat()


def forget_before(store: Store, day: str) -> int:
    """Forget what was spent on earlier days; of how many chats."""
    old = [
        key
        for key in store
        if key.startswith(PREFIX) and (spent := store.get_model(key, Spent)) is not None and spent.day < day
    ]
    for key in old:
        del store[key]
    return len(old)


def _is_reached(spent: int, limit: int) -> bool:
    return bool(limit) and spent >= limit
