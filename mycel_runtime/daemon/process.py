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
import time
from typing import TYPE_CHECKING, Final, TypeVar

from mycel_runtime.daemon import asked_server, systemd
from mycel_runtime.daemon.agent_failures import AgentFailures
from mycel_runtime.daemon.config_places import ConfigPlaces
from mycel_runtime.daemon.dump_signal import dumping_on_signal
from mycel_runtime.daemon.executor import ThreadPerCall
from mycel_runtime.daemon.leftovers import part_from_leftovers
from mycel_runtime.daemon.member_runtime import MemberRuntime
from mycel_runtime.daemon.members import Members
from mycel_runtime.daemon.readiness import Readiness
from mycel_runtime.daemon.reload.process_reload import ProcessReload
from mycel_runtime.daemon.signals import StopRequest, signals_as
from mycel_runtime.freed_memory import FREED_MEMORY
from mycel_runtime.observe.logs import LogObserver
from mycel_runtime.observe.unhandled_errors import watch_tasks, watch_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mycel_runtime.daemon.agents import Refusal
    from mycel_runtime.daemon.joining import Joining
    from mycel_runtime.observe.observer import Observer

R = TypeVar("R", bound=MemberRuntime)

_EXTENSION_SECONDS: Final = 15.0
"""More that a stop is given each time; also for what surrounds the drain."""


async def run_agents(
    agents: Sequence[tuple[R, Observer]],
    *,
    failures: Sequence[Refusal] = (),
    reload: ProcessReload | None = None,
    joining: Joining[R] | None = None,
    beside: contextlib.AbstractAsyncContextManager[None] | None = None,
) -> None:
    """
    Live until a signal asks for the end, or until no agent is left.

    Args:
        agents: With whom to tell that one has failed.
        failures: Of agents that could not be started, and have been told of; raised at the end as the others' are.
        reload: Asked by SIGHUP; by default of files that are the same for good.
        joining: Of agents that come later; `None`: none does.
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
    stop, reload = StopRequest(), reload or ProcessReload(ConfigPlaces(), (), LogObserver({}))
    failed = AgentFailures(len(agents) + len(failures), failures)
    with signals_as(stop, reload.ask), dumping_on_signal(told):
        try:
            async with beside or contextlib.nullcontext():
                await _live(agents, stop, reload, failed, joining)
        finally:
            await part_from_leftovers()
    systemd.notify(systemd.STOPPING)
    failed.raise_first()


async def _live(
    agents: Sequence[tuple[R, Observer]],
    stop: StopRequest,
    reload: ProcessReload,
    failed: AgentFailures,
    joining: Joining[R] | None,
) -> None:
    """The task tree, until the last agent has ended."""
    is_ready = asyncio.Event()

    def note_ready() -> None:
        reload.note_ready()
        is_ready.set()

    readiness = Readiness(len(agents), note_ready)
    async with asyncio.TaskGroup() as tasks:
        members = Members(tasks, stop, failed)
        for runtime, observer in agents:
            members.add(runtime, observer, readiness.of_one())
        if joining is not None:
            joining.open(members.join, members.is_living, failed)
        helping = [
            tasks.create_task(_tell_stopping(stop, members.drain_seconds), name="stopping"),
            tasks.create_task(reload.serve(members), name="reloads"),
            tasks.create_task(_finish_start(is_ready), name="start"),
        ]
        await members.wait_ended()
        for task in helping:
            task.cancel()


async def _finish_start(is_ready: asyncio.Event) -> None:
    """What nobody waits for who waits for agents to be ready."""
    await is_ready.wait()
    await asked_server.import_connection()
    # Importing and checking have freed much between what stays.
    FREED_MEMORY.note()


def _observer_of_process(agents: Sequence[tuple[R, Observer]]) -> Observer:
    """Of what nobody can tell whose it is, where there are several agents."""
    return agents[0][0].observer if len(agents) == 1 else LogObserver({})


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
