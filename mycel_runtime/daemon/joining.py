"""
Agents that join a process which runs: of a file that was wrong at its start, or has come since.

Each is read and checked beside those that live, as all were at the start, when a reload is asked for. What is wrong
with one keeps only that one away, as at the start; it is forgotten when the file is right, or gone.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from mycel_runtime.daemon.agents import Refusal
from mycel_runtime.errors import ConfigError, MycelError
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.facts import ConfigRefused
from mycel_runtime.plugin.process_state import entrusted_to

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from mycel_runtime.daemon.agent_failures import AgentFailures
    from mycel_runtime.daemon.agents import Agent
    from mycel_runtime.daemon.config_places import ConfigPlaces
    from mycel_runtime.observe.observer import Observer

R = TypeVar("R")
"""The runtime of an agent."""

R_contra = TypeVar("R_contra", contravariant=True)

JOIN_SECONDS: Final = 60.0
"""For reading, for importing plugins, and again until the agent is ready."""


class Reader(Protocol):
    """Reads and checks the file of one agent beside those that live."""

    def __call__(self, config: Path, living: Sequence[Agent]) -> Agent:
        """
        Blocking.

        Raises:
            ConfigError: It cannot be started.
        """


class Starter(Protocol[R_contra]):
    """Has an agent live in the process's task tree."""

    def __call__(
        self, runtime: R_contra, observer: Observer, *, ready: Callable[[], None]
    ) -> asyncio.Task[None]:
        """Its life, which raises nothing; `ready` is called once it is."""


@dataclass(frozen=True, slots=True)
class Joined:
    """
    What came of one file.

    Attributes:
        config: The file.
        refused: Why its agent does not live; empty: it does.
    """

    config: Path
    refused: str = ""


class Joining(Generic[R]):
    """
    The agents of one process, by their files.

    Args:
        places: Of the files.
        agents: That live from the start.
        read: As `Reader`.
        make: The runtime of an agent that was read, and who is told of its end.
        observer: Told of what is wrong with a file.
    """

    def __init__(
        self,
        places: ConfigPlaces,
        agents: Sequence[Agent],
        *,
        read: Reader,
        make: Callable[[Agent], tuple[R, Observer]],
        observer: Observer,
    ) -> None:
        self._places = places
        self._agents = {agent.config.absolute(): agent for agent in agents}
        self._read = read
        self._make = make
        self._observer = observer
        self._one_at_a_time = asyncio.Lock()

    def open(self, start: Starter[R], is_living: Callable[[Path], bool], failures: AgentFailures) -> None:
        """
        From here on agents can join.

        Args:
            start: As `Starter`.
            is_living: Whether the agent of a file is.
            failures: What the process ends by, when no agent lives any more.
        """
        self._start, self._is_living, self._failures = start, is_living, failures

    @property
    def orders(self) -> dict[str, Callable[..., Awaitable[dict[str, Any]]]]:
        """What the process can be told, by any of its agents' sockets."""
        return {"join": self.order_join, "why_away": self.order_why_away}

    async def order_why_away(self, config: str) -> dict[str, Any]:
        """
        Why the agent of a file does not live.

        Args:
            config: Its absolute path.

        Returns:
            `problem`: Empty: nothing is known against it. `is_refused`: It could not be started; then `where` and
            `fix`, too. `files`: Of the agents that live in this process.
        """
        error, files = self._failures.of(Path(config)), self._living_files()
        if isinstance(error, ConfigError):
            return {
                "is_refused": True,
                "problem": error.problem,
                "where": error.where,
                "fix": error.fix,
                "files": files,
            }
        # Errors of ours say nothing of a message.
        problem = (
            "" if error is None else str(error) if isinstance(error, MycelError) else type(error).__name__
        )
        return {"is_refused": False, "problem": problem, "files": files}

    async def order_join(self, config: str) -> dict[str, Any]:
        """
        Have the agent of one file join, if it does not live.

        Args:
            config: Its absolute path.

        Returns:
            `is_tried`: Whether that is for this process to do; `refused`: As of `Joined`; `files`: As of
            `order_why_away`.
        """
        path = Path(config)
        is_ours = path in await asyncio.to_thread(self._places.files)
        joined = await self.join([path]) if is_ours else []
        return {
            "is_tried": bool(joined),
            "refused": joined[0].refused if joined else "",
            "files": self._living_files(),
        }

    def _living_files(self) -> list[str]:
        """So that nobody asks this process once more by another of its agents."""
        return [str(config) for config in self._agents if self._is_living(config)]

    async def join(self, files: Collection[Path] | None = None) -> list[Joined]:
        """
        Have the agents of these files join, or of all files that there are.

        Those that live are left alone, and those that have ended without an error, because they were drained.

        Cancelling: whoever has not joined does not.
        """
        async with self._one_at_a_time:
            there = await asyncio.to_thread(self._places.files)
            self._failures.keep(there)
            return [
                await self._join(path) for path in (there if files is None else files) if self._may_join(path)
            ]

    def forget(self, files: Collection[Path]) -> None:
        """These have gone from their folder: if one comes again, its agent is a new one."""
        for path in files:
            if not self._is_living(path):
                self._agents.pop(path, None)

    def _may_join(self, path: Path) -> bool:
        has_failed = self._failures.of(path) is not None
        return not self._is_living(path) and (has_failed or path not in self._agents)

    async def _join(self, path: Path) -> Joined:
        living = [agent for config, agent in self._agents.items() if self._is_living(config)]
        try:
            async with asyncio.timeout(JOIN_SECONDS):
                agent = await asyncio.to_thread(self._read, path, living)
        except ConfigError as exc:
            return self._refuse(path, exc)
        except Exception as exc:  # noqa: BLE001 - whatever it is, the others live
            problem = f"was not read and checked within {JOIN_SECONDS:g} s: {type(exc).__name__}"
            return self._refuse(path, ConfigError(problem, where=str(path), fix="Restart the process."))
        self._put_process_back(agent)
        self._failures.forget(path)
        self._agents[path] = agent
        return await self._await_ready(path, *self._make(agent))

    def _refuse(self, path: Path, error: ConfigError) -> Joined:
        self._failures.refuse(Refusal((path,), error))
        self._observer.tell(ConfigRefused(where=error.where, problem=error.problem, fix=error.fix))
        return Joined(path, refused=str(error))

    def _put_process_back(self, agent: Agent) -> None:
        """What the imports have changed of the process; only the main thread can."""
        for loaded in agent.plugins:
            with entrusted_to(loaded.plugin.name):
                pass

    async def _await_ready(self, path: Path, runtime: R, observer: Observer) -> Joined:
        ready = asyncio.Event()
        life = self._start(runtime, observer, ready=ready.set)
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(ready.wait(), name="ready")
            await asyncio.wait([life, waiting], timeout=JOIN_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
        error = self._failures.of(path)
        return Joined(path, refused="" if error is None else str(error))
