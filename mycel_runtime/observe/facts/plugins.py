"""Plugins: loading, starting, being left alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mycel_runtime.observe.facts.fact import Fact, Level


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginImporting(Fact):
    """A plugin's import begins; if nothing follows, it is what the start waits for."""

    name: ClassVar[str] = "plugin.importing"
    plugin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginImportSlow(Fact):
    """A plugin's import goes on since so many seconds; the start waits for it."""

    name: ClassVar[str] = "plugin.import_slow"
    level: ClassVar[Level] = "warning"
    plugin: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStateRestored(Fact):
    """A plugin has changed what belongs to the process; the runtime's own was put back. Told once for each."""

    name: ClassVar[str] = "process.state_restored"
    level: ClassVar[Level] = "warning"
    plugin: str
    aspect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginLoaded(Fact):
    """A plugin passed its checks."""

    name: ClassVar[str] = "plugin.loaded"
    plugin: str
    version: str
    origin: str
    handlers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginRefused(Fact):
    """An isolated plugin's import failed: its work waits, the other plugins run; a restart tries it again."""

    name: ClassVar[str] = "plugin.refused"
    level: ClassVar[Level] = "error"
    plugin: str
    problem: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginStarted(Fact):
    """All hooks of the plugin's start have returned; `took`: the last one."""

    name: ClassVar[str] = "plugin.started"
    plugin: str
    attempts: int
    took: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginStartFailed(Fact):
    """
    A hook of a plugin's start failed or exceeded its deadline: the plugin's deliveries wait; none is given up.

    Attributes:
        attempts: In vain so far.
        retry_in: `None`: not in this process, unless the operator resumes the plugin.
    """

    name: ClassVar[str] = "plugin.start_failed"
    level: ClassVar[Level] = "error"
    handler: str
    reason: str
    attempts: int
    retry_in: float | None
    trace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginStopFailed(Fact):
    """A hook of a plugin's stop failed, exceeded its deadline or was cut short; the stop goes on."""

    name: ClassVar[str] = "plugin.stop_failed"
    level: ClassVar[Level] = "warning"
    handler: str
    reason: str
    trace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginQuarantined(Fact):
    """A plugin failed so many times in a row that its deliveries wait; none of them is given up meanwhile."""

    name: ClassVar[str] = "plugin.quarantined"
    level: ClassVar[Level] = "error"
    plugin: str
    failures: int
    retry_in: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginUnavailable(Fact):
    """What a plugin needs is not there, as it says itself; its deliveries wait, and none of them is given up."""

    name: ClassVar[str] = "plugin.unavailable"
    level: ClassVar[Level] = "error"
    plugin: str
    reason: str
    retry_in: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginClogged(Fact):
    """
    So many of a plugin's runs go on after their deadline that its deliveries wait until one of them ends.

    A restart of the agent ends them all; `isolation = "process"` lets each be killed at its deadline.
    """

    name: ClassVar[str] = "plugin.clogged"
    level: ClassVar[Level] = "error"
    plugin: str
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginReleased(Fact):
    """A plugin that was left alone works again, or the operator resumed it."""

    name: ClassVar[str] = "plugin.released"
    plugin: str
