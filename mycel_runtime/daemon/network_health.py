"""
What keeps calls from the backend, since when, and whether any gets through.

A cause has a spell: it begins with the first call that fails by it, which is told, and ends with a call that is
answered, which is told with how long it has lasted. What ails some calls only is not over when another one is
answered: then it ends when it has not been met for an interval. So does what has come back within one: an outage that
comes and goes is two lines an interval and no more.

A call that is not answered has its own time, which is long; that it hangs is told before that time is up. And a 503
that says nothing is told when it is clear whether a limit or an outage has said it, which takes seconds.
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from mycel_runtime.daemon.limit_suspicion import LimitSuspicion, Suspicion
from mycel_runtime.daemon.mtu_suspicion import MtuSuspicion
from mycel_runtime.errors import NotSentError
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.facts import FramesCommitted, NetworkRecovered, NetworkTroubled
from mycel_runtime.observe.observer import Choosy
from mycel_runtime.sdk.cause import Cause, cause_of, detail_of
from mycel_runtime.sdk.pace import Refusal
from mycel_runtime.sdk.policy import refusal_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from mycel_runtime.errors import ApiError
    from mycel_runtime.observe.facts import Fact
    from mycel_runtime.sdk.calls import Call

UNANSWERED_SECONDS: Final = 5.0
"""Of a try of a call, until it is told that it hangs; it goes on, and may be answered yet."""

PARTIAL: Final = frozenset(
    {
        Cause.BODY_TOO_LARGE,
        Cause.CONNECTION_LIMIT,
        Cause.CONNECTION_LOST,
        Cause.PATH_MTU_SUSPECTED,
        Cause.RATE_LIMITED,
        Cause.SERVER_ERROR,
        Cause.TIMEOUT,
    }
)
"""What ails some calls and not others."""

_OF_LIMITS: Final = frozenset({HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS})
"""What a limit on connections says (nginx: `limit_conn_status`), if it is not the backend's own."""

_MISTAKEN: Final = frozenset({Cause.BACKEND_DOWN, Cause.RATE_LIMITED})
"""As which it is told by itself."""

_OF_HANGING: Final = frozenset({Cause.PATH_MTU_SUSPECTED, Cause.TIMEOUT})
"""What is not over while a call hangs."""

TOLD_BY_PACE: Final = frozenset({Cause.RATE_LIMITED})
"""Its lines are `rate.limited` and `rate.recovered`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """
    A cause, while it lasts. Times are epoch seconds.

    Attributes:
        since: Of the first call that failed by it.
        last_at: Of the last one.
        failures: Tries of calls, so far; 0 while the first one hangs.
        detail: What the other side has said last, as of `detail_of`.
        is_lingering: It ends only after an interval without it.
    """

    cause: Cause
    since: float
    last_at: float
    failures: int
    detail: str
    is_lingering: bool

    def is_over(self, now: float, *, interval: float, is_answered: bool) -> bool:
        """Whether it is, at a moment at which a call was answered or failed by something else."""
        if is_answered and not self.is_lingering:
            return True
        return now - self.last_at >= interval

    @property
    def seconds(self) -> float:
        """From its first call to its last."""
        return self.last_at - self.since


class NetworkHealth(Choosy):
    """
    The spells of one agent's calls; an observer because frames are a proof that something passes.

    Args:
        interval: `[inbox] reconcile_interval`; calls are made at least so often.
        is_proxied: There is a proxy between here and the backend.

    Attributes:
        failing_since: Epoch seconds since when calls fail or hang and none was answered; `None` while they are.
    """

    def __init__(self, *, interval: float, is_proxied: bool = False) -> None:
        self._interval = interval
        self._is_proxied = is_proxied
        self._spells: dict[Cause, Spell] = {}
        self._ended_at: dict[Cause, float] = {}
        self._mtu = MtuSuspicion()
        self._limit = LimitSuspicion()
        self._is_connection_limited: Callable[[], bool] = lambda: False
        self.failing_since: float | None = None

    @property
    def spells(self) -> tuple[Spell, ...]:
        """Those that last, the latest met first."""
        return tuple(sorted(self._spells.values(), key=lambda spell: -spell.last_at))

    def ask_stream(self, is_connection_limited: Callable[[], bool]) -> None:
        """From now on, ask whether a refused call is so because one connection is allowed, and taken."""
        self._is_connection_limited = is_connection_limited

    @property
    @override
    def kinds(self) -> Collection[type[Fact]]:
        return (FramesCommitted,)

    @override
    def tell(self, fact: Fact) -> None:
        if isinstance(fact, FramesCommitted):
            self._mtu.heard()

    def carried(self, call: Call[Any], received: int) -> None:
        """A call was answered, by whomever, with so many bytes."""
        self._mtu.passed(call.path, sent=_sent(call), received=received, is_list=_is_list(call))

    def hangs(self, *, now: float) -> list[Fact]:
        """A try of a call is not answered for `UNANSWERED_SECONDS`, and waits on; what is news of it."""
        self._mtu.waits()
        if self.failing_since is None:
            self.failing_since = now
        return self._meet(self._hang_cause, "", now, failures=0)

    def hangs_no_more(self) -> None:
        """It has ended, one way or another; what came of it is told by itself."""
        self._mtu.waits_no_more()

    def answered(self, *, now: float) -> list[Fact]:
        """The backend has answered a call; what is news of it."""
        self.failing_since = None
        self._limit.answered()
        return list(self._end(now, is_answered=True)) if self._spells else []

    def failed(self, call: Call[Any], error: ApiError, *, now: float) -> list[Fact]:
        """
        A try of a call has failed; what is news of it.

        Args:
            call: The call.
            error: Its own.
            now: Epoch seconds.
        """
        cause = self._cause_of(call, error)
        if cause is None:
            return self.answered(now=now)
        if self.failing_since is None:
            self.failing_since = now
        if cause is Cause.BACKEND_DOWN and refusal_of(error) is Refusal.LIKELY:
            news = self._meet_unclear(error, now)
        else:
            news = self._meet(cause, detail_of(error), now)
        return [*self._end(now, is_answered=False), *news]

    def _meet_unclear(self, error: ApiError, now: float) -> list[Fact]:
        """Said by a limit, or for want of a server behind it."""
        suspicion, limit = self._limit.refused(now=now), self._limit
        if suspicion is Suspicion.UNCLEAR:
            return []
        cause = Cause.BACKEND_DOWN if suspicion is Suspicion.OUTAGE else Cause.RATE_LIMITED
        return self._meet(cause, detail_of(error), now, failures=limit.failures, since=limit.since)

    @property
    def _hang_cause(self) -> Cause:
        return Cause.PATH_MTU_SUSPECTED if self._mtu.is_grave else Cause.TIMEOUT

    def _cause_of(self, call: Call[Any], error: ApiError) -> Cause | None:
        cause = cause_of(error, is_proxied=self._is_proxied)
        if cause in _MISTAKEN and error.status_code in _OF_LIMITS and self._is_connection_limited():
            return Cause.CONNECTION_LIMIT
        if cause is not Cause.TIMEOUT or isinstance(error, NotSentError):
            return cause
        self._mtu.hung(call.path, sent=_sent(call), is_list=_is_list(call))
        return self._hang_cause

    def _meet(
        self, cause: Cause, detail: str, now: float, *, failures: int = 1, since: float | None = None
    ) -> list[Fact]:
        spell = self._spells.get(cause)
        if spell is not None:
            self._spells[cause] = replace(
                spell, last_at=now, failures=spell.failures + failures, detail=detail or spell.detail
            )
            return []
        is_back = now - self._ended_at.get(cause, float("-inf")) < self._interval
        self._spells[cause] = Spell(
            cause=cause,
            since=now if since is None else since,
            last_at=now,
            failures=failures,
            detail=detail,
            is_lingering=is_back or cause in PARTIAL,
        )
        if cause in TOLD_BY_PACE:
            return []
        return [NetworkTroubled(cause=cause.value, detail=detail, fix=cause.fix)]

    def _end(self, now: float, *, is_answered: bool) -> Iterator[Fact]:
        for spell in list(self._spells.values()):
            if self._mtu.is_waiting and spell.cause in _OF_HANGING:
                continue
            if spell.is_over(now, interval=self._interval, is_answered=is_answered):
                del self._spells[spell.cause]
                self._ended_at[spell.cause] = now
                if spell.cause not in TOLD_BY_PACE:
                    yield _recovered(spell, now)


def _sent(call: Call[Any]) -> int:
    return len(call.body or b"")


def _is_list(call: Call[Any]) -> bool:
    return call.answer == "list"


def _recovered(spell: Spell, now: float) -> Fact:
    lasted = spell.seconds if spell.is_lingering else now - spell.since
    return NetworkRecovered(
        cause=spell.cause.value, lasted=round(max(0.0, lasted), 3), failures=spell.failures
    )
