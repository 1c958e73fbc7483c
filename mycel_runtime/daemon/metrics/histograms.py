"""Durations as histograms, and what is counted beside them."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from mycel_runtime.daemon.metrics.bins import Bins
from mycel_runtime.daemon.metrics.metric import AGENT, Metric
from mycel_runtime.observe.durations import Durations
from mycel_runtime.sdk.call_outcome import OUTCOMES
from mycel_runtime.sdk.pace import Worth

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from prometheus_client.core import Metric as Family

_QUICK: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)
_ANSWER: Final = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)
_LONG: Final = (0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)

WAITING: Final = Metric(
    name="delivery_waiting_seconds",
    kind="histogram",
    meaning="Seconds from when a delivery was due until it was claimed; of each of its attempts.",
    labels=("plugin",),
    buckets=_LONG,
)
HANDLING: Final = Metric(
    name="handler_duration_seconds",
    kind="histogram",
    meaning="Seconds that a handler's function ran, its own calls and replies included, however it ended.",
    labels=("plugin", "handler"),
    buckets=_LONG,
)
COMMIT: Final = Metric(
    name="journal_commit_duration_seconds",
    kind="histogram",
    meaning="Seconds that the journal took to commit a group of operations, and to sync it where that is waited for.",
    buckets=_QUICK,
)
OPERATIONS: Final = Metric(
    name="journal_operations_total", kind="counter", meaning="Operations in the journal's commits."
)
CALL: Final = Metric(
    name="call_duration_seconds",
    kind="histogram",
    meaning="Seconds of a try of a call to the backend, by what it is for: `send`; `read`, the proof before a send;"
    " `history`, what handlers are shown and whatever else is asked; `look` and `drain`, what the server holds.",
    labels=("purpose",),
    buckets=_ANSWER,
)
CALLS: Final = Metric(
    name="calls_total",
    kind="counter",
    meaning="Tries of calls by what they are for, and what became of them: "
    + ", ".join(f"`{word}`" for word in OUTCOMES)
    + ".",
    labels=("purpose", "outcome"),
)

HISTOGRAMS: Final = (WAITING, HANDLING, COMMIT, CALL)
"""Those that are."""

_PURPOSES: Final = tuple(worth.name.lower() for worth in Worth)

_CALLS: Final = tuple(product(_PURPOSES, OUTCOMES))
"""Labels that begin at zero, so that the first call is a change."""

COUNTS: Final = (OPERATIONS, CALLS)
"""What is counted beside them."""


class Histograms(Durations):
    """
    Of one agent.

    Args:
        agent: Its name.
        handlers: Those there are.
    """

    def __init__(self, *, agent: str, handlers: Iterable[str] = ()) -> None:
        self._agent = agent
        self._waiting: dict[str, Bins] = {}
        self._handling: dict[str, Bins] = {}
        self._commit = Bins(COMMIT.buckets)
        self._call = {purpose: Bins(CALL.buckets) for purpose in _PURPOSES}
        self._operations = 0
        self._calls: dict[tuple[str, ...], int] = {}
        for handler in handlers:
            self._waiting.setdefault(handler.partition(".")[0], Bins(WAITING.buckets))
            self._handling[handler] = Bins(HANDLING.buckets)

    @override
    def waited(self, handler: str, seconds: float) -> None:
        plugin = handler.partition(".")[0]
        if (bins := self._waiting.get(plugin)) is None:
            bins = self._waiting[plugin] = Bins(WAITING.buckets)
        bins.observe(seconds)

    @override
    def handled(self, handler: str, seconds: float) -> None:
        if (bins := self._handling.get(handler)) is None:
            bins = self._handling[handler] = Bins(HANDLING.buckets)
        bins.observe(seconds)

    @override
    def committed(self, seconds: float, operations: int) -> None:
        self._commit.observe(seconds)
        self._operations += operations

    @override
    def called(self, purpose: str, outcome: str, seconds: float) -> None:
        self._call[purpose].observe(seconds)
        self._calls[purpose, outcome] = self._calls.get((purpose, outcome), 0) + 1

    def families(self) -> Iterator[Family]:
        """As they are now."""
        yield self._histogram(WAITING, {(plugin,): bins for plugin, bins in self._waiting.items()})
        yield self._histogram(HANDLING, {_names(handler): bins for handler, bins in self._handling.items()})
        yield self._histogram(COMMIT, {(): self._commit})
        yield self._histogram(CALL, {(purpose,): bins for purpose, bins in self._call.items()})
        yield self._counter(OPERATIONS, {(): self._operations})
        yield self._counter(CALLS, {labels: self._calls.get(labels, 0) for labels in _CALLS})

    def _histogram(self, metric: Metric, found: Mapping[tuple[str, ...], Bins]) -> Family:
        from prometheus_client.core import HistogramMetricFamily

        family = HistogramMetricFamily(metric.full_name, metric.meaning, labels=(AGENT, *metric.labels))
        for labels, bins in found.items():
            family.add_metric([self._agent, *labels], bins.buckets, bins.sum)
        return family

    def _counter(self, metric: Metric, found: Mapping[tuple[str, ...], float]) -> Family:
        family = metric.family()
        for labels, value in found.items():
            family.add_metric([self._agent, *labels], value)
        return family


def _names(handler: str) -> tuple[str, str]:
    """Of the plugin, and of its handler."""
    plugin, _, function = handler.partition(".")
    return plugin, function
