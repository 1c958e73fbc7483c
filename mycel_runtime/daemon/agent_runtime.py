"""
The life of the process: start in order, run, stop in order.

Start: state directory, journal and its lock, the embedded backend if there is one; then READY. An unreachable
backend does not fail the start, it is waited for; so is a database that is away, before READY.
Stop: nothing new is heard, nothing new is claimed, what is
running may end within the drain timeout; what does not is due again at the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from mycel_runtime.daemon import systemd
from mycel_runtime.daemon.admin import Admin
from mycel_runtime.daemon.agent_backend import AgentBackend, opened_backend
from mycel_runtime.daemon.agent_life import AgentLife
from mycel_runtime.daemon.agent_status import AgentStatus
from mycel_runtime.daemon.assembly import AgentAssembly, Parts
from mycel_runtime.daemon.capturing import open_capture
from mycel_runtime.daemon.control import control_server
from mycel_runtime.daemon.credential import Credential
from mycel_runtime.daemon.draining import Draining
from mycel_runtime.daemon.dump import dump_route
from mycel_runtime.daemon.early_pauses import EarlyPauses
from mycel_runtime.daemon.following import facts_route
from mycel_runtime.daemon.greeting import greet
from mycel_runtime.daemon.journal_progress import JournalProgress
from mycel_runtime.daemon.journal_terms import JournalTerms
from mycel_runtime.daemon.metrics.exposition import metrics_route
from mycel_runtime.daemon.metrics.process_metrics import process_families
from mycel_runtime.daemon.release import VERSION
from mycel_runtime.daemon.reports.program_report import ConfigDrift
from mycel_runtime.daemon.room import wait_for_room
from mycel_runtime.daemon.standby import Standby
from mycel_runtime.daemon.standby_admin import StandbyAdmin
from mycel_runtime.daemon.state_dir import make_state_dir
from mycel_runtime.daemon.token_comparison import ORDER, compare_token
from mycel_runtime.daemon.turn import Turn, first_error, loss_in
from mycel_runtime.daemon.unless_ended import unless_ended
from mycel_runtime.errors import JournalError, LeaseLostError
from mycel_runtime.inbox.approach import Approach
from mycel_runtime.journal.ids import plugin_of
from mycel_runtime.observe.facts import LeaseLost, SystemStoreMissing
from mycel_runtime.observe.log_style import lines_of
from mycel_runtime.observe.trace import Untraced
from mycel_runtime.plugin.registry import bound_handlers
from mycel_runtime.sdk.network import Route
from mycel_runtime.settings import read_token
from mycel_runtime.wire.ids import UserId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
    from pathlib import Path

    from prometheus_client.core import Metric as Family
    from pydantic import SecretStr

    from mycel_runtime.daemon.control import Order
    from mycel_runtime.daemon.credential import AgentClient
    from mycel_runtime.daemon.embedded_identity import EmbeddedIdentity
    from mycel_runtime.daemon.reload.agent_reload import AgentReload, ReloadReport
    from mycel_runtime.daemon.signals import StopRequest
    from mycel_runtime.daemon.status import Status
    from mycel_runtime.daemon.upkeep.journal_admin import JournalAdmin
    from mycel_runtime.journal.capture_file import CaptureFile
    from mycel_runtime.journal.port.journal import Journal
    from mycel_runtime.journal.port.reader import JournalReader
    from mycel_runtime.observe.facts import Fact
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.observe.trace import Traces
    from mycel_runtime.sdk import Network


class AgentRuntime(AgentLife):
    """
    One agent's process.

    Args:
        reload: Holds the agent's settings and plugins, and reads them again.
        token: `None` for an embedded backend, which makes its own.
        network: How the backend is reached.
        approach: To the backend, of all agents of the process.
        observer: Told of everything.
        show: Prints a line for a person; used for the greeting only.
        how_to_talk: Shown after the greeting.
        orders: What its process can be told besides, by name.
    """

    def __init__(
        self,
        reload: AgentReload,
        *,
        token: SecretStr | None,
        network: Network,
        approach: Approach | None = None,
        observer: Observer,
        show: Callable[[str], None],
        how_to_talk: str,
        orders: Mapping[str, Order] = MappingProxyType({}),
    ) -> None:
        super().__init__(reload.settings, reload.plugins.values(), reload, network=network, observer=observer)
        self._token = token
        self._approach = approach or Approach()
        self._show = show
        self._how_to_talk = how_to_talk
        self._orders = orders
        self._draining = Draining()
        self._journals = JournalTerms(self._open_journal, self._awaited)
        self._standby = Standby(self.observer, self._now)
        self._early_pauses = EarlyPauses(self._engine.reader, self.observer)
        self._config_drift = ConfigDrift(reload.config)
        self._status = AgentStatus(
            settings=self._settings,
            engine=self._engine,
            reload=reload,
            config_drift=self._config_drift,
            plugins={plugin_of(handler) for handler in self._handlers} | set(self._refused),
            observers=self._observers,
            draining=self._draining,
            standby=self._standby,
            journal=lambda: self._journals.current,
            started_at=time.time(),
            clock=self._now,
        )
        self._parts: Parts | None = None
        self._capture_file: CaptureFile | None = None
        self._traces: Traces = Untraced()

    @property
    @override
    def _current(self) -> Journal | None:
        return self._journals.current

    @property
    def drain_timeout(self) -> float:
        """Seconds that a stop may take, as the file says by now."""
        return self._reload.settings.daemon.drain_timeout

    async def reload(self) -> ReloadReport:
        """As `AgentReload.reload`."""
        report = await self._reload.reload(self._parts, self.observer)
        if not report.refused and not report.needs_restart:
            self._config_drift.note_read()
        return report

    def ask_to_leave(self) -> None:
        """Have it drained, for as long as a stop may take, and end; others of its process live on."""
        self._draining.ask(self.drain_timeout, stay=False)

    @property
    def reader(self) -> JournalReader:
        """Looks into its journal."""
        return self._engine.reader

    @property
    def admin(self) -> Admin | None:
        """The operator's verbs; `None` while it has not begun to work, and when it has ended."""
        if (journal := self._journals.current) is None or self._parts is None:
            return None
        return Admin(journal, self._parts)

    def verbs(self) -> JournalAdmin | None:
        """The operator's verbs, also on a host that stands by; `None` while there are none yet."""
        journal, me = self._journals.current, self._standby.me
        if self._parts is not None or journal is None or me is None or self._standby.report is None:
            return self.admin
        return StandbyAdmin(journal, me, self._status.plugins)

    def tell(self, fact: Fact) -> None:
        """Let its observers know."""
        self.observer.tell(fact)

    @override
    async def run(self, stop: StopRequest, *, ready: Callable[[], None]) -> None:
        state_dir = self._settings.state_dir
        with lines_of(self.agent):
            if not await wait_for_room(state_dir, self.observer, stop):
                return
            make_state_dir(state_dir)
            await self._run(state_dir, stop, ready=ready)

    async def _run(self, state_dir: Path, stop: StopRequest, *, ready: Callable[[], None]) -> None:
        try:
            async with contextlib.AsyncExitStack() as stack:
                opening = stack.enter_async_context(self._journals.opened(self._door))
                if (journal := await unless_ended(opening, self._draining.wait_asked(stop))) is None:
                    await self._draining.pass_over(stop)
                    return
                await self._run_with(journal, state_dir, stop, ready=ready)
        except BaseExceptionGroup as group:
            raise first_error(group) from group
        finally:
            self._has_ended = True

    async def _run_with(
        self, journal: Journal, state_dir: Path, stop: StopRequest, *, ready: Callable[[], None]
    ) -> None:
        try:
            async with (
                self._observers.tracing.open(self.observer) as self._traces,
                open_capture(state_dir, self._settings.journal, self.observer) as self._capture_file,
                opened_backend(self._settings, self._token) as backend,
                self._door({ORDER: partial(compare_token, partial(self._read_token, backend))}),
            ):
                # Whoever has to wait for it then could not be stopped.
                stop.tell(self._journals.hurry)
                self._status.note_journal()
                self._early_pauses.begin(journal)
                self._announce_on(backend)
                ready()
                async with asyncio.TaskGroup() as tasks:
                    watching = list[asyncio.Task[None]]()
                    if systemd.watchdog_interval_seconds() is not None:
                        watching.append(tasks.create_task(self._keep_watchdog(), name="watchdog"))
                    await self._live(stop, backend)
                    for task in watching:
                        task.cancel()
        finally:
            stop.tell_no_more(self._journals.hurry)

    @contextlib.asynccontextmanager
    async def _door(self, more: Mapping[str, Order] = MappingProxyType({})) -> AsyncIterator[None]:
        """Whoever asks, orders or follows is answered while the block runs; also before the journal is open."""
        orders = {
            **self._orders,
            "reload": self._order_reload,
            "drain": self._draining.order,
            "pause": self._early_pauses.pause,
            "resume": self._early_pauses.resume,
            **more,
        }
        server = control_server(
            self._settings.state_dir,
            self.status,
            self.verbs,
            lambda: self._parts.dispatcher.tools if self._parts else None,
            [metrics_route(self.metrics), dump_route(), facts_route(self._observers.followers)],
            orders,
        )
        async with server, self._observers.followers:
            yield

    async def status(self) -> Status:
        """What is known of this process now."""
        return await self._status.look()

    async def metrics(self) -> list[Family]:
        """What is counted and measured, of this agent and of its process; `exposition.expose` makes text of it."""
        return [*self.families(await self.status()), *process_families(VERSION)]

    async def _order_reload(self) -> dict[str, Any]:
        report = await self.reload()
        return report.model_dump()

    async def _live(self, stop: StopRequest, backend: AgentBackend) -> None:
        credential = Credential(backend.token, partial(self._read_token, backend))
        async with self._client(backend.base_url, credential) as sdk:
            me = await unless_ended(self._identify(sdk), self._draining.wait_asked(stop))
            is_ended = me is None
            while me is not None and await self._serve(stop, me, backend, sdk, credential):
                # Whoever has lost its turn, or given it up, has nothing left in the journal.
                is_ended = await unless_ended(self._journals.renew(), self._draining.wait_asked(stop)) is None
                if is_ended:
                    break
            if is_ended:
                await self._draining.pass_over(stop)

    async def _serve(
        self,
        stop: StopRequest,
        me: UserId,
        backend: AgentBackend,
        sdk: AgentClient,
        credential: Credential,
    ) -> bool:
        """One turn, from the wait for it to its end; whether another one may follow."""
        journal = self._journals.current
        assert journal is not None
        self._early_pauses.begin(journal)
        take_up = partial(self._assemble, journal, me, backend, sdk, credential)
        turn = Turn(
            draining=self._draining,
            observer=self.observer,
            drain_timeout=lambda: self.drain_timeout,
            beside=self._greetings(backend),
        )
        try:
            async with journal.candidacy(me) as candidacy:
                parts = await unless_ended(
                    self._standby.wait(me, candidacy, take_up), self._draining.wait_asked(stop)
                )
                if parts is None:
                    await self._draining.pass_over(stop)
                    return False
                self._take_up(parts, sdk)
                return await turn.work(stop, journal, parts, candidacy)
        except (BaseExceptionGroup, JournalError, LeaseLostError) as error:
            if (loss := loss_in(error)) is None:
                raise
            if self._parts is not None:
                self.observer.tell(LeaseLost(reason=type(loss).__name__))
            return True
        finally:
            self._parts = None
            self._status.note_parts(None)

    def _take_up(self, parts: Parts, sdk: AgentClient) -> None:
        """The agent comes to work with them."""
        parts.dispatcher.quarantine.keep_out(self._refused)
        self._parts = parts
        self._status.note_parts(parts)
        sdk.tell_calls(parts.listener.call_made)
        self._observers.network_health.ask_stream(partial(_is_connection_limited, parts))
        if not parts.lease_keeper.is_for_good:
            self._standby.tell_taken()

    def _read_token(self, backend: AgentBackend) -> SecretStr:
        """As it is by now; an embedded backend's does not change."""
        return backend.token if backend.embedded else read_token(self._reload.settings)

    async def _assemble(
        self, journal: Journal, me: UserId, backend: AgentBackend, sdk: AgentClient, credential: Credential
    ) -> Parts:
        self._early_pauses.end()
        assembly = AgentAssembly(
            settings=self._reload.settings,
            me=me,
            refused=self._refused,
            base_url=backend.base_url,
            token=credential,
            journal=journal,
            sdk=sdk,
            handlers=bound_handlers(list(self._reload.plugins.values())),
            observer=self.observer,
            network=self._network,
            approach=self._approach,
            capture_file=self._capture_file,
            durations=self._observers.metrics.durations,
            traces=self._traces,
        )
        return await assembly.parts()

    def _announce_on(self, backend: AgentBackend) -> None:
        self._announce(backend.base_url)
        if Route(backend.base_url, self._network).lacks_system_store:
            self.observer.tell(SystemStoreMissing())

    async def _keep_watchdog(self) -> None:
        """From readiness to the end: also while the backend is waited for, and while handlers may end."""

        async def ask() -> object:
            journal = self._journals.current
            return journal and await journal.checkpoint(self._parts.me if self._parts else UserId(""))

        def is_at_rest() -> bool:
            journal = self._journals.current
            return journal is None or journal.is_at_rest

        async with asyncio.TaskGroup() as tasks:
            progress = JournalProgress(is_at_rest, ask, self._observers.database_outage, tasks)
            await systemd.keep_watchdog(progress.prove)

    def _greetings(self, backend: AgentBackend) -> Mapping[str, Callable[[], Coroutine[None, None, None]]]:
        """What is done once beside the work, by name."""
        if backend.embedded is None or not (greeting := self._settings.backend.greeting):
            return {}
        return {"greeting": partial(self._greet, backend.embedded, greeting)}

    async def _greet(self, embedded: EmbeddedIdentity, greeting: str) -> None:
        await greet(embedded, greeting, agent_name=self._settings.agent.name, show=self._show)
        self._show(self._how_to_talk)


def _is_connection_limited(parts: Parts) -> bool:
    return parts.listener.is_connection_limited
