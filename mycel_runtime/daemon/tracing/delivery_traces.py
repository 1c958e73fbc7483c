"""
A delivery as one trace: from the frame that made it due to the end that is written down, over all of its attempts.

The frame is remembered by its chat; since when its work is due, the delivery carries.
What a killed process knew of frames and first attempts is lost with it: the trace begins when the work was due.
"""

from __future__ import annotations

import contextlib
import time
from collections import OrderedDict
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode
from typing_extensions import override

from mycel_runtime.daemon.tracing.heard_frames import REMEMBERED, HeardFrames
from mycel_runtime.observe.facts import DeliveryBuried, DeliveryFinished, DeliveryOutdated, DeliveryPostponed
from mycel_runtime.observe.observer import Observer
from mycel_runtime.observe.trace import OPENED, SpanName, Traces

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from opentelemetry.trace import Span, Tracer

    from mycel_runtime.observe.facts import Fact

K = TypeVar("K")
V = TypeVar("V")

_ENDS: Final = {
    DeliveryFinished: "finished",
    DeliveryPostponed: "postponed",
    DeliveryOutdated: "outdated",
    DeliveryBuried: "buried",
}


_ROOT: Final[ContextVar[Span | None]] = ContextVar("mycel_runtime_delivery_span", default=None)
"""Of the delivery that runs in this context."""


class DeliveryTraces(Traces, Observer):
    """
    Of one agent; as an observer it notes on a delivery's trace what happened in it, by the fact's name.

    Args:
        tracer: Makes spans.
        agent: Its name.
    """

    def __init__(self, tracer: Tracer, *, agent: str) -> None:
        self._tracer = tracer
        self._agent = agent
        self._frames = HeardFrames()
        self._earlier: _Bounded[tuple[int, int], SpanContext] = _Bounded()

    @override
    def heard(self, chats: Collection[str], heard_at: float) -> None:
        self._frames.hear(chats, heard_at)

    @override
    def journalled(self, chats: Collection[str], heard_at: float, journalled_at: float) -> None:
        self._frames.note_journalled(chats, heard_at, journalled_at)

    @override
    def delivery(
        self, delivery_id: int, *, turn: int, handler: str, chat_id: str | None, due_at: float, attempt: int
    ) -> contextlib.AbstractContextManager[object]:
        earlier = self._earlier.get((delivery_id, turn))
        frame = None if earlier is not None else self._frames.of_delivery(chat_id or "", due_at)
        root = self._tracer.start_span(
            "delivery",
            context=Context()
            if earlier is None
            else trace.set_span_in_context(NonRecordingSpan(earlier), Context()),
            start_time=_nanoseconds(due_at if frame is None else frame.heard_at),
            attributes={
                "mycel.agent": self._agent,
                "mycel.plugin": handler.partition(".")[0],
                "mycel.handler": handler,
                "mycel.delivery_id": delivery_id,
                "mycel.turn": turn,
                "mycel.attempt": attempt,
            },
        )
        waits_since = due_at
        if frame is not None:
            waits_since = min(due_at, frame.journalled_at or due_at)
            self._past(root, "frame.journal", frame.heard_at, waits_since)
        self._past(root, "lane.wait", waits_since, time.time())
        return self._within(root, (delivery_id, turn))

    @override
    def tell(self, fact: Fact) -> None:
        root = _ROOT.get()
        if root is None or not root.is_recording():
            return
        root.add_event(fact.name)
        if (end := _ENDS.get(type(fact))) is not None:
            root.set_attribute("mycel.end", end)
        if isinstance(fact, DeliveryBuried) or (isinstance(fact, DeliveryPostponed) and fact.spent):
            root.set_status(Status(StatusCode.ERROR))

    @contextlib.contextmanager
    def _within(self, root: Span, of: tuple[int, int]) -> Iterator[None]:
        """Of the same turn the next attempt, if there is one, belongs to this."""
        opened, rooted = OPENED.set(self._open), _ROOT.set(root)
        try:
            with _current(root):
                yield
        finally:
            _ROOT.reset(rooted)
            OPENED.reset(opened)
            root.end()
            if self._earlier.get(of) is None:
                self._earlier.put(of, root.get_span_context())

    @contextlib.contextmanager
    def _open(self, name: SpanName) -> Iterator[None]:
        opened = self._tracer.start_span(name, attributes={"mycel.agent": self._agent})
        try:
            with _current(opened):
                yield
        except BaseException as exc:
            # Its class only: a message may quote anything.
            opened.set_attribute("error.type", type(exc).__name__)
            raise
        finally:
            opened.end()

    def _past(self, root: Span, name: str, began: float, ended: float) -> None:
        span = self._tracer.start_span(
            name,
            context=trace.set_span_in_context(root, Context()),
            start_time=_nanoseconds(began),
            attributes={"mycel.agent": self._agent},
        )
        span.end(_nanoseconds(max(began, ended)))


class _Bounded(Generic[K, V]):
    """Remembers the newest."""

    def __init__(self) -> None:
        self._values: OrderedDict[K, V] = OrderedDict()

    def put(self, key: K, value: V) -> None:
        self._values[key] = value
        if len(self._values) > REMEMBERED:
            self._values.popitem(last=False)

    def get(self, key: K) -> V | None:
        return self._values.get(key)


def _current(span: Span) -> contextlib.AbstractContextManager[Span]:
    """Current for whoever asks OpenTelemetry, a handler for example; nothing is written of what is raised."""
    return trace.use_span(span, record_exception=False, set_status_on_exception=False)


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
