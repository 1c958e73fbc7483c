"""Plugins: loading, starting, being left alone."""

from __future__ import annotations

from typing import ClassVar

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.facts.fact import HandlerFact, Level, PluginFact


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginImporting(PluginFact):
    """A plugin's import begins; if nothing follows, it is what the start waits for."""

    name: ClassVar[str] = "plugin.importing"


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginImportSlow(PluginFact):
    """
    A plugin's import goes on since so many seconds; the start waits for it.

    Attributes:
        seconds: Since it began.
    """

    name: ClassVar[str] = "plugin.import_slow"
    level: ClassVar[Level] = "warning"
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStateRestored(PluginFact):
    """
    A plugin has changed what belongs to the process; the runtime's own was put back. Told once for each.

    Attributes:
        aspect: What it was: `working directory`, `locale`, `signal handlers` and so on.
    """

    name: ClassVar[str] = "process.state_restored"
    level: ClassVar[Level] = "warning"
    aspect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginLoaded(PluginFact):
    """
    A plugin passed its checks.

    Attributes:
        version: Of its distribution; empty of a file.
        origin: Its distribution, or the file.
        handlers: How many it has.
    """

    name: ClassVar[str] = "plugin.loaded"
    version: str
    origin: str
    handlers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginRefused(PluginFact):
    """
    An isolated plugin's import failed: its work waits, the other plugins run; a restart tries it again.

    Attributes:
        problem: What is wrong with it.
        fix: What to do.
    """

    name: ClassVar[str] = "plugin.refused"
    level: ClassVar[Level] = "error"
    problem: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginStarted(PluginFact):
    """
    All hooks of the plugin's start have returned; `took`: the last one.

    Attributes:
        attempts: That it took.
        took: Seconds; of the last hook.
    """

    name: ClassVar[str] = "plugin.started"
    attempts: int
    took: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginStartFailed(HandlerFact):
    """
    A hook of a plugin's start failed or exceeded its deadline: the plugin's deliveries wait; none is given up.

    Attributes:
        reason: The error's type, or our own words.
        trace: Where it was raised: files, lines and functions.
        attempts: In vain so far.
        retry_in: `None`: not in this process, unless the operator resumes the plugin.
    """

    name: ClassVar[str] = "plugin.start_failed"
    level: ClassVar[Level] = "error"
    reason: str
    attempts: int
    retry_in: float | None
    trace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginStopFailed(HandlerFact):
    """
    A hook of a plugin's stop failed, exceeded its deadline or was cut short; the stop goes on.

    Attributes:
        reason: The error's type, or our own words.
        trace: Where it was raised; left out of the line if nobody knows.
    """

    name: ClassVar[str] = "plugin.stop_failed"
    level: ClassVar[Level] = "warning"
    reason: str
    trace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginQuarantined(PluginFact):
    """
    A plugin failed so many times in a row that its deliveries wait; none of them is given up meanwhile.

    Attributes:
        failures: In a row.
        retry_in: Seconds.
    """

    name: ClassVar[str] = "plugin.quarantined"
    level: ClassVar[Level] = "error"
    failures: int
    retry_in: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginUnavailable(PluginFact):
    """
    What a plugin needs is not there, as it says itself; its deliveries wait, and none of them is given up.

    Attributes:
        reason: What is not there, and what to do.
        retry_in: Seconds.
    """

    name: ClassVar[str] = "plugin.unavailable"
    level: ClassVar[Level] = "error"
    reason: str
    retry_in: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginClogged(PluginFact):
    """
    So many of a plugin's runs go on after their deadline that its deliveries wait until one of them ends.

    A restart of the agent ends them all; `isolation = "process"` lets each be killed at its deadline.

    Attributes:
        runs: That go on after their deadline.
    """

    name: ClassVar[str] = "plugin.clogged"
    level: ClassVar[Level] = "error"
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopHeld(HandlerFact):
    """
    An `async def` handler computes, or waits without `await`, and keeps the event loop from all agents here.

    Plain `def` handlers have a thread of their own, and `isolation = "process"` lets each be killed at its deadline.

    Attributes:
        seconds: For which nothing else has had its turn so far.
        trace: Where it is: files, lines and functions.
    """

    name: ClassVar[str] = "loop.held"
    level: ClassVar[Level] = "error"
    seconds: float
    trace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopFreed(HandlerFact):
    """
    The event loop serves all agents of the process again: a handler has awaited something at last, or has ended.

    Attributes:
        seconds: For which nothing else had its turn, a look's time more or less.
    """

    name: ClassVar[str] = "loop.freed"
    level: ClassVar[Level] = "warning"
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginReleased(PluginFact):
    """A plugin that was left alone works again, or the operator resumed it."""

    name: ClassVar[str] = "plugin.released"
