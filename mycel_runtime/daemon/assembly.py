"""Where settings become objects; those that give handlers their turns are put together by the dispatch."""

from __future__ import annotations

import random
import time
from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from mycel_runtime.daemon.company import LOOK_SECONDS, Company, tell_suspected
from mycel_runtime.daemon.sweeper import SWEEP_SECONDS, Sweeper, retention_of
from mycel_runtime.daemon.timer import every
from mycel_runtime.daemon.worker_parts import WorkerParts
from mycel_runtime.dispatch.assembly import DispatchAssembly
from mycel_runtime.dispatch.claims import Share
from mycel_runtime.dispatch.loop_guard import LoopGuard
from mycel_runtime.dispatch.router import HandlerRouter
from mycel_runtime.dispatch.suspects import death_pause
from mycel_runtime.inbox.approach import Approach
from mycel_runtime.inbox.connection import CurrentConnection
from mycel_runtime.inbox.intake import Intake, open_tracker
from mycel_runtime.inbox.lease_keeper import LeaseKeeper
from mycel_runtime.inbox.liveness import StreamLiveness
from mycel_runtime.inbox.reconcile import Reconciler
from mycel_runtime.inbox.stream import Listener
from mycel_runtime.journal.ids import plugin_of
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.durations import Durations, Unmeasured
from mycel_runtime.observe.trace import Traces, Untraced
from mycel_runtime.sdk.network import DEFAULT, Network
from mycel_runtime.speech.outbox import Outbox
from mycel_runtime.speech.pauses import Pauses
from mycel_runtime.speech.send_dependencies import SendDependencies
from mycel_runtime.speech.twin_watch import TwinWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Sequence

    from mycel_runtime.dispatch.dispatcher import Dispatcher
    from mycel_runtime.dispatch.turn_settings import TurnSettings
    from mycel_runtime.inbox.sequence import SequenceTracker
    from mycel_runtime.inbox.stream import Token
    from mycel_runtime.journal.capture_file import CaptureFile
    from mycel_runtime.journal.ids import HandlerId
    from mycel_runtime.journal.lease import Lease
    from mycel_runtime.journal.port.journal import Journal
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.plugin.registry import BoundHandler
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.settings import Settings
    from mycel_runtime.wire.ids import UserId

_DICE: Final = random.SystemRandom()
"""Of our own: a plugin may seed the global generator, and all instances would wait in step."""


_SHARES: Final = {"here": Share.EVERYTHING, "workers": Share.NOTHING}
"""By `[engine] handlers`, of a process that listens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """
    What an agent's runtime runs.

    Attributes:
        plugin_names: Of all that it has, also of those that could not be imported.
        company: Looks after what others do that are at work on the identity; `None`: there can be none.
    """

    me: UserId
    intake: Intake
    lease_keeper: LeaseKeeper
    liveness: StreamLiveness
    listener: Listener
    reconciler: Reconciler
    dispatcher: Dispatcher
    loop_guard: LoopGuard
    twin_watch: TwinWatch
    pauses: Pauses
    plugin_names: Collection[str]
    sweeper: Sweeper
    company: Company | None
    _handlers: dict[HandlerId, BoundHandler]
    _turn_settings: TurnSettings

    def reconfigure(self, settings: Settings, handlers: Iterable[BoundHandler]) -> None:
        """
        From the next run on: the file was reloaded.

        Args:
            settings: In force from now on.
            handlers: Of plugins that have other settings now.
        """
        self._handlers.update((bound.handler.id, bound) for bound in handlers)
        self._turn_settings.use(settings.dispatch, self._handlers)
        self.loop_guard.use(settings.guard)
        self.sweeper.use(settings.journal)

    def listening(self) -> Iterator[tuple[str, Coroutine[None, None, None]]]:
        """What is to run beside the dispatcher while the agent lives, each with a name; to be cancelled."""
        yield "listener", self.listener.run()
        if not self.lease_keeper.is_for_good:
            yield "lease-keeper", self.lease_keeper.run()
        yield "reconcile-timer", self.listener.keep_looking()
        yield "sweeper", every(SWEEP_SECONDS, self.sweeper.sweep_if_awake)
        if self.company is not None:
            yield "company", every(LOOK_SECONDS, self.company.look)


@dataclass(frozen=True, kw_only=True)
class AgentAssembly:
    """
    Of one identity, on the journal that it holds. What waits is made in `parts`, everything else where it is needed.

    Attributes:
        settings: The agent's.
        me: The identity.
        base_url: Where the backend is; not the setting when it is embedded.
        token: The identity's, as it is by then.
        journal: Open.
        sdk: As the identity.
        handlers: Of all plugins.
        observer: Told by every part.
        refused: Plugins that could not be imported: their work waits.
        network: How the backend is reached.
        approach: To the backend, of all agents of the process.
        durations: Told how long deliveries wait, and handlers run.
        traces: Follows deliveries.
        capture_file: Where what runs were shown is kept; `None`: nowhere.
    """

    settings: Settings
    me: UserId
    base_url: str
    token: Token
    journal: Journal
    sdk: AsyncClient
    handlers: Sequence[BoundHandler]
    observer: Observer
    refused: Collection[str] = ()
    network: Network = DEFAULT
    approach: Approach = field(default_factory=Approach)
    durations: Durations = field(default_factory=Unmeasured)
    traces: Traces = field(default_factory=Untraced)
    capture_file: CaptureFile | None = None

    async def parts(self) -> Parts:
        """
        Hold the identity, take over what dead processes have left, and wire its parts together; to be called once.

        Raises:
            IdentityHeldError: Another process has the identity.

        Cancelling: the identity is held as long as the journal is open.
        """
        # First: whoever had it may have written until then.
        given_at = time.monotonic()
        lease = await self.journal.lease(self.me)
        suspects = await self._recover()
        await self._pauses.load()
        turns = self._turns(suspects, _SHARES[self.settings.engine.handlers])
        await turns.attempts.questions.adopt(self.refused)
        tracker = await open_tracker(self.journal, identity=self.me, server=self.settings.agent.base_url)
        intake = self._intake(tracker, lease, turns)
        reconciler = self._reconciler(intake)
        return Parts(
            me=self.me,
            intake=intake,
            lease_keeper=LeaseKeeper(journal=self.journal, lease=lease, given_at=given_at),
            liveness=self._liveness,
            listener=self._listener(intake, reconciler),
            reconciler=reconciler,
            dispatcher=turns.dispatcher,
            loop_guard=turns.loop_guard,
            twin_watch=self._twin_watch,
            pauses=self._pauses,
            plugin_names={plugin_of(handler) for handler in self._by_id} | set(self.refused),
            sweeper=self._sweeper,
            company=self._company(turns) if self.journal.is_shared else None,
            _handlers=self._by_id,
            _turn_settings=turns.turn_settings,
        )

    async def worker_parts(self) -> WorkerParts:
        """
        Take over what dead processes have left, and wire together what runs handlers; to be called once.

        Others listen as the identity, and make due what is to be done at a time.

        Cancelling: nothing is claimed.
        """
        suspects = await self._recover()
        await self._pauses.load()
        turns = self._turns(suspects, Share.CALLED)
        return WorkerParts(
            me=self.me,
            dispatcher=turns.dispatcher,
            called_lanes=turns.called_lanes,
            pauses=self._pauses,
            company=self._company(turns),
        )

    def _company(self, turns: DispatchAssembly) -> Company:
        return Company(
            journal=self.journal,
            me=self.me,
            death_pause=death_pause(self.settings.dispatch.retry_base),
            suspects=turns.suspects_here,
            learn=turns.learn,
            wake=turns.dispatcher.wake,
            observer=self.observer,
        )

    async def _recover(self) -> int:
        """Take over what dead processes have left; how many deliveries were running when a process died."""
        pause = death_pause(self.settings.dispatch.retry_base)
        suspects = await self.journal.recover(self.me, death_pause=pause)
        for suspect in suspects:
            tell_suspected(self.observer, suspect)
        return len(suspects)

    @cached_property
    def _by_id(self) -> dict[HandlerId, BoundHandler]:
        return {bound.handler.id: bound for bound in self.handlers}

    def _turns(self, suspects: int, share: Share) -> DispatchAssembly:
        """The half that gives handlers their turns."""
        state_dir = self.settings.state_dir
        return DispatchAssembly(
            journal=self.journal,
            sdk=self.sdk,
            outbox=self._outbox,
            loop_guard=self._loop_guard,
            twin_watch=self._twin_watch,
            pauses=self._pauses,
            handlers=self._by_id,
            me=self.me,
            settings=self.settings.dispatch,
            observer=self.observer,
            draw=_DICE.random,
            state_dir=lambda: state_dir,
            suspects=suspects,
            share=share,
            capture_file=self.capture_file,
            durations=self.durations,
            traces=self.traces,
        )

    @cached_property
    def _clock(self) -> Callable[[], float]:
        """One for all who ask: each look at `journal.now` makes another."""
        return self.journal.now

    @cached_property
    def _pauses(self) -> Pauses:
        return Pauses(journal=self.journal, me=self.me, observer=self.observer)

    @cached_property
    def _twin_watch(self) -> TwinWatch:
        return TwinWatch(
            journal=self.journal,
            me=self.me,
            on_twin=self.settings.agent.on_twin,
            observer=self.observer,
            clock=self._clock,
        )

    @cached_property
    def _loop_guard(self) -> LoopGuard:
        return LoopGuard(
            journal=self.journal,
            me=self.me,
            settings=self.settings.guard,
            observer=self.observer,
        )

    @cached_property
    def _outbox(self) -> Outbox:
        dependencies = SendDependencies(
            journal=self.journal,
            twin_watch=self._twin_watch,
            pauses=self._pauses,
            sdk=self.sdk,
            me=self.me,
            observer=self.observer,
            clock=self._clock,
            settle_grace=self.settings.dispatch.settle_grace,
        )
        return Outbox(dependencies, park_after=self.settings.dispatch.park_after)

    @cached_property
    def _liveness(self) -> StreamLiveness:
        return StreamLiveness(self.settings.inbox.deaf_grace)

    @cached_property
    def _connection(self) -> CurrentConnection:
        return CurrentConnection()

    def _intake(self, tracker: SequenceTracker, lease: Lease, turns: DispatchAssembly) -> Intake:
        subscriptions = {id_: bound.handler.subscription for id_, bound in self._by_id.items()}
        return Intake(
            tracker,
            journal=self.journal,
            lease=lease,
            router=HandlerRouter(subscriptions),
            observer=self.observer,
            clock=self._clock,
            announced=turns.attempts.note_news,
            traces=self.traces,
        )

    def _reconciler(self, intake: Intake) -> Reconciler:
        connection, pace = self._connection, self.sdk.pace
        return Reconciler(
            sdk=self.sdk,
            me=self.me,
            intake=intake,
            liveness=self._liveness,
            connection=lambda: connection.number,
            settings=self.settings.inbox,
            observer=self.observer,
            server=self.settings.agent.base_url,
            clock=self._clock,
            listed=self._twin_watch.look,
            is_limited=lambda: pace.is_limited,
        )

    def _listener(self, intake: Intake, reconciler: Reconciler) -> Listener:
        return Listener(
            base_url=self.base_url,
            token=self.token,
            sdk=self.sdk,
            intake=intake,
            reconciler=reconciler,
            connection=self._connection,
            settings=self.settings.inbox,
            network=self.network,
            approach=self.approach,
            observer=self.observer,
        )

    @cached_property
    def _sweeper(self) -> Sweeper:
        return Sweeper(
            journal=self.journal,
            retention=retention_of(self.settings.journal),
            observer=self.observer,
            capture_file=self.capture_file,
        )
