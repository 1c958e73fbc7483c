"""In which state each plugin is, and when it is called next by the clock."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from pydantic import BaseModel

from mycel_runtime.dispatch.firing import SCHEDULE
from mycel_runtime.journal.questions import QUESTION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mycel_runtime.dispatch.lifecycle import Start
    from mycel_runtime.journal.summary import NextTimer

PluginState: TypeAlias = Literal["running", "starting", "not_started", "left_alone", "unavailable"]

_NEXT_FIRINGS: Final = 3
"""That are named of each plugin."""


class FiringReport(BaseModel, frozen=True, defer_build=True):
    """A timer, or a schedule's next time; `due_at` in epoch seconds."""

    name: str
    due_at: float
    is_schedule: bool


class PluginReport(BaseModel, frozen=True, defer_build=True):
    """
    A plugin and what it waits for.

    Attributes:
        state: `starting`: its first start goes on; `not_started`: that has failed; `left_alone`: it has failed and
            failed, or could not be imported; `unavailable`: it has said itself that something is missing.
        reason: Why it does not run, as far as that is known.
        retry_at: When it is tried again, epoch seconds; `None`: it runs, or not in this process.
        next_firings: The next of its timers and schedules, three at most.
    """

    name: str
    state: PluginState = "running"
    reason: str = ""
    retry_at: float | None = None
    next_firings: tuple[FiringReport, ...] = ()


def plugin_reports(
    names: Iterable[str],
    *,
    starts: Iterable[Start] = (),
    left_alone: Mapping[str, float],
    unavailable: Mapping[str, str],
    timers: Sequence[NextTimer] = (),
) -> tuple[PluginReport, ...]:
    """
    All plugins, sorted by name.

    Args:
        names: Of those that have handlers.
        starts: Of those that have not started.
        left_alone: Until when, epoch seconds, by name.
        unavailable: What they lack, by name.
        timers: The next ones of all plugins, earliest first.
    """
    waiting = {start.plugin: start for start in starts}
    return tuple(
        _state_of(name, waiting.get(name), left_alone, unavailable).model_copy(
            update={"next_firings": _firings(name, timers)}
        )
        for name in sorted({*names, *waiting, *left_alone})
    )


def _state_of(
    name: str, start: Start | None, left_alone: Mapping[str, float], unavailable: Mapping[str, str]
) -> PluginReport:
    if name in unavailable:
        return PluginReport(
            name=name, state="unavailable", reason=unavailable[name], retry_at=left_alone.get(name)
        )
    if name in left_alone:
        return PluginReport(name=name, state="left_alone", retry_at=left_alone[name])
    if start is None:
        return PluginReport(name=name)
    if not start.attempts:
        return PluginReport(name=name, state="starting")
    retry_at = start.retry_at if math.isfinite(start.retry_at) else None
    return PluginReport(name=name, state="not_started", reason=start.reason, retry_at=retry_at)


def _firings(plugin: str, timers: Sequence[NextTimer]) -> tuple[FiringReport, ...]:
    its = [each for each in timers if each.plugin == plugin and not each.name.startswith(QUESTION)]
    return tuple(
        FiringReport(
            name=each.name.removeprefix(SCHEDULE),
            due_at=each.due_at,
            is_schedule=each.name.startswith(SCHEDULE),
        )
        for each in its[:_NEXT_FIRINGS]
    )
