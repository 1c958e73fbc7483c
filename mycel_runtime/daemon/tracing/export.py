"""
Spans on their way to the receiver: gathered in a bounded queue, and sent by a thread of OpenTelemetry's SDK.

What a full queue has no room for is dropped, so that nothing waits. All but the receiver's address is configured by
OpenTelemetry's own environment variables: OTEL_EXPORTER_OTLP_HEADERS, OTEL_TRACES_SAMPLER, OTEL_BSP_… and more.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Final

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from typing_extensions import override

from mycel_runtime.observe.facts import TracesLost, TracesTaken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from mycel_runtime.observe.observer import Observer

SERVICE_NAME: Final = "mycel-runtime"
"""Unless OTEL_SERVICE_NAME has another."""


def open_provider(endpoint: str, *, version: str, observer: Observer) -> TracerProvider:
    """
    Makes tracers whose spans go to the receiver.

    The first of a process is OpenTelemetry's global one, unless a plugin has set another: spans of handlers go there.

    Args:
        endpoint: Of the receiver, without `/v1/traces`.
        version: Of the runtime.
        observer: Told, by the thread that sends, that the receiver takes nothing.
    """
    # A receiver that is down would have a line for every batch, and each span that finds no room one more.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    resource = Resource.create(
        {"service.name": os.environ.get("OTEL_SERVICE_NAME", SERVICE_NAME), "service.version": version}
    )
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    exporter = ToldExporter(OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces"), endpoint, observer)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        trace.set_tracer_provider(provider)
    return provider


class ToldExporter(SpanExporter):
    """
    Tells once that spans are lost, and once that they are not any more.

    Args:
        exporter: Sends.
        endpoint: Where to.
        observer: Told.
    """

    def __init__(self, exporter: SpanExporter, endpoint: str, observer: Observer) -> None:
        self._exporter = exporter
        self._endpoint = endpoint
        self._observer = observer
        self._lost = 0

    @override
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        if result is not SpanExportResult.SUCCESS:
            if not self._lost:
                self._observer.tell(TracesLost(endpoint=self._endpoint))
            self._lost += len(spans)
        elif self._lost:
            self._observer.tell(TracesTaken(lost=self._lost))
            self._lost = 0
        return result

    @override
    def shutdown(self) -> None:
        self._exporter.shutdown()
