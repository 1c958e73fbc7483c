"""One agent's file is read again, and what may change of it changes: all of that, or nothing."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from mycel_runtime.daemon.network import network_of
from mycel_runtime.daemon.reload.differences import Differences, differences, in_force, plugin_keys
from mycel_runtime.errors import ConfigError
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.facts import ConfigReloaded, ReloadRefused
from mycel_runtime.observe.log_style import LogStyle
from mycel_runtime.observe.logs import restyle
from mycel_runtime.plugin.registry import bound_handlers
from mycel_runtime.plugin.resettling import resettled
from mycel_runtime.settings import load_settings, read_token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from mycel_runtime.daemon.assembly import Parts
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.plugin.registry import LoadedPlugin
    from mycel_runtime.settings import Settings

READ_SECONDS: Final = 60.0
"""For reading and checking: of a file system that hangs, or of a plugin's `on_load` that does not return."""


class ReloadReport(BaseModel, frozen=True, defer_build=True):
    """
    How the file was last read again.

    Attributes:
        at: Epoch seconds; `None`: it never was.
        refused: What is wrong with it, so that nothing has changed; empty: nothing.
        changed: Keys that have changed, as `[section] key`.
        needs_restart: Keys that are otherwise in the file and do not hold before a restart.
    """

    at: float | None = None
    refused: str = ""
    changed: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """
    A file, read and checked.

    Attributes:
        plugins: Those that take their new settings, by the name of their table.
    """

    settings: Settings
    differences: Differences
    plugins: Mapping[str, LoadedPlugin]


class AgentReload:
    """
    The settings of one agent, as they are by now.

    Args:
        config: Its file.
        settings: As it was started with.
        plugins: Loaded, in the order of their tables.
        overrides: From the command line.
        clock: Epoch seconds.

    Attributes:
        settings: In force.
        plugins: By the name of their table.
        report: Of the last time.
    """

    def __init__(
        self,
        config: Path,
        settings: Settings,
        plugins: Sequence[LoadedPlugin],
        overrides: Mapping[str, Any],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._config = config.absolute()
        self._overrides = overrides
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self.settings = settings
        self.plugins = dict(zip(settings.plugins, plugins, strict=True))
        self.report = ReloadReport()

    @property
    def config(self) -> Path:
        """The file; absolute."""
        return self._config

    async def reload(self, parts: Parts | None, observer: Observer) -> ReloadReport:
        """
        Read it again.

        Args:
            parts: What runs; `None` while the backend has not answered yet.
            observer: Told how it went.

        Cancelling: nothing has changed.
        """
        async with self._one_at_a_time:
            try:
                async with asyncio.timeout(READ_SECONDS):
                    wanted = await asyncio.to_thread(self._read)
            except ConfigError as exc:
                return self._refuse(str(exc), observer)
            except TimeoutError:
                return self._refuse(
                    f"{self._config}: not read and checked within {READ_SECONDS:g} s", observer
                )
            return self._apply(wanted, parts, observer)

    def _read(self) -> _Wanted:
        """
        Everything that can fail, before anything is changed.

        Raises:
            ConfigError: The file, or what it names, is wrong.
        """
        wanted = load_settings(self._config, self._overrides)
        network_of(wanted, self._config)
        if not wanted.is_embedded:
            read_token(wanted)
        found = differences(self.settings, wanted)
        plugins = {
            name: plugin
            for name in found.plugins
            if (plugin := resettled(self.plugins[name], name, wanted.plugins[name], self._config)) is not None
        }
        return _Wanted(settings=wanted, differences=found, plugins=plugins)

    def _refuse(self, problem: str, observer: Observer) -> ReloadReport:
        self.report = self.report.model_copy(update={"at": self._clock(), "refused": problem, "changed": ()})
        observer.tell(ReloadRefused(problem=problem.partition("\n")[0]))
        return self.report

    def _apply(self, wanted: _Wanted, parts: Parts | None, observer: Observer) -> ReloadReport:
        """Nothing is awaited: whoever looks sees all of it or nothing."""
        before, found = self.settings, wanted.differences
        taken = [key for name in wanted.plugins for key in plugin_keys(before, wanted.settings, name)]
        kept = [
            key
            for name in found.plugins
            if name not in wanted.plugins
            for key in plugin_keys(before, wanted.settings, name)
        ]
        self.settings = in_force(before, wanted.settings, wanted.plugins)
        self.plugins |= wanted.plugins
        log = self.settings.log
        restyle(self.settings.agent.name, LogStyle(level=log.level, format=log.format))
        if parts is not None:
            parts.reconfigure(self.settings, bound_handlers(list(wanted.plugins.values())))
        self.report = ReloadReport(
            at=self._clock(), changed=(*found.live, *taken), needs_restart=(*found.restart, *kept)
        )
        observer.tell(
            ConfigReloaded(
                changed=", ".join(self.report.changed), needs_restart=", ".join(self.report.needs_restart)
            )
        )
        return self.report
