"""The agents that live in one process: each in a task of its own, and ended by an error alone."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.places import Places

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from mycel_runtime.daemon.agent_failures import AgentFailures
    from mycel_runtime.daemon.member_runtime import MemberRuntime
    from mycel_runtime.daemon.signals import StopRequest
    from mycel_runtime.observe.observer import Observer

STARTING_AT_ONCE: Final = 32
"""
A thousand that open their journals side by side are two thousand threads that wait for each other's turn at the
interpreter, and none is ready before nearly all are. One after the other, each would wait for the disk by itself.
"""

START_PATIENCE_SECONDS: Final = 1.0
"""For which one may keep others waiting: its disk may be full or slow, or somebody else may hold its journal."""

_MORE_SECONDS: Final = 15.0
"""Than a drain and a stop may take, for what surrounds them."""


@dataclass(frozen=True, slots=True)
class _Life:
    """One agent, and the task that it lives in."""

    task: asyncio.Task[None]
    runtime: MemberRuntime


class Members:
    """
    Those that have been added.

    Args:
        tasks: Where they live.
        stop: Of the process.
        failures: Told of each that ends by an error.
    """

    def __init__(self, tasks: asyncio.TaskGroup, stop: StopRequest, failures: AgentFailures) -> None:
        self._tasks = tasks
        self._stop = stop
        self._failures = failures
        self._lives: dict[Path, _Life] = {}
        self._starting = Places(STARTING_AT_ONCE, patience=START_PATIENCE_SECONDS)

    @property
    def runtimes(self) -> list[MemberRuntime]:
        """Of all of them, also of those that have ended by themselves."""
        return [life.runtime for life in self._lives.values()]

    def add(
        self,
        runtime: MemberRuntime,
        observer: Observer,
        readiness: contextlib.AbstractContextManager[Callable[[], None]],
    ) -> asyncio.Task[None]:
        """
        Have an agent live; it takes the place of one of the same file, which has ended.

        Args:
            runtime: The agent.
            observer: Told if it fails.
            readiness: Its life; gives what it calls when it is ready.
        """
        task = self._tasks.create_task(
            self._live(runtime, observer, readiness), name=f"agent-{runtime.agent}"
        )
        self._lives[runtime.config] = _Life(task, runtime)
        return task

    def join(
        self, runtime: MemberRuntime, observer: Observer, *, ready: Callable[[], None]
    ) -> asyncio.Task[None]:
        """As `add`, of one for which the supervisor has not waited."""
        return self.add(runtime, observer, contextlib.nullcontext(ready))

    def is_living(self, config: Path) -> bool:
        """Whether the agent of a file is."""
        return (life := self._lives.get(config)) is not None and not life.task.done()

    async def part(self, configs: Collection[Path]) -> list[MemberRuntime]:
        """
        Have the agents of these files drained and end, side by side.

        If no other agent lives, they stay: the process would end with them, and a folder that is not mounted has no
        files either.

        Returns:
            Those that have ended, in time or before; their locks are free.

        Cancelling: they end all the same.
        """
        leaving = [self._lives[config] for config in configs if self.is_living(config)]
        if leaving and len(leaving) < len(self._living()):
            for life in leaving:
                life.runtime.ask_to_leave()
            drain = max(life.runtime.drain_timeout for life in leaving)
            await asyncio.wait([life.task for life in leaving], timeout=2 * drain + _MORE_SECONDS)
        ended = [config for config in configs if config in self._lives and not self.is_living(config)]
        return [self._lives.pop(config).runtime for config in ended]

    def drain_seconds(self) -> float:
        """That a stop may take."""
        return max(runtime.drain_timeout for runtime in self.runtimes)

    async def wait_ended(self) -> None:
        """Until the last one has, of those that have been added by then."""
        # All at a time: to wait anew after each that ends would be the square of a thousand.
        while living := self._living():
            await asyncio.wait(living)

    def _living(self) -> list[asyncio.Task[None]]:
        return [life.task for life in self._lives.values() if not life.task.done()]

    async def _live(
        self,
        runtime: MemberRuntime,
        observer: Observer,
        readiness: contextlib.AbstractContextManager[Callable[[], None]],
    ) -> None:
        with readiness as ready:
            try:
                async with self._starting.taken() as give_back:
                    if not self._stop.is_asked:
                        await runtime.run(self._stop, ready=_both(give_back, ready))
            except Exception as exc:  # noqa: BLE001 - raised at the end; until then the other agents live
                self._failures.note(exc, runtime.config, observer)


def _both(first: Callable[[], None], then: Callable[[], None]) -> Callable[[], None]:
    def call() -> None:
        first()
        then()

    return call
