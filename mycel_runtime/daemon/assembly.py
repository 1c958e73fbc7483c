"""The only place where settings become objects."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mycel_runtime.dispatch.attempt import Attempts
from mycel_runtime.dispatch.dispatcher import Dispatcher
from mycel_runtime.dispatch.loop_guard import LoopGuard
from mycel_runtime.dispatch.router import HandlerRouter
from mycel_runtime.inbox.connection import CurrentConnection
from mycel_runtime.inbox.intake import Intake, open_tracker
from mycel_runtime.inbox.liveness import StreamLiveness
from mycel_runtime.inbox.reconcile import Reconciler
from mycel_runtime.inbox.stream import Listener
from mycel_runtime.observe.facts import DeliverySuspected
from mycel_runtime.plugin.roster import Roster
from mycel_runtime.speech.outbox import Outbox
from mycel_runtime.speech.turn import SendDependencies
from mycel_runtime.speech.twin_watch import TwinWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mycel_runtime.inbox.stream import Token
    from mycel_runtime.journal.port import Journal
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.plugin.registry import BoundHandler
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.settings import Settings
    from mycel_runtime.wire.ids import UserId

_DICE: Final = random.SystemRandom()
"""Of our own: a plugin may seed the global generator, and all instances would wait in step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What an agent's runtime runs."""

    me: UserId
    intake: Intake
    liveness: StreamLiveness
    listener: Listener
    reconciler: Reconciler
    dispatcher: Dispatcher
    loop_guard: LoopGuard
    twin_watch: TwinWatch


async def assemble(
    settings: Settings,
    *,
    me: UserId,
    base_url: str,
    token: Token,
    journal: Journal,
    sdk: AsyncClient,
    handlers: Sequence[BoundHandler],
    observer: Observer,
    clock: Callable[[], float] = time.time,
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
        clock: Epoch seconds.
    """
    suspects = await journal.lease(me, now=clock(), death_pause=5 * settings.dispatch.retry_base)
    for suspect in suspects:
        observer.tell(DeliverySuspected(handler=suspect.handler, lane=suspect.lane, deaths=suspect.deaths))
    by_id = {bound.handler.id: bound for bound in handlers}
    twin_watch = TwinWatch(
        journal=journal, me=me, on_twin=settings.agent.on_twin, observer=observer, clock=clock
    )
    dependencies = SendDependencies(
        journal=journal,
        twin_watch=twin_watch,
        sdk=sdk,
        me=me,
        observer=observer,
        clock=clock,
        settle_grace=settings.dispatch.settle_grace,
    )
    outbox = Outbox(dependencies, park_after=settings.dispatch.park_after)
    loop_guard = LoopGuard(journal=journal, me=me, settings=settings.guard, observer=observer, clock=clock)
    attempts = Attempts(
        journal=journal,
        sdk=sdk,
        outbox=outbox,
        roster=Roster(sdk),
        loop_guard=loop_guard,
        twin_watch=twin_watch,
        handlers=by_id,
        me=me,
        settings=settings.dispatch,
        draw=_DICE.random,
    )
    dispatcher = Dispatcher(
        journal=journal,
        attempts=attempts,
        me=me,
        settings=settings.dispatch,
        observer=observer,
        clock=clock,
        draw=_DICE.random,
        suspects=len(suspects),
        is_held=lambda: twin_watch.is_holding,
    )
    intake = Intake(
        await open_tracker(journal, identity=me, server=settings.agent.base_url),
        journal=journal,
        router=HandlerRouter({id_: bound.handler.subscription for id_, bound in by_id.items()}),
        observer=observer,
        clock=clock,
        committed=dispatcher.wake,
    )
    connection = CurrentConnection()
    liveness = StreamLiveness(settings.inbox.deaf_grace)
    reconciler = Reconciler(
        sdk=sdk,
        me=me,
        intake=intake,
        liveness=liveness,
        connection=lambda: connection.number,
        settings=settings.inbox,
        observer=observer,
        server=settings.agent.base_url,
        clock=clock,
        listed=twin_watch.look,
    )
    listener = Listener(
        base_url=base_url,
        token=token,
        sdk=sdk,
        intake=intake,
        reconciler=reconciler,
        connection=connection,
        settings=settings.inbox,
        proxy=settings.agent.proxy,
        observer=observer,
    )
    return Parts(
        me=me,
        intake=intake,
        liveness=liveness,
        listener=listener,
        reconciler=reconciler,
        dispatcher=dispatcher,
        loop_guard=loop_guard,
        twin_watch=twin_watch,
    )
