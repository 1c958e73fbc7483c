"""Durations as histograms. Told on the hot path: children are bound once for each label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from typing_extensions import override

from mycel_runtime.daemon.metrics.metric import Metric
from mycel_runtime.observe.durations import Durations
from mycel_runtime.sdk.call_outcome import OUTCOMES
from mycel_runtime.sdk.pace import Worth

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import CollectorRegistry, Counter, Histogram

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
    meaning="Seconds that the journal took to make a group of operations durable.",
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

COUNTS: Final = (OPERATIONS, CALLS)
"""What is counted beside them."""


class Histograms(Durations):
    """
    Of one agent.

    Args:
        registry: Where they are collected.
        agent: Its name.
        handlers: Those there are.
    """

    def __init__(self, registry: CollectorRegistry, *, agent: str, handlers: Iterable[str] = ()) -> None:
        self._agent = agent
        self._waiting = WAITING.histogram(registry)
        self._handling = HANDLING.histogram(registry)
        self._commit = COMMIT.histogram(registry).labels(agent)
        self._operations = OPERATIONS.counter(registry).labels(agent)
        call, calls = CALL.histogram(registry), CALLS.counter(registry)
        purposes = [worth.name.lower() for worth in Worth]
        self._call = {purpose: call.labels(agent, purpose) for purpose in purposes}
        self._calls: dict[tuple[str, str], Counter] = {
            (purpose, outcome): calls.labels(agent, purpose, outcome)
            for purpose in purposes
            for outcome in OUTCOMES
        }
        self._waiting_of: dict[str, Histogram] = {}
        self._handling_of: dict[str, Histogram] = {}
        for handler in handlers:
            self._bind_waiting(handler)
            self._bind_handling(handler)

    @override
    def waited(self, handler: str, seconds: float) -> None:
        (self._waiting_of.get(handler) or self._bind_waiting(handler)).observe(seconds)

    @override
    def handled(self, handler: str, seconds: float) -> None:
        (self._handling_of.get(handler) or self._bind_handling(handler)).observe(seconds)

    @override
    def committed(self, seconds: float, operations: int) -> None:
        self._commit.observe(seconds)
        self._operations.inc(operations)

    @override
    def called(self, purpose: str, outcome: str, seconds: float) -> None:
        self._call[purpose].observe(seconds)
        self._calls[purpose, outcome].inc()

    def _bind_waiting(self, handler: str) -> Histogram:
        child = self._waiting_of[handler] = self._waiting.labels(self._agent, handler.partition(".")[0])
        return child

    def _bind_handling(self, handler: str) -> Histogram:
        plugin, _, function = handler.partition(".")
        child = self._handling_of[handler] = self._handling.labels(self._agent, plugin, function)
        return child
