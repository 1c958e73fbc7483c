"""
The life of an agent in a worker: its handlers are run here, and others listen as it.

Start: a state directory of the worker's own, the shared journal, which is waited for while its database is away; then
READY. Stop: nothing new is claimed, what runs may end within the drain timeout; what does not is due again, here or
elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from functools import partial
from typing import TYPE_CHECKING

from typing_extensions import override

from mycel_runtime.daemon import systemd
from mycel_runtime.daemon.agent_life import AgentLife
from mycel_runtime.daemon.assembly import AgentAssembly
from mycel_runtime.daemon.control import control_server
from mycel_runtime.daemon.credential import Credential
from mycel_runtime.daemon.dump import dump_route
from mycel_runtime.daemon.following import facts_route
from mycel_runtime.daemon.health import network_problems
from mycel_runtime.daemon.metrics.exposition import metrics_route
from mycel_runtime.daemon.metrics.process_metrics import process_families
from mycel_runtime.daemon.release import VERSION
from mycel_runtime.daemon.reports.hearing_report import HearingReport
from mycel_runtime.daemon.reports.journal_report import JournalReport
from mycel_runtime.daemon.reports.network_report import network_report
from mycel_runtime.daemon.reports.speaking_report import speaking_report
from mycel_runtime.daemon.reports.work_report import WorkReport, work_report
from mycel_runtime.daemon.state_dir import make_state_dir
from mycel_runtime.daemon.status import Status
from mycel_runtime.daemon.turn import end_dispatching, first_error, loss_in
from mycel_runtime.daemon.unless_ended import unless_ended
from mycel_runtime.errors import ConfigError, JournalError, LeaseLostError
from mycel_runtime.observe.facts import (
    DaemonStopped,
    DaemonStopping,
    LaneCallsRestarted,
    LeaseLost,
)
from mycel_runtime.observe.log_style import lines_of
from mycel_runtime.settings import read_database, read_token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from prometheus_client.core import Metric as Family

    from mycel_runtime.daemon.agents import Agent
    from mycel_runtime.daemon.credential import AgentClient
    from mycel_runtime.daemon.reload.agent_reload import AgentReload, ReloadReport
    from mycel_runtime.daemon.reports.network_report import NetworkReport
    from mycel_runtime.daemon.signals import StopRequest
    from mycel_runtime.daemon.worker_parts import WorkerParts
    from mycel_runtime.journal.port.journal import Journal
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.observe.trace import Traces


class WorkerRuntime(AgentLife):
    """
    Of one agent.

    Args:
        agent: Checked, with its plugins; its state directory is the worker's own.
        reload: Its file; read again, it says what needs a restart.
        observer: Told of everything.

    Raises:
        ConfigError: The agent's journal is not shared: one process at a time has it.
    """

    def __init__(self, agent: Agent, reload: AgentReload, *, observer: Observer) -> None:
        settings = agent.settings
        if settings.is_embedded or read_database(settings, agent.config) is None:
            raise ConfigError(
                "names no database, and a worker shares its agent's journal with other processes",
                where=f"{agent.config}: [engine] url",
                fix="Name one, or let mycel-runtime run run the handlers.",
            )
        super().__init__(settings, agent.plugins, reload, network=agent.network, observer=observer)
        self._agent = agent
        self._journal: Journal | None = None
        self._parts: WorkerParts | None = None
        self._started_at = time.time()
        self._leaving = asyncio.Event()

    @property
    @override
    def _current(self) -> Journal | None:
        return self._journal

    @property
    def drain_timeout(self) -> float:
        """Seconds that a stop may take."""
        return self._settings.daemon.drain_timeout

    async def reload(self) -> ReloadReport:
        """As `AgentReload.reload`: what has changed holds from the next start on."""
        return await self._reload.reload(None, self.observer)

    def ask_to_leave(self) -> None:
        """Have it end; others of its process live on."""
        self._leaving.set()

    @override
    async def run(self, stop: StopRequest, *, ready: Callable[[], None]) -> None:
        make_state_dir(self._settings.state_dir)
        with lines_of(self.agent):
            try:
                while await self._serve(stop, ready):
                    # Whoever was taken for dead has nothing left in the journal, and begins anew.
                    ready = _nobody_waits
            finally:
                self._has_ended = True

    async def _serve(self, stop: StopRequest, ready: Callable[[], None]) -> bool:
        """Until a stop is asked for; true: this process was frozen, say, and others have taken over what it had."""
        try:
            async with contextlib.AsyncExitStack() as stack:
                enter = partial(self._enter_journal, stack)
                opening = self._awaited.open(enter, partial(self._awaited.wait_behind, self._door))
                self._journal = await unless_ended(opening, self._wait_asked(stop))
                if self._journal is None:
                    return False
                traces = await stack.enter_async_context(self._observers.tracing.open(self.observer))
                await stack.enter_async_context(self._door())
                self._announce(self._settings.agent.base_url)
                ready()
                await self._live(stop, partial(self._assemble, traces=traces))
        except (BaseExceptionGroup, JournalError, LeaseLostError) as error:
            if (loss := loss_in(error)) is not None:
                if self._parts is not None:
                    self.observer.tell(LeaseLost(reason=type(loss).__name__))
                return not stop.is_asked
            raise (first_error(error) if isinstance(error, BaseExceptionGroup) else error) from None
        finally:
            self._journal = self._parts = None
        return False

    async def _enter_journal(self, stack: contextlib.AsyncExitStack) -> Journal:
        return await stack.enter_async_context(self._open_journal())

    @contextlib.asynccontextmanager
    async def _door(self) -> AsyncIterator[None]:
        """Whoever asks or follows is answered while the block runs; also before the journal is open."""
        routes = [metrics_route(self.metrics), dump_route(), facts_route(self._observers.followers)]
        server = control_server(self._settings.state_dir, self.status, more=routes)
        async with server, self._observers.followers:
            yield

    async def _live(
        self,
        stop: StopRequest,
        assemble: Callable[[AgentClient, Credential], Coroutine[None, None, WorkerParts]],
    ) -> None:
        assert self._agent.token is not None
        credential = Credential(self._agent.token, partial(read_token, self._settings))
        async with self._client(self._settings.agent.base_url, credential) as sdk:
            self._parts = await unless_ended(assemble(sdk, credential), self._wait_asked(stop))
            if self._parts is not None:
                await self._work(stop, self._parts)

    async def _assemble(self, sdk: AgentClient, credential: Credential, *, traces: Traces) -> WorkerParts:
        assert self._journal is not None
        assembly = AgentAssembly(
            settings=self._settings,
            me=await self._identify(sdk),
            refused=self._refused,
            base_url=self._settings.agent.base_url,
            token=credential,
            journal=self._journal,
            sdk=sdk,
            handlers=self._bound,
            observer=self.observer,
            network=self._network,
            durations=self._observers.metrics.durations,
            traces=traces,
        )
        return await assembly.worker_parts()

    async def _wait_asked(self, stop: StopRequest) -> None:
        """Until its end was asked for, or that of the whole process."""
        stop.tell(self._leaving.set)
        try:
            await self._leaving.wait()
        finally:
            stop.tell_no_more(self._leaving.set)

    async def _work(self, stop: StopRequest, parts: WorkerParts) -> None:
        """The task tree. An error of any task ends all of them and is raised by itself."""
        assert self._journal is not None
        parts.dispatcher.quarantine.keep_out(self._refused)
        calls = self._engine.lane_calls(
            self._journal,
            parts.me,
            concurrency=self._settings.dispatch.concurrency,
            on_restart=lambda reason: self.observer.tell(LaneCallsRestarted(reason=reason)),
        )
        assert calls is not None
        async with asyncio.TaskGroup() as tasks:
            dispatching = tasks.create_task(parts.dispatcher.run(), name="dispatcher")
            others = [tasks.create_task(work, name=name) for name, work in parts.beside(calls)]
            if systemd.watchdog_interval_seconds() is not None:
                others.append(tasks.create_task(self._keep_watchdog(parts), name="watchdog"))
            await self._wait_asked(stop)
            await self._stop(stop, parts, dispatching, others)

    async def _keep_watchdog(self, parts: WorkerParts) -> None:
        async def prove_progress() -> None:
            if self._journal is not None and not self._journal.is_at_rest:
                await self._journal.checkpoint(parts.me)

        await systemd.keep_watchdog(prove_progress)

    async def _stop(
        self,
        stop: StopRequest,
        parts: WorkerParts,
        dispatching: asyncio.Task[None],
        others: list[asyncio.Task[None]],
    ) -> None:
        assert self._journal is not None
        # If that cannot be written, what is killed with us is suspect for the others, and no more.
        with contextlib.suppress(JournalError):
            await self._journal.expect_end(parts.me)
        self.observer.tell(
            DaemonStopping(reason=stop.reason or "left the folder", drain_timeout=self.drain_timeout)
        )
        for task in others:
            task.cancel()
        abandoned = await end_dispatching(stop, parts.dispatcher, dispatching, self.drain_timeout)
        self.observer.tell(DaemonStopped(abandoned=abandoned))

    async def status(self) -> Status:
        """What is known of this process, and of the work that it shares with others."""
        now, counters = self._now(), self._observers.counters
        network = network_report(self._observers.network_health)
        problems = self._problems(network, now)
        return Status(
            agent=self.agent,
            server=self._settings.agent.base_url,
            user_id=self._parts.me if self._parts else None,
            version=VERSION,
            pid=os.getpid(),
            started_at=self._started_at,
            now=now,
            ready=not problems,
            problems=problems,
            network=network,
            hearing=HearingReport(),
            speaking=speaking_report(counters, None, now=now),
            work=await self._work_report(),
            journal=JournalReport(database=self._engine.where),
            events=dict(sorted(counters.counts.items())),
            reload=self._reload.report,
        )

    def _problems(self, network: NetworkReport, now: float) -> tuple[str, ...]:
        """What keeps it from running handlers; that others hear is their readiness."""
        problems = network_problems(network, interval=self._settings.inbox.reconcile_interval, now=now)
        problems += self._observers.journal_lock.problems(now) + self._observers.database_outage.problems(now)
        problems += self._observers.awaited_token.problems(now)
        if self._parts is None:
            trouble = self._observers.identification.trouble
            problems += (f"the backend has not answered yet{trouble and f': {trouble}'}",)
        return problems

    async def _work_report(self) -> WorkReport:
        journal, parts = self._journal, self._parts
        if journal is None or parts is None or self._observers.database_outage.lasts:
            return WorkReport()
        quarantine = parts.dispatcher.quarantine
        return work_report(
            await journal.statistics(parts.me),
            quarantine.plugins,
            unavailable=quarantine.reasons,
            abandoned=parts.dispatcher.abandoned,
            starts=parts.dispatcher.lifecycle.waiting,
            pauses=parts.pauses.all,
        )

    async def metrics(self) -> list[Family]:
        """As of `AgentRuntime.metrics`."""
        return [*self.families(await self.status()), *process_families(VERSION)]


def require_database(agent: Agent) -> None:
    """
    Refuse an agent whose journal is not shared: one process at a time has it.

    Raises:
        ConfigError: It names no database.
    """
    settings = agent.settings
    if settings.is_embedded or read_database(settings) is None:
        raise ConfigError(
            "names no database, and a worker shares its agent's journal with other processes",
            where=f"{agent.config}: [engine] url",
            fix="Name one, or let mycel-runtime run run the handlers.",
        )


def _nobody_waits() -> None:
    """In the place of who waits until it is ready."""
