"""A server that writes down what it is asked and answers as `dialogue` says."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.contract.sdk.dialogue import REFUSED

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Request:
    """What the wire showed; headers only as far as the contract speaks of them."""

    method: str
    path: str
    query: str
    body: Any
    content_type: str | None
    authorization: str | None


class Recorder:
    """Answers with success, with the answer that a chat's name stands for, or with pages of five messages."""

    def __init__(self) -> None:
        self.lines: list[list[Request]] = []
        self.base_url = ""

    def answer(self, request: Request) -> tuple[int, str, bytes]:
        if request.path.startswith("/line/"):
            self.lines.append([])
            return 200, "text/plain", b""
        self.lines[-1].append(request)
        segments = [unquote(segment) for segment in request.path.split("/")]
        chat = segments[3] if segments[:3] == ["", "api", "chats"] and len(segments) > 3 else ""
        if chat in REFUSED:
            status, content_type, text = REFUSED[chat]
            return status, content_type, text.encode()
        if chat == "nothing":
            return 200, "application/json", b""
        return 200, "application/json", json.dumps(_success(request, chat)).encode()


def _success(request: Request, chat: str) -> Any:
    if request.path == "/openapi.json":
        return {"openapi": "3.1.0", "info": {"title": "Mycel"}, "paths": {"/api/auth/guest": {}}}
    if request.path.endswith("/drain"):
        return {"count": 1, "notifications": [{"seq": 3, "event_type": "chat.message", "new_field": [None]}]}
    if chat in {"paged", "stuck"}:
        return _page(parse_qs(request.query), moving=chat == "paged")
    row = {
        "id": "1",
        "seq": 4,
        "content": "ü\u2028",
        "nested": {"a": [1, 2.5, None, True]},
        "new_field": "kept",
    }
    return [row, {}] if _is_list(request) else row


def _is_list(request: Request) -> bool:
    last = request.path.rsplit("/", 1)[-1]
    if request.method == "GET":
        lists = {"chats", "messages", "unread", "join-requests", "events", "tasks", "relationships"}
        return last in lists
    return request.path.endswith("/messages/read")


def _page(query: dict[str, list[str]], *, moving: bool) -> list[dict[str, Any]]:
    before = int(query.get("before", ["6"])[0]) if moving else 6
    rows = [{"id": f"m{seq}", "seq": seq} for seq in range(1, 6) if seq < before]
    return rows[-int(query["limit"][0]) :]


@contextmanager
def recording() -> Iterator[Recorder]:
    """Run a recorder on a loopback port of its own."""
    recorder = Recorder()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            parts = urlsplit(self.path)
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Request(
                self.command,
                parts.path,
                parts.query,
                json.loads(content) if content else None,
                self.headers.get("Content-Type"),
                self.headers.get("Authorization"),
            )
            status, content_type, body = recorder.answer(request)
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            if status == 307:
                self.send_header("Location", "/elsewhere")
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815 - the base class's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        recorder.base_url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield recorder
        finally:
            server.shutdown()
            thread.join(60)
