"""What agents ask beside Mycel: a model, a webhook, a receiver of traces. On loopback; keeps the traces."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver:
    """
    Used as a context manager.

    Args:
        words: Of the model and the webhook.

    Attributes:
        traces: Bodies that were sent to `/v1/traces`.
    """

    def __init__(self, words):
        self.traces = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                if self.path.endswith("/traces"):
                    receiver.traces.append(body + repr(self.headers.as_string()).encode())
                    return self.answer(b"", "application/x-protobuf")
                if self.path.endswith("/completions"):
                    return self.answer(json.dumps(completion(words)).encode(), "application/json")
                return self.answer(json.dumps({"replies": [words]}).encode(), "application/json")

            def answer(self, body, kind):
                self.send_response(200)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, name="receiver", daemon=True).start()
        return self

    def __exit__(self, *exc_info):
        self._server.shutdown()
        self._server.server_close()


def completion(words):
    """As OpenAI's."""
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": words}}
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
