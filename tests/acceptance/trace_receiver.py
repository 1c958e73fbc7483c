"""A receiver of traces, for agents that follow their deliveries."""

from __future__ import annotations

import contextlib
import http.server
import threading

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.acceptance.conftest import DEADLINE
from tests.discretion.heard import hear


class Receiver(http.server.ThreadingHTTPServer):
    """
    Takes traces as a collector does, OTLP over HTTP.

    Attributes:
        is_refusing: It takes none, and says so.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Taking)
        self.changed = threading.Condition()
        self.spans, self.bodies, self.resources = [], [], []
        self.is_refusing = False

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.server_port}"

    def take(self, body):
        request = ExportTraceServiceRequest.FromString(body)
        with self.changed:
            self.bodies.append(body)
            hear("trace", body)
            for each in request.resource_spans:
                self.resources.append(attributes(each.resource))
                self.spans += [span for scope in each.scope_spans for span in scope.spans]
            self.changed.notify_all()

    def wait_for(self, found):
        with self.changed:
            assert self.changed.wait_for(lambda: found(self.spans), DEADLINE), [
                each.name for each in self.spans
            ]
            return list(self.spans)


class _Taking(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert (self.path, self.headers["Content-Type"]) == ("/v1/traces", "application/x-protobuf")
        if self.server.is_refusing:
            self.send_response(400)
        else:
            self.server.take(body)
            self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_): ...


@contextlib.contextmanager
def receiving():
    """One at work."""
    with Receiver() as running:
        serving = threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True)
        serving.start()
        yield running
        running.shutdown()
        serving.join(DEADLINE)


def attributes(of):
    return {each.key: each.value.string_value or each.value.int_value for each in of.attributes}
