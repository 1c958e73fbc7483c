"""Traces are told where they are wanted, within a bound, and cost nothing where they are not."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from mycel_runtime.daemon.executor import ThreadPerCall
from mycel_runtime.daemon.tracing import tracing
from mycel_runtime.daemon.tracing.export import ToldExporter
from mycel_runtime.daemon.tracing.tracing import Tracing
from mycel_runtime.errors import ConfigError
from mycel_runtime.observe.facts import TracesLost, TracesTaken
from mycel_runtime.observe.observer import Observer
from mycel_runtime.observe.trace import Untraced, span
from mycel_runtime.settings import TracingSettings

DEADLINE = 120.0


class Told(Observer):
    """Told by the thread that sends."""

    def __init__(self):
        self.all = []
        self.is_told = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def tell(self, fact):
        self.all.append(fact)
        self._loop.call_soon_threadsafe(self.is_told.set)


@contextlib.contextmanager
def listener(backlog):
    """Whoever connects is never answered; without a backlog the port is closed again."""
    with socket.create_server(("127.0.0.1", 0)) as opened:
        port = opened.getsockname()[1]
        if not backlog:
            opened.close()
        yield f"http://127.0.0.1:{port}"


def follow(traces, number=1):
    with (
        traces.delivery(number, turn=1, handler="p.f", chat_id="c", due_at=1.0, attempt=1),
        span("chat.read"),
    ):
        pass


@pytest.fixture
async def quick(monkeypatch):
    """As the daemon's loop: nobody waits for what a thread of it is still at."""
    asyncio.get_running_loop().set_default_executor(ThreadPerCall())
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    monkeypatch.setattr(tracing, "CLOSE_SECONDS", 0.2)


async def test_a_receiver_that_is_gone_is_told_of_once(quick):
    told = Told()
    with listener(backlog=False) as endpoint:
        async with (
            asyncio.timeout(DEADLINE),
            Tracing(TracingSettings(endpoint=endpoint), agent="a", version="1").open(told) as traces,
        ):
            for number in range(3):
                follow(traces, number)
                await told.is_told.wait()

    assert [fact.name for fact in told.all] == ["traces.lost"]


class Moody(SpanExporter):
    """A receiver that takes, or not, in this order."""

    def __init__(self, *results):
        self._results = list(results)

    def export(self, spans):
        return self._results.pop(0)


async def test_what_is_lost_is_told_when_it_begins_and_when_it_is_over():
    told, lost = Told(), SpanExportResult.FAILURE
    exporter = ToldExporter(Moody(lost, lost, SpanExportResult.SUCCESS, SpanExportResult.SUCCESS), "e", told)

    for spans in ([1, 2], [3], [4], [5]):
        exporter.export(spans)

    assert told.all == [TracesLost(endpoint="e"), TracesTaken(lost=3)]


async def test_a_receiver_that_hangs_keeps_neither_the_loop_nor_the_end(quick, monkeypatch):
    """Whoever waited for it, or for room in the queue, would wait longer than the deadline."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "600")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "32")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "8")
    loop = asyncio.get_running_loop()
    with listener(backlog=True) as endpoint:
        async with Tracing(TracingSettings(endpoint=endpoint), agent="a", version="1").open(Told()) as traces:
            began = loop.time()
            for number in range(100):
                follow(traces, number)
            gone = loop.time() - began
            began = loop.time()

    assert gone < DEADLINE
    # The SDK alone waits for half a minute.
    assert loop.time() - began < 20


async def test_without_the_extra_the_fix_is_named(monkeypatch):
    monkeypatch.setattr(tracing, "find_spec", lambda _name: None)

    with pytest.raises(ConfigError, match=r"pip install 'mycel-runtime\[otel\]'"):
        async with Tracing(TracingSettings(endpoint="http://x"), agent="a", version="1").open(Told()):
            pass


async def test_where_nobody_follows_nothing_is_told():
    async with Tracing(TracingSettings(), agent="a", version="1").open(Told()) as traces:
        assert isinstance(traces, Untraced)
        follow(traces)
