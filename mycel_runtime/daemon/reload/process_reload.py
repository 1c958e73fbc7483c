"""
SIGHUP: every agent of the process reads its file again, each by itself.

systemd is told first of all, and again when all have. Files that have come since are named, and their agents join
those that live, as do those whose file was wrong; a file that has gone is named, and wants a restart.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mycel_runtime.daemon import systemd
from mycel_runtime.daemon.agents import config_files
from mycel_runtime.errors import ConfigError
from mycel_runtime.observe.facts import AgentFilesChanged

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from mycel_runtime.daemon.joining import Joining
    from mycel_runtime.daemon.reload.agent_reload import ReloadReport
    from mycel_runtime.observe.observer import Observer


class Reloadable(Protocol):
    """An agent, as far as it matters here."""

    @property
    def agent(self) -> str:
        """Its name."""

    @property
    def config(self) -> Path:
        """Its file; absolute."""

    @property
    def has_ended(self) -> bool:
        """Whether it has, while others live."""

    async def reload(self) -> ReloadReport:
        """Read it again."""


class ProcessReload:
    """
    Of all agents of a process.

    Args:
        configs: As of `config_files`, of the command line; absolute.
        known: Files that were there at the start.
        observer: Told of files that have come or gone.
        joining: Of agents that do not live; `None`: none joins.
    """

    def __init__(
        self,
        configs: Sequence[Path],
        known: Collection[Path],
        observer: Observer,
        joining: Joining[Any] | None = None,
    ) -> None:
        self._configs = configs
        self._known = set(known)
        self._observer = observer
        self._joining = joining
        self._asked = asyncio.Event()
        self._is_ready = False

    def note_ready(self) -> None:
        """The supervisor knows that the process is ready; before, a reload is nothing to tell it of."""
        self._is_ready = True

    def ask(self) -> None:
        """Reload, as soon as the loop turns."""
        if self._is_ready:
            systemd.notify(*systemd.reloading())
        self._asked.set()

    async def serve(self, agents: Sequence[Reloadable]) -> None:
        """Reload when asked, until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            refused = await self._reload(agents)
            if self._is_ready:
                said = f"reload refused: {', '.join(refused)}" if refused else "reloaded"
                systemd.notify(systemd.READY, systemd.status(said))

    async def _reload(self, agents: Sequence[Reloadable]) -> list[str]:
        """Names of the agents whose files are wrong, or of the files."""
        added, removed = await asyncio.to_thread(self.strangers)
        if added or removed:
            self._observer.tell(AgentFilesChanged(added=", ".join(added), removed=", ".join(removed)))
            self._known.update(map(Path, added))
        refused = [
            agent.agent
            for agent in list(agents)
            if str(agent.config) not in removed and not agent.has_ended and (await agent.reload()).refused
        ]
        joined = [] if self._joining is None else await self._joining.join()
        return [*refused, *(each.config.stem for each in joined if each.refused)]

    def strangers(self) -> tuple[list[str], list[str]]:
        """Files that have come since the start, and those that have gone; blocking. A single file does neither."""
        folders = [config for config in self._configs if config.is_dir()]
        try:
            now = set(config_files(folders))
        except ConfigError:  # A folder that is empty by now.
            now = {
                path for folder in folders for path in self._known if path.parent == folder and path.exists()
            }
        known = {path for path in self._known if path.parent in folders}
        return sorted(map(str, now - known)), sorted(map(str, known - now))
