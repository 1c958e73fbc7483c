"""
Several agents in one process, none disturbing another.

An agent that ends by an error ends alone; the others go on. Signals, file modes, what the supervisor is told and
what plugins leave behind belong to the process. It ends when the last agent has, with the exit code of the first
error after which a new start may help, if there is one: a supervisor that went by another's would start none again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from asyncio.tasks import _unregister_task
from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.daemon import systemd
from mycel_runtime.daemon.dump_signal import dumping_on_signal
from mycel_runtime.daemon.executor import ThreadPerCall
from mycel_runtime.daemon.reload.process_reload import ProcessReload
from mycel_runtime.daemon.signals import StopRequest, signals_as
from mycel_runtime.errors import MycelError
from mycel_runtime.observe.facts import AgentFailed
from mycel_runtime.observe.logs import LogObserver
from mycel_runtime.observe.unhandled_errors import watch_tasks, watch_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mycel_runtime.daemon.agent_runtime import AgentRuntime
    from mycel_runtime.observe.observer import Observer


_PARTING_SECONDS: Final = 1.0
"""At the end, for what plugins have left on the loop, to take notice of its cancellation."""

_EXTENSION_SECONDS: Final = 15.0
"""More that a stop is given each time; also for what surrounds the drain."""

FINAL_EXIT_CODES: Final = frozenset({69, 77, 78})
"""Of an agent: starting it again cannot help. The unit's `RestartPreventExitStatus` has them too."""

_left: Final[list[asyncio.Task[Any]]] = []


def has_left_tasks() -> bool:
    """Whether the interpreter must not be wound up: it would collect a task that cannot be ended."""
    return bool(_left)


async def run_agents(
    agents: Sequence[tuple[AgentRuntime, Observer]],
    *,
    failures: Sequence[Exception] = (),
    reload: ProcessReload | None = None,
    beside: contextlib.AbstractAsyncContextManager[None] | None = None,
) -> None:
    """
    Live until a signal asks for the end, or until no agent is left.

    Args:
        agents: With whom to tell that one has failed.
        failures: Of agents that could not be started, and have been told of; raised at the end as the others' are.
        reload: Asked by SIGHUP; by default of files that are the same for good.
        beside: Open while agents live; must not raise.

    Raises:
        Exception: Once no agent lives, the first after which a new start may help, else the first of all; a
            `MycelError` unless it is a fault of ours.
    """
    os.umask(0o077)
    asyncio.get_running_loop().set_default_executor(ThreadPerCall())
    told = _observer_of_process(agents)
    watch_threads(told)
    watch_tasks(told)
    stop, failed = StopRequest(), list(failures)
    is_alone = len(agents) + len(failed) == 1
    reload = reload or ProcessReload((), (), LogObserver({}))
    readiness = _Readiness(len(agents), reload.note_ready)

    async def live(runtime: AgentRuntime, observer: Observer) -> None:
        with readiness.of_one() as ready:
            try:
                await runtime.run(stop, ready=ready)
            except Exception as exc:  # noqa: BLE001 - raised at the end; until then the other agents live
                failed.append(exc)
                if not is_alone:
                    observer.tell(_failure(exc))

    def drain_seconds() -> float:
        return max(runtime.drain_timeout for runtime, _ in agents)

    with signals_as(stop, reload.ask), dumping_on_signal(told):
        try:
            async with beside or contextlib.nullcontext(), asyncio.TaskGroup() as tasks:
                helping = [
                    tasks.create_task(
                        _tell_stopping(stop, drain_seconds),
                        name="stopping",
                    ),
                    tasks.create_task(reload.serve([runtime for runtime, _ in agents]), name="reloads"),
                ]
                living = [
                    tasks.create_task(live(runtime, observer), name=f"agent-{runtime.agent}")
                    for runtime, observer in agents
                ]
                await asyncio.wait(living)
                for task in helping:
                    task.cancel()
        finally:
            await _part_from_tasks()
            await asyncio.to_thread(_part_from_children)
    systemd.notify(systemd.STOPPING)
    if failed:
        raise next((exc for exc in failed if _exit_code(exc) not in FINAL_EXIT_CODES), failed[0])


class _Readiness:
    """Tells the supervisor once every agent is ready or has ended: one that cannot start holds nobody back."""

    def __init__(self, agents: int, told: Callable[[], None]) -> None:
        self._told = told
        self._waiting_for = agents
        self._is_any_ready = False

    @contextlib.contextmanager
    def of_one(self) -> Iterator[Callable[[], None]]:
        """One agent's life; yields what it calls when it is ready."""
        is_counted = False

        def ready() -> None:
            nonlocal is_counted
            is_counted = self._is_any_ready = True
            self._count()

        try:
            yield ready
        finally:
            if not is_counted:
                self._count()

    def _count(self) -> None:
        self._waiting_for -= 1
        if self._waiting_for == 0 and self._is_any_ready:
            systemd.notify(systemd.READY, systemd.status("asking the backend who this is"))
            self._told()


def _failure(exc: Exception) -> AgentFailed:
    """Errors of ours say nothing of a message; of others only the type is told."""
    if isinstance(exc, MycelError):
        return AgentFailed(
            error=type(exc).__name__, reason=str(exc).partition("\n")[0], exit_code=exc.exit_code
        )
    return AgentFailed(error=type(exc).__name__, reason="", exit_code=_exit_code(exc))


def _exit_code(exc: Exception) -> int:
    return exc.exit_code if isinstance(exc, MycelError) else MycelError.exit_code


def _observer_of_process(agents: Sequence[tuple[AgentRuntime, Observer]]) -> Observer:
    """Of what nobody can tell whose it is, where there are several agents."""
    return agents[0][0].observer if len(agents) == 1 else LogObserver({})


async def _part_from_tasks() -> None:
    """
    Cancel what plugins have left on the loop, and let go of what catches that.

    `asyncio.run` would wait for it for ever. Kept here, because to be collected is to be told to end once more: what
    catches that too, without a loop to wait on, spins.
    """
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if not left:
        return
    _, going_on = await asyncio.wait(left, timeout=_PARTING_SECONDS)
    for task in going_on:
        _unregister_task(task)
    _left.extend(going_on)


def _part_from_children() -> None:
    """
    End the processes that plugins have started by multiprocessing.

    The interpreter would wait for them, perhaps for ever.
    """
    multiprocessing = sys.modules.get(
        "multiprocessing"
    )  # not imported: who has started none need not pay for it
    children = multiprocessing.active_children() if multiprocessing else []
    for child in children:
        child.terminate()
    deadline = time.monotonic() + _PARTING_SECONDS
    for child in children:
        child.join(max(0.0, deadline - time.monotonic()))
        if child.is_alive():
            child.kill()


async def _tell_stopping(stop: StopRequest, drain_seconds: Callable[[], float]) -> None:
    """
    That the stop goes on, as long as a drain may take: a supervisor's own limit may be shorter.

    A loop that hangs tells nothing more, and is ended at that limit or soon after.
    """
    await stop.wait_asked()
    systemd.notify(systemd.STOPPING, systemd.status("draining"))
    ends_at = time.monotonic() + drain_seconds()
    while time.monotonic() < ends_at:
        systemd.notify(systemd.extended(_EXTENSION_SECONDS))
        await asyncio.sleep(_EXTENSION_SECONDS / 3)
