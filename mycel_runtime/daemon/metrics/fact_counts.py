"""
Facts as counters with labels; those without any are counted by `observe.counters` already.

Told on the loop alone, so that a count needs no lock; numbers by their labels, of which families are made when
somebody asks, the zeros with which they begin, too. The library's counters would cost each agent of a process some
twenty KiB before it has said a word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

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
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from prometheus_client.core import Metric as Family

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


_OF_HANDLER: Final = ("finished", "failed", "deferred", "outdated", "buried")
_OF_SENDS: Final = ("stored", "recovered", "unresolved", "parked")
"""Outcomes that begin at zero, so that the first event is a change."""

_OF_PLUGINS: Final = (CONFLICTS, QUARANTINES, START_FAILURES)
"""That begin at zero for each plugin, likewise."""


class FactCounts(Choosy):
    """
    Of one agent.

    Args:
        agent: Its name.
        handlers: Those there are: their counters begin at zero.
    """

    def __init__(self, *, agent: str, handlers: Iterable[HandlerId] = ()) -> None:
        self._agent = agent
        self._handlers = tuple(handlers)
        self._counts: dict[tuple[str, ...], int] = {}
        """By the name of the metric, and its labels."""

    @property
    @override
    def kinds(self) -> Collection[type[Fact]]:
        return self._NOTES.keys()

    @override
    def tell(self, fact: Fact) -> None:
        if (note := self._NOTES.get(type(fact))) is not None:
            note(self, fact)

    def families(self) -> Iterator[Family]:
        """As they are now."""
        for metric in FACT_COUNTS:
            family = metric.family()
            for labels, count in self._of(metric).items():
                family.add_metric([self._agent, *labels], count)
            yield family

    def _add(self, metric: Metric, *labels: str, by: int = 1) -> None:
        key = (metric.name, *labels)
        self._counts[key] = self._counts.get(key, 0) + by

    def _of(self, metric: Metric) -> dict[tuple[str, ...], int]:
        """By labels."""
        beginnings = dict.fromkeys(self._beginnings(metric), 0)
        return beginnings | {key[1:]: count for key, count in self._counts.items() if key[0] == metric.name}

    def _beginnings(self, metric: Metric) -> Iterator[tuple[str, ...]]:
        """Labels that there are before anything has happened."""
        if not metric.labels:
            yield ()
        for handler in self._handlers:
            plugin, _, function = handler.partition(".")
            if metric is DELIVERIES:
                yield from ((plugin, function, outcome) for outcome in _OF_HANDLER)
            elif metric is SENDS:
                yield from ((plugin, outcome) for outcome in _OF_SENDS)
            elif metric in _OF_PLUGINS:
                yield (plugin,)

    def _frames(self, fact: FramesCommitted) -> None:
        self._add(FRAMES_RECEIVED, by=fact.received)
        self._add(FRAMES_DUPLICATE, by=fact.received - fact.new)

    def _end(self, handler: str, outcome: str) -> None:
        plugin, _, function = handler.partition(".")
        self._add(DELIVERIES, plugin, function, outcome)

    def _send(self, handler: str, outcome: str) -> None:
        self._add(SENDS, plugin_of(HandlerId(handler)), outcome)

    _NOTES: ClassVar[Mapping[type[Fact], Callable[[FactCounts, Any], None]]] = {
        FramesCommitted: _frames,
        FramesGivenUp: lambda self, fact: self._add(FRAMES_GIVEN_UP, by=fact.count),
        DeliveryFinished: lambda self, fact: self._end(fact.handler, "finished"),
        DeliveryPostponed: lambda self, fact: self._end(fact.handler, "failed" if fact.spent else "deferred"),
        DeliveryOutdated: lambda self, fact: self._end(fact.handler, "outdated"),
        DeliveryBuried: lambda self, fact: self._end(fact.handler, "buried"),
        MessageSent: lambda self, fact: self._send(fact.handler, "recovered" if fact.recovered else "stored"),
        SendConflicted: lambda self, fact: self._add(CONFLICTS, plugin_of(fact.handler)),
        SendUnresolved: lambda self, fact: self._send(fact.handler, "unresolved"),
        SendParked: lambda self, fact: self._send(fact.handler, "parked"),
        PluginQuarantined: lambda self, fact: self._add(QUARANTINES, fact.plugin),
        PluginStartFailed: lambda self, fact: self._add(START_FAILURES, plugin_of(fact.handler)),
        QuestionDecided: lambda self, fact: self._add(QUESTIONS, fact.plugin, fact.outcome),
        RequestDecided: lambda self, fact: self._add(REQUESTS, plugin_of(fact.handler), fact.decision),
    }
