"""What becomes of a timer whose time has come. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from mycel_runtime.dispatch.lanes import timer_lane
from mycel_runtime.journal.changes import Firing, NewTimer
from mycel_runtime.journal.work import EventWork
from mycel_runtime.plugin.schedule import LATE_SECONDS
from mycel_runtime.plugin.subscription import AnswerSubscription, ScheduleSubscription

if TYPE_CHECKING:
    from mycel_runtime.journal.changes import Timer
    from mycel_runtime.journal.ids import HandlerId
    from mycel_runtime.plugin.subscription import Subscription

SCHEDULE: Final = "@"
"""Begins the name of a schedule's timer, which no plugin can set."""


def firing_of(timer: Timer, handler: HandlerId, subscription: Subscription, now: float) -> Firing:
    """
    Its handler's work, and of a schedule the next time; of a question the end of its time.

    What a schedule has missed, by a downtime or by a clock that was set, is one call or none; a call that still waits
    for its turn stands for those that would come behind it.
    """
    if isinstance(subscription, AnswerSubscription):
        return Firing(timer=timer, work=None, question_id=int(timer.key))
    work = EventWork(handler=handler, lane=timer_lane(timer.plugin, timer.name, timer.key))
    if not isinstance(subscription, ScheduleSubscription):
        return Firing(timer=timer, work=work)
    is_let_pass = now - timer.due_at > LATE_SECONDS and not subscription.catch_up
    # The last of what was missed may be late by less than that: it is due at once, and called.
    since = now - LATE_SECONDS if is_let_pass else now
    following = _timer_of(timer.name, subscription, previous=timer.due_at, now=since)
    return Firing(timer=timer, work=None if is_let_pass else work, following=following, is_one_enough=True)


def plan_of(
    name: str, subscription: ScheduleSubscription, stands: Timer | None, now: float
) -> NewTimer | None:
    """
    The timer of a schedule, where it is not as it must be; `None`: what stands is right.

    It is not there yet, or another schedule's; or it waits for a time that is not the next one, because the clock was
    wrong when it was set.
    """
    text, previous = _said_by(stands)
    if stands is None or text != subscription.schedule.text:
        return _timer_of(name, subscription, previous=None, now=now)
    right = _timer_of(name, subscription, previous=previous, now=now)
    return right if right.due_at < stands.due_at else None


def schedule_text_of(timer: Timer) -> str:
    """The text of the schedule that this timer is of; empty of one that a handler has set."""
    return _said_by(timer)[0] if timer.name.startswith(SCHEDULE) else ""


def _timer_of(
    name: str, subscription: ScheduleSubscription, *, previous: float | None, now: float
) -> NewTimer:
    schedule = subscription.schedule
    return NewTimer(
        name=name,
        key="",
        due_at=schedule.next_at(previous, now),
        data=json.dumps([schedule.text, previous]),
        is_relative=schedule.is_relative,
    )


def _said_by(stands: Timer | None) -> tuple[str, float | None]:
    """A schedule's text, and the time that it was last called for."""
    text, previous = ("", None) if stands is None else json.loads(stands.data)
    return text, previous
