"""The agents that live in one process: each in a task of its own, and ended by an error alone."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from mycel_runtime.daemon.agent_failures import AgentFailures
    from mycel_runtime.daemon.agent_runtime import AgentRuntime
    from mycel_runtime.daemon.signals import StopRequest
    from mycel_runtime.observe.observer import Observer

_MORE_SECONDS: Final = 15.0
"""Than a drain and a stop may take, for what surrounds them."""


class Members:
    """
    Those that have been added.

    Args:
        tasks: Where they live.
        stop: Of the process.
        failures: Told of each that ends by an error.

    Attributes:
        runtimes: Of all of them, also of those that have ended by themselves.
    """

    def __init__(self, tasks: asyncio.TaskGroup, stop: StopRequest, failures: AgentFailures) -> None:
        self._tasks = tasks
        self._stop = stop
        self._failures = failures
        self._lives: dict[asyncio.Task[None], AgentRuntime] = {}
        self.runtimes: list[AgentRuntime] = []

    def add(
        self,
        runtime: AgentRuntime,
        observer: Observer,
        readiness: contextlib.AbstractContextManager[Callable[[], None]],
    ) -> asyncio.Task[None]:
        """
        Have an agent live.

        Args:
            runtime: The agent.
            observer: Told if it fails.
            readiness: Its life; gives what it calls when it is ready.
        """
        life = self._tasks.create_task(
            self._live(runtime, observer, readiness), name=f"agent-{runtime.agent}"
        )
        self._lives = {task: each for task, each in self._lives.items() if not task.done()} | {life: runtime}
        self.runtimes[:] = [*(each for each in self.runtimes if each.config != runtime.config), runtime]
        return life

    def join(
        self, runtime: AgentRuntime, observer: Observer, *, ready: Callable[[], None]
    ) -> asyncio.Task[None]:
        """As `add`, of one for which the supervisor has not waited."""
        return self.add(runtime, observer, contextlib.nullcontext(ready))

    def is_living(self, config: Path) -> bool:
        """Whether the agent of a file is."""
        return any(runtime.config == config for life, runtime in self._lives.items() if not life.done())

    async def part(self, configs: Collection[Path]) -> list[AgentRuntime]:
        """
        Have the agents of these files drained and end, side by side.

        If no other agent lives, they stay: the process would end with them, and a folder that is not mounted has no
        files either.

        Returns:
            Those that have ended, in time or before; their locks are free.

        Cancelling: they end all the same.
        """
        living = {life: runtime for life, runtime in self._lives.items() if not life.done()}
        leaving = {life: runtime for life, runtime in living.items() if runtime.config in configs}
        if leaving and len(leaving) < len(living):
            for runtime in leaving.values():
                runtime.ask_to_leave()
            drain = max(runtime.drain_timeout for runtime in leaving.values())
            await asyncio.wait(leaving, timeout=2 * drain + _MORE_SECONDS)
        left = [each for each in self.runtimes if each.config in configs and not self.is_living(each.config)]
        self.runtimes[:] = [each for each in self.runtimes if each not in left]
        return left

    def drain_seconds(self) -> float:
        """That a stop may take."""
        return max((runtime.drain_timeout for runtime in self.runtimes), default=0.0)

    async def wait_ended(self) -> None:
        """Until the last one has, of those that have been added by then."""
        while living := [life for life in self._lives if not life.done()]:
            await asyncio.wait(living, return_when=asyncio.FIRST_COMPLETED)

    async def _live(
        self,
        runtime: AgentRuntime,
        observer: Observer,
        readiness: contextlib.AbstractContextManager[Callable[[], None]],
    ) -> None:
        with readiness as ready:
            try:
                await runtime.run(self._stop, ready=ready)
            except Exception as exc:  # noqa: BLE001 - raised at the end; until then the other agents live
                self._failures.note(exc, runtime.config, observer)
