"""A dispatcher whose attempts the test runs itself."""

from __future__ import annotations

import asyncio

from mycel_runtime.dispatch.blocked_chats import BlockedChats
from mycel_runtime.dispatch.claims import EveryLane
from mycel_runtime.dispatch.delivery_ends import DeliveryEnds
from mycel_runtime.dispatch.dispatcher import Dispatcher
from mycel_runtime.dispatch.due_time import DueTime
from mycel_runtime.dispatch.handler_bounds import HandlerBounds
from mycel_runtime.dispatch.quarantine import Quarantine
from mycel_runtime.dispatch.suspects import Suspects
from mycel_runtime.dispatch.timekeeper import Timekeeper
from mycel_runtime.dispatch.wakes import Wakes
from mycel_runtime.observe.observer import Silent
from mycel_runtime.settings import DispatchSettings
from tests.integration.dispatch.no_hooks import NoHooks


def dispatcher_of(journal, attempts, *, me, clock, observer=None, timekeeper=None):
    """Of an identity without suspects, pauses and hooks; its dice always show a half."""
    observer = observer or Silent()
    work = asyncio.Event()
    due_time = DueTime(journal, me, clock=clock)
    timekeeper = timekeeper or Timekeeper(journal=journal, me=me, handlers=[], observer=observer, clock=clock)
    journal.on_work(me, Wakes(work, due_time, timekeeper))
    shared = {
        "journal": journal,
        "me": me,
        "attempts": attempts,
        "bounds": HandlerBounds(DispatchSettings()),
        "clock": clock,
        "work": work,
        "suspects": Suspects(0),
        "blocked": BlockedChats(attempts.evidence, clock=clock),
        "is_paused": lambda _handler, _chat: False,
    }
    return Dispatcher(
        claims=EveryLane(journal, me),
        **shared,
        due_time=due_time,
        timekeeper=timekeeper,
        ends=DeliveryEnds(**shared, observer=observer, draw=lambda: 0.5),
        lifecycle=NoHooks(),
        quarantine=Quarantine(
            DispatchSettings(), observer=observer, clock=clock, outliving=attempts.abandoned.of
        ),
        is_held=lambda: False,
    )
