"""
SIGHUP: every agent of the process reads its file again, each by itself.

systemd is told first of all, and again when all have. An agent whose file has gone from its folder is drained and
ends. Files that have come since are named, and their agents join those that live, as do those whose file was wrong.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

from mycel_runtime.daemon import systemd
from mycel_runtime.daemon.reload.file_watch import watch
from mycel_runtime.observe.facts import AgentFilesChanged

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence
    from pathlib import Path

    from mycel_runtime.daemon.config_places import ConfigPlaces
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


class Agents(Protocol):
    """Those of the process."""

    @property
    def runtimes(self) -> Sequence[Reloadable]:
        """All of them, also those that have ended by themselves."""

    async def part(self, configs: Collection[Path]) -> Sequence[Reloadable]:
        """Have those of these files drained and end; returns them."""


class ProcessReload:
    """
    Of all agents of a process.

    Args:
        places: Of the files.
        known: Files that were there at the start.
        observer: Told of files that have come or gone.
        joining: Of agents that do not live; `None`: none joins.
        left: Told the name of an agent that has ended because its file has gone.
        is_watching: Whether files are looked at all the time, too.
    """

    def __init__(
        self,
        places: ConfigPlaces,
        known: Collection[Path],
        observer: Observer,
        joining: Joining[Any] | None = None,
        left: Callable[[str], None] = lambda _: None,
        *,
        is_watching: bool = False,
    ) -> None:
        self._places = places
        self._known = set(known)
        self._observer = observer
        self._joining = joining
        self._left = left
        self._is_watching = is_watching
        self._agents: Agents | None = None
        self._asked = asyncio.Event()
        self._wanted: set[Path] | None = set()
        self._one_at_a_time = asyncio.Lock()
        self._is_ready = False

    @property
    def orders(self) -> dict[str, Callable[..., Awaitable[dict[str, Any]]]]:
        """What the process can be told, by any of its agents' sockets."""
        return {"part": self.order_part}

    async def order_part(self) -> dict[str, Any]:
        """
        Have the agents leave whose files have gone.

        Returns:
            `left`: Names of those that have. `files`: Of the agents that live on.
        """
        left = await self._part()
        agents = self._agents.runtimes if self._agents else ()
        return {"left": left, "files": [str(agent.config) for agent in agents if not agent.has_ended]}

    def note_ready(self) -> None:
        """The supervisor knows that the process is ready; before, a reload is nothing to tell it of."""
        self._is_ready = True

    def ask(self) -> None:
        """Reload all, as soon as the loop turns."""
        self._wanted = None
        self._begin()

    def ask_for(self, files: Collection[Path]) -> None:
        """As `ask`, of the agents of these files, and of those that have come or gone."""
        if self._wanted is not None:
            self._wanted.update(files)
        self._begin()

    def _begin(self) -> None:
        if self._is_ready:
            systemd.notify(*systemd.reloading())
        self._asked.set()

    async def serve(self, agents: Agents) -> None:
        """Reload when asked, until cancelled."""
        self._agents = agents
        async with asyncio.TaskGroup() as tasks:
            if self._is_watching:
                tasks.create_task(watch(self._places.files, self.ask_for), name="file-watch")
            await self._serve(agents)

    async def _serve(self, agents: Agents) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            wanted, self._wanted = self._wanted, set()
            refused = await self._reload(agents, wanted)
            if self._is_ready:
                said = f"reload refused: {', '.join(refused)}" if refused else "reloaded"
                systemd.notify(systemd.READY, systemd.status(said))

    async def _reload(self, agents: Agents, wanted: Collection[Path] | None) -> list[str]:
        """Names of the agents whose files are wrong, or of the files; `None`: all are wanted."""
        await self._part()
        there = set(await asyncio.to_thread(self._places.files))
        refused = [
            agent.agent
            for agent in list(agents.runtimes)
            if (wanted is None or agent.config in wanted)
            and self._has_file(agent, there)
            and not agent.has_ended
            and (await agent.reload()).refused
        ]
        joined = [] if self._joining is None else await self._joining.join()
        return [*refused, *(each.config.stem for each in joined if each.refused)]

    def _has_file(self, agent: Reloadable, there: Collection[Path]) -> bool:
        """One that was named by itself is read whether it is there or not: that it has gone is a mistake."""
        return agent.config in there or not self._places.in_folder(agent.config)

    async def _part(self) -> list[str]:
        """Names of the agents that have left."""
        async with self._one_at_a_time:
            there = set(await asyncio.to_thread(self._places.files))
            added, removed = self._strangers(there)
            if added or removed:
                names = (", ".join(sorted(map(str, files))) for files in (added, removed))
                self._observer.tell(AgentFilesChanged(added=next(names), removed=next(names)))
            left = await self._agents.part(removed) if removed and self._agents else ()
            for agent in left:
                self._left(agent.agent)
            if self._joining is not None:
                self._joining.forget(removed)
            self._known = there
            return [agent.agent for agent in left]

    def _strangers(self, there: Collection[Path]) -> tuple[set[Path], set[Path]]:
        """Files that have come into their folder, and those that have gone, since somebody last looked."""
        living = [agent.config for agent in self._agents.runtimes] if self._agents else []
        known = set(filter(self._places.in_folder, (*self._known, *living)))
        now = set(filter(self._places.in_folder, there))
        return now - known, known - now
