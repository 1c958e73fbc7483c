"""Where settings become objects; those that give handlers their turns are put together by the dispatch."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mycel_runtime.daemon.sweeper import SWEEP_SECONDS, Sweeper, retention_of
from mycel_runtime.daemon.timer import every
from mycel_runtime.dispatch.assembly import DispatchAssembly
from mycel_runtime.dispatch.loop_guard import LoopGuard
from mycel_runtime.dispatch.router import HandlerRouter
from mycel_runtime.dispatch.suspects import death_pause
from mycel_runtime.inbox.connection import CurrentConnection
from mycel_runtime.inbox.intake import Intake, open_tracker
from mycel_runtime.inbox.liveness import StreamLiveness
from mycel_runtime.inbox.reconcile import Reconciler
from mycel_runtime.inbox.stream import Listener
from mycel_runtime.journal.ids import plugin_of
from mycel_runtime.observe.durations import Unmeasured
from mycel_runtime.observe.facts import DeliverySuspected
from mycel_runtime.observe.trace import Untraced
from mycel_runtime.sdk.network import DEFAULT, Network
from mycel_runtime.speech.outbox import Outbox
from mycel_runtime.speech.pauses import Pauses
from mycel_runtime.speech.send_dependencies import SendDependencies
from mycel_runtime.speech.twin_watch import TwinWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Mapping, Sequence

    from mycel_runtime.dispatch.dispatcher import Dispatcher
    from mycel_runtime.inbox.stream import Token
    from mycel_runtime.journal.capture_file import CaptureFile
    from mycel_runtime.journal.ids import HandlerId
    from mycel_runtime.journal.port.journal import Journal
    from mycel_runtime.observe.durations import Durations
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.observe.trace import Traces
    from mycel_runtime.plugin.registry import BoundHandler
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.settings import Settings
    from mycel_runtime.wire.ids import ChatId, UserId

_DICE: Final = random.SystemRandom()
"""Of our own: a plugin may seed the global generator, and all instances would wait in step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """
    What an agent's runtime runs.

    Attributes:
        plugin_names: Of all that it has, also of those that could not be imported.
    """

    me: UserId
    intake: Intake
    liveness: StreamLiveness
    listener: Listener
    reconciler: Reconciler
    dispatcher: Dispatcher
    loop_guard: LoopGuard
    twin_watch: TwinWatch
    pauses: Pauses
    plugin_names: Collection[str]
    sweeper: Sweeper
    _handlers: dict[HandlerId, BoundHandler]
    _turns: DispatchAssembly

    def reconfigure(self, settings: Settings, handlers: Iterable[BoundHandler]) -> None:
        """
        From the next run on: the file was reloaded.

        Args:
            settings: In force from now on.
            handlers: Of plugins that have other settings now.
        """
        self._handlers.update((bound.handler.id, bound) for bound in handlers)
        self._turns.use(settings.dispatch, self._handlers)
        self.loop_guard.use(settings.guard)
        self.sweeper.use(settings.journal)

    def listening(self) -> Iterator[tuple[str, Coroutine[None, None, None]]]:
        """What is to run beside the dispatcher while the agent lives, each with a name; to be cancelled."""
        yield "listener", self.listener.run()
        yield "reconcile-timer", every(self.reconciler.tick_interval, self.listener.tick)
        yield "sweeper", every(SWEEP_SECONDS, self.sweeper.sweep)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Common:
    """What nearly every part is given."""

    settings: Settings
    me: UserId
    journal: Journal
    sdk: AsyncClient
    observer: Observer
    clock: Callable[[], float]
    durations: Durations
    traces: Traces


async def assemble(  # noqa: PLR0913 - what an identity is made of
    settings: Settings,
    *,
    me: UserId,
    base_url: str,
    token: Token,
    journal: Journal,
    sdk: AsyncClient,
    handlers: Sequence[BoundHandler],
    observer: Observer,
    refused: Collection[str] = (),
    network: Network = DEFAULT,
    clock: Callable[[], float] = time.time,
    durations: Durations | None = None,
    traces: Traces | None = None,
    capture_file: CaptureFile | None = None,
) -> Parts:
    """
    Wire one identity's parts together, on the journal that it holds.

    Args:
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
        clock: Epoch seconds.
        durations: Told how long deliveries wait, and handlers run.
        traces: Follows deliveries.
        capture_file: Where what runs were shown is kept; `None`: nowhere.
    """
    common = _Common(
        settings=settings,
        me=me,
        journal=journal,
        sdk=sdk,
        observer=observer,
        clock=clock,
        durations=durations or Unmeasured(),
        traces=traces or Untraced(),
    )
    by_id = {bound.handler.id: bound for bound in handlers}
    turns = await _turns(common, by_id, capture_file)
    await turns.attempts.questions.adopt(refused)
    intake = await _intake(common, by_id, announced=turns.attempts.note_news)
    liveness, connection = StreamLiveness(settings.inbox.deaf_grace), CurrentConnection()
    reconciler = _reconciler(common, intake, liveness, connection, twin_watch=turns.twin_watch)
    listener = _listener(
        common, intake, reconciler, connection, base_url=base_url, token=token, network=network
    )
    return Parts(
        me=me,
        intake=intake,
        liveness=liveness,
        listener=listener,
        reconciler=reconciler,
        dispatcher=turns.dispatcher,
        loop_guard=turns.loop_guard,
        twin_watch=turns.twin_watch,
        pauses=turns.pauses,
        plugin_names={plugin_of(handler) for handler in by_id} | set(refused),
        sweeper=_sweeper(common, capture_file),
        _handlers=by_id,
        _turns=turns,
    )


async def _turns(
    common: _Common, handlers: Mapping[HandlerId, BoundHandler], capture_file: CaptureFile | None
) -> DispatchAssembly:
    """The half that gives handlers their turns."""
    suspects = await _recover(common)
    twin_watch = _twin_watch(common)
    pauses = Pauses(journal=common.journal, me=common.me, observer=common.observer, clock=common.clock)
    await pauses.load()
    return DispatchAssembly(
        journal=common.journal,
        sdk=common.sdk,
        outbox=_outbox(common, twin_watch, pauses),
        loop_guard=_loop_guard(common),
        twin_watch=twin_watch,
        pauses=pauses,
        handlers=handlers,
        me=common.me,
        settings=common.settings.dispatch,
        observer=common.observer,
        clock=common.clock,
        draw=_DICE.random,
        state_dir=lambda: common.settings.state_dir,
        suspects=suspects,
        capture_file=capture_file,
        durations=common.durations,
        traces=common.traces,
    )


async def _recover(common: _Common) -> int:
    """Take over what dead processes have left; how many deliveries were running when a process died."""
    pause = death_pause(common.settings.dispatch.retry_base)
    suspects = await common.journal.recover(common.me, now=common.clock(), death_pause=pause)
    for suspect in suspects:
        common.observer.tell(
            DeliverySuspected(handler=suspect.handler, lane=suspect.lane, deaths=suspect.deaths)
        )
    return len(suspects)


def _twin_watch(common: _Common) -> TwinWatch:
    return TwinWatch(
        journal=common.journal,
        me=common.me,
        on_twin=common.settings.agent.on_twin,
        observer=common.observer,
        clock=common.clock,
    )


def _loop_guard(common: _Common) -> LoopGuard:
    return LoopGuard(
        journal=common.journal,
        me=common.me,
        settings=common.settings.guard,
        observer=common.observer,
        clock=common.clock,
    )


def _outbox(common: _Common, twin_watch: TwinWatch, pauses: Pauses) -> Outbox:
    dependencies = SendDependencies(
        journal=common.journal,
        twin_watch=twin_watch,
        pauses=pauses,
        sdk=common.sdk,
        me=common.me,
        observer=common.observer,
        clock=common.clock,
        settle_grace=common.settings.dispatch.settle_grace,
    )
    return Outbox(dependencies, park_after=common.settings.dispatch.park_after)


async def _intake(
    common: _Common,
    handlers: Mapping[HandlerId, BoundHandler],
    *,
    announced: Callable[[Collection[ChatId]], None],
) -> Intake:
    # First: whoever had it may have written until then.
    lease = await common.journal.lease(common.me)
    tracker = await open_tracker(common.journal, identity=common.me, server=common.settings.agent.base_url)
    return Intake(
        tracker,
        journal=common.journal,
        lease=lease,
        router=HandlerRouter({id_: bound.handler.subscription for id_, bound in handlers.items()}),
        observer=common.observer,
        clock=common.clock,
        announced=announced,
        traces=common.traces,
    )


def _reconciler(
    common: _Common,
    intake: Intake,
    liveness: StreamLiveness,
    connection: CurrentConnection,
    *,
    twin_watch: TwinWatch,
) -> Reconciler:
    return Reconciler(
        sdk=common.sdk,
        me=common.me,
        intake=intake,
        liveness=liveness,
        connection=lambda: connection.number,
        settings=common.settings.inbox,
        observer=common.observer,
        server=common.settings.agent.base_url,
        clock=common.clock,
        listed=twin_watch.look,
        is_limited=lambda: common.sdk.pace.is_limited,
    )


def _listener(
    common: _Common,
    intake: Intake,
    reconciler: Reconciler,
    connection: CurrentConnection,
    *,
    base_url: str,
    token: Token,
    network: Network,
) -> Listener:
    return Listener(
        base_url=base_url,
        token=token,
        sdk=common.sdk,
        intake=intake,
        reconciler=reconciler,
        connection=connection,
        settings=common.settings.inbox,
        network=network,
        observer=common.observer,
    )


def _sweeper(common: _Common, capture_file: CaptureFile | None) -> Sweeper:
    return Sweeper(
        journal=common.journal,
        retention=retention_of(common.settings.journal),
        observer=common.observer,
        clock=common.clock,
        capture_file=capture_file,
    )
