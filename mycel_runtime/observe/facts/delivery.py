"""Deliveries, and what keeps handlers from their turns."""

from __future__ import annotations

from typing import ClassVar

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.facts.fact import ChatFact, Fact, HandlerFact, HandlerInChatFact, LaneFact, Level


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFinished(LaneFact):
    """
    A handler returned; the cursor moved.

    Attributes:
        shown: Messages that the handler was shown.
        sends: Messages that it has sent.
        took: Seconds.
    """

    name: ClassVar[str] = "delivery.finished"
    level: ClassVar[Level] = "debug"
    shown: int
    sends: int
    took: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPostponed(LaneFact):
    """
    A delivery will be tried again.

    Attributes:
        reason: The error's type, or our own words.
        attempts: Spent so far.
        retry_in: Seconds.
        spent: Whether it cost an attempt.
        trace: Of the first attempt that failed: files, lines and functions; later ones are silent about it.
    """

    name: ClassVar[str] = "delivery.postponed"
    level: ClassVar[Level] = "warning"
    reason: str
    attempts: int
    spent: bool
    retry_in: float
    trace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryOutdated(LaneFact):
    """A run has changed what another one had changed since it read it: it is run again, and costs no attempt."""

    name: ClassVar[str] = "delivery.outdated"
    alike_by: ClassVar[tuple[str, ...]] = ("handler", "lane")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleMissed(HandlerFact):
    """
    Times of a handler's schedule have passed while nobody looked, be it by a downtime or by a clock that was set.

    Attributes:
        late: Seconds since the first of them.
        is_caught_up: It is called once for all of them; else they are let pass.
    """

    name: ClassVar[str] = "schedule.missed"
    level: ClassVar[Level] = "warning"
    late: int
    is_caught_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySuspected(LaneFact):
    """
    It was running when a process died, and runs by itself now; `deaths`: of which it was the only suspect.

    Attributes:
        deaths: Of processes in which it was the only suspect.
    """

    name: ClassVar[str] = "delivery.suspected"
    level: ClassVar[Level] = "warning"
    deaths: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryBuried(LaneFact):
    """
    A delivery was given up; it stands in the dead letters.

    Attributes:
        reason: The error's type, or our own words.
        attempts: That it has cost.
        trace: If its first attempt was the last: where that was raised, as in `DeliveryPostponed`.
    """

    name: ClassVar[str] = "delivery.buried"
    level: ClassVar[Level] = "error"
    reason: str
    attempts: int
    trace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkSkipped(Fact):
    """
    The operator has skipped messages that waited; they stand in the dead letters, all of a skip as one.

    Attributes:
        chats: How many.
        messages: Of others, that nobody has handled.
    """

    name: ClassVar[str] = "work.skipped"
    chats: int
    messages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestDecided(HandlerFact):
    """
    A handler has approved or rejected what somebody asked for; `why` are the author's words.

    Attributes:
        key: Of the request.
        decision: `approve` or `reject`.
        why: The author's words.
    """

    name: ClassVar[str] = "request.decided"
    key: str
    decision: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardTripped(HandlerInChatFact):
    """
    Agents talk among themselves: nothing is said in this chat until a human speaks or the operator resumes it.

    Attributes:
        reason: Which of the guard's bounds was met.
    """

    name: ClassVar[str] = "guard.tripped"
    level: ClassVar[Level] = "warning"
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardReleased(ChatFact):
    """A human spoke, or the operator resumed the chat."""

    name: ClassVar[str] = "guard.released"
