"""
Facts as counters with labels; those without any are counted by `observe.counters` already.

Told on the hot path: a look into a dictionary by the fact's type, one by the handler's name, and an increment of a
child that was bound before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from mycel_runtime.daemon.metrics.metric import Metric
from mycel_runtime.journal.ids import HandlerId, plugin_of
from mycel_runtime.observe.facts import (
    DeliveryBuried,
    DeliveryFinished,
    DeliveryOutdated,
    DeliveryPostponed,
    FramesCommitted,
    FramesGivenUp,
    MessageSent,
    PluginQuarantined,
    PluginStartFailed,
    QuestionDecided,
    RequestDecided,
    SendConflicted,
    SendParked,
    SendUnresolved,
)
from mycel_runtime.observe.observer import Choosy

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from prometheus_client import CollectorRegistry, Counter

    from mycel_runtime.observe.facts import Fact

FRAMES_RECEIVED: Final = Metric(
    name="frames_received_total", kind="counter", meaning="Frames that were received and committed."
)
FRAMES_DUPLICATE: Final = Metric(
    name="frames_duplicate_total",
    kind="counter",
    meaning="Frames among those received that the journal had already, as after each resume.",
)
FRAMES_GIVEN_UP: Final = Metric(
    name="frames_given_up_total",
    kind="counter",
    meaning="Frame numbers that no replay reaches any more; the server's lists were asked instead.",
)
DELIVERIES: Final = Metric(
    name="deliveries_total",
    kind="counter",
    meaning="Runs of deliveries by their end: `finished`; `failed`, an attempt is spent and another follows;"
    " `deferred`, tried again at no cost; `outdated`, run again beside others' changes; `buried`, a dead letter.",
    labels=("plugin", "handler", "outcome"),
)
SENDS: Final = Metric(
    name="sends_total",
    kind="counter",
    meaning="Messages by what became of them: `stored`; `recovered`, found stored after a lost answer;"
    " `unresolved`, looked for; `parked`, nobody can tell, see `mycel-runtime outbox`.",
    labels=("plugin", "outcome"),
)
CONFLICTS: Final = Metric(
    name="send_conflicts_total",
    kind="counter",
    meaning="Replies that were not sent because somebody spoke first.",
    labels=("plugin",),
)
QUARANTINES: Final = Metric(
    name="plugin_quarantines_total",
    kind="counter",
    meaning="How often a plugin was left alone because it failed and failed.",
    labels=("plugin",),
)
START_FAILURES: Final = Metric(
    name="plugin_start_failures_total",
    kind="counter",
    meaning="How often a plugin's `on_start` failed.",
    labels=("plugin",),
)
QUESTIONS: Final = Metric(
    name="questions_decided_total",
    kind="counter",
    meaning="Questions of plugins by outcome: `answered`, `timed_out`, `unsaid`.",
    labels=("plugin", "outcome"),
)
REQUESTS: Final = Metric(
    name="requests_decided_total",
    kind="counter",
    meaning="Requests for a relationship or to join a group that a handler has decided.",
    labels=("plugin", "decision"),
)

FACT_COUNTS: Final = (
    FRAMES_RECEIVED,
    FRAMES_DUPLICATE,
    FRAMES_GIVEN_UP,
    DELIVERIES,
    SENDS,
    CONFLICTS,
    QUARANTINES,
    START_FAILURES,
    QUESTIONS,
    REQUESTS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfHandler:
    """The children of one handler."""

    finished: Counter
    failed: Counter
    deferred: Counter
    outdated: Counter
    buried: Counter
    stored: Counter
    recovered: Counter
    unresolved: Counter
    parked: Counter
    conflicts: Counter


class FactCounts(Choosy):
    """
    Of one agent.

    Args:
        registry: Where they are collected.
        agent: Its name.
        handlers: Those there are: their counters begin at zero, so that the first event is a change.
    """

    def __init__(
        self, registry: CollectorRegistry, *, agent: str, handlers: Iterable[HandlerId] = ()
    ) -> None:
        self._agent = agent
        self._counters = {metric.name: metric.counter(registry) for metric in FACT_COUNTS}
        self._received, self._duplicate, self._given_up = (
            self._counters[metric.name].labels(agent)
            for metric in (FRAMES_RECEIVED, FRAMES_DUPLICATE, FRAMES_GIVEN_UP)
        )
        self._handlers: dict[str, _OfHandler] = {}
        for handler in handlers:
            self._of(handler)
            self._bound(QUARANTINES, plugin_of(handler))
            self._bound(START_FAILURES, plugin_of(handler))
        self._notes: Mapping[type[Fact], Callable[[Any], None]] = {
            FramesCommitted: self._frames,
            FramesGivenUp: lambda fact: self._given_up.inc(fact.count),
            DeliveryFinished: lambda fact: self._of(fact.handler).finished.inc(),
            DeliveryPostponed: self._postponed,
            DeliveryOutdated: lambda fact: self._of(fact.handler).outdated.inc(),
            DeliveryBuried: lambda fact: self._of(fact.handler).buried.inc(),
            MessageSent: self._sent,
            SendConflicted: lambda fact: self._of(fact.handler).conflicts.inc(),
            SendUnresolved: lambda fact: self._of(fact.handler).unresolved.inc(),
            SendParked: lambda fact: self._of(fact.handler).parked.inc(),
            PluginQuarantined: lambda fact: self._bound(QUARANTINES, fact.plugin).inc(),
            PluginStartFailed: lambda fact: self._bound(START_FAILURES, plugin_of(fact.handler)).inc(),
            QuestionDecided: lambda fact: self._bound(QUESTIONS, fact.plugin, fact.outcome).inc(),
            RequestDecided: lambda fact: self._bound(REQUESTS, plugin_of(fact.handler), fact.decision).inc(),
        }

    @property
    @override
    def kinds(self) -> Collection[type[Fact]]:
        return self._notes.keys()

    @override
    def tell(self, fact: Fact) -> None:
        if (note := self._notes.get(type(fact))) is not None:
            note(fact)

    def _frames(self, fact: FramesCommitted) -> None:
        self._received.inc(fact.received)
        self._duplicate.inc(fact.received - fact.new)

    def _postponed(self, fact: DeliveryPostponed) -> None:
        children = self._of(fact.handler)
        (children.failed if fact.spent else children.deferred).inc()

    def _sent(self, fact: MessageSent) -> None:
        children = self._of(fact.handler)
        (children.recovered if fact.recovered else children.stored).inc()

    def _of(self, handler: str) -> _OfHandler:
        if (known := self._handlers.get(handler)) is None:
            known = self._handlers[handler] = self._bind(HandlerId(handler))
        return known

    def _bind(self, handler: HandlerId) -> _OfHandler:
        plugin, _, function = handler.partition(".")
        return _OfHandler(
            finished=self._bound(DELIVERIES, plugin, function, "finished"),
            failed=self._bound(DELIVERIES, plugin, function, "failed"),
            deferred=self._bound(DELIVERIES, plugin, function, "deferred"),
            outdated=self._bound(DELIVERIES, plugin, function, "outdated"),
            buried=self._bound(DELIVERIES, plugin, function, "buried"),
            stored=self._bound(SENDS, plugin, "stored"),
            recovered=self._bound(SENDS, plugin, "recovered"),
            unresolved=self._bound(SENDS, plugin, "unresolved"),
            parked=self._bound(SENDS, plugin, "parked"),
            conflicts=self._bound(CONFLICTS, plugin),
        )

    def _bound(self, metric: Metric, *labels: str) -> Counter:
        return self._counters[metric.name].labels(self._agent, *labels)
