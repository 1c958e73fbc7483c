"""A reverse gateway in front of a backend: everything that stands in between in the world, by order of the test."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from dataclasses import dataclass, field

from tests.road.loopback_server import LoopbackServer, tunnel, upstream
from tests.road.message import Answer, html, read_answer, read_request

IDENTIFIER = re.compile(r"(?<=/)(?:[0-9a-f-]{36}|\d+|[^/?]*%3A[^/?]*)(?=[/?]|$)")
HOP_BY_HOP = ("connection", "keep-alive", "upgrade")


@dataclass
class Order:
    """
    What is done with requests of one kind.

    Attributes:
        answer: Instead of the backend's own; None: the backend's own.
        is_hung_up: The connection ends without any answer.
        is_carried_out: Whether the backend sees the request.
        hold_seconds: Before it is carried out, whatever the client does meanwhile.
        method: Of the requests that are meant; empty: any.
        path: A regular expression found in the path with its query.
        skip: So many of them pass first.
        count: So many are hit then; None: all.
    """

    answer: Answer | None = None
    is_hung_up: bool = False
    is_carried_out: bool = True
    hold_seconds: float = 0.0
    method: str = ""
    path: str = ""
    skip: int = 0
    count: int | None = None
    seen: int = field(default=0, init=False)

    def hits(self, method, path):
        """Whether this request is meant; counts it."""
        if self.method not in {"", method} or not re.search(self.path, path):
            return False
        self.seen += 1
        return self.seen > self.skip and (self.count is None or self.seen <= self.skip + self.count)


@dataclass
class Limit:
    """
    A rate limit as nginx has it: a bucket that holds one request and the burst.

    Attributes:
        rate: Requests a second.
        burst: Requests that may come at once beyond it.
        answer: To those that are refused.
        path: A regular expression; the limit is for requests in whose path it is found.
    """

    rate: float
    burst: int = 0
    answer: Answer = field(default_factory=lambda: html(429, "Too Many Requests"))
    path: str = ""
    _tokens: float = field(default=1.0, init=False)
    _at: float = field(default=0.0, init=False)

    def lets_pass(self, now, path):
        """Take a token, if there is one; `now` in seconds."""
        if not re.search(self.path, path):
            return True
        self._tokens = min(1.0 + self.burst, self._tokens + (now - self._at) * self.rate)
        self._at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


PASS = object()
STRIP = object()


class Gateway(LoopbackServer):
    """
    Forwards requests to a port of the loopback, as ordered. Everything may be changed from any thread, at any time.

    Attributes:
        orders: The first that hits a request is carried out.
        limit: A `Limit`, or None.
        upgrade: What becomes of a WebSocket handshake: `PASS`, `STRIP` (its headers are lost, as with a gateway that
            knows nothing of them), or an `Answer`.
        quiet_seconds: A stream ends when nothing went through it for so long; None: never.
        max_active: Requests and streams that may be under way at a time; more get a 503.
        max_body_bytes: Of a request; more gets a 413.
        calls: How many requests came, by kind: "POST /api/chats/{id}/messages".
        refused: How many of them the gateway answered without the backend, by kind.
        statuses: What was answered, by kind and status.

    Args:
        upstream_port: Of the backend.
        tls: As of `LoopbackServer`.
    """

    def __init__(self, upstream_port, *, tls=None):
        super().__init__(tls=tls)
        self._upstream_port = upstream_port
        self._active = 0
        self.orders = []
        self.limit = None
        self.upgrade = PASS
        self.quiet_seconds = None
        self.max_active = None
        self.max_body_bytes = None
        self.calls = Counter()
        self.refused = Counter()
        self.statuses = Counter()

    def replace(self, answer, method="", path="", **which):
        """Answer like this instead of the backend, which never sees the request; `which` as of `Order`."""
        self.orders.append(Order(answer=answer, is_carried_out=False, method=method, path=path, **which))

    def replace_after(self, answer, method="", path="", **which):
        """Answer like this though the backend has carried the request out."""
        self.orders.append(Order(answer=answer, method=method, path=path, **which))

    def hold(self, seconds, method="", path="", **which):
        """Keep the request for a while, then carry it out, whether or not anybody still waits."""
        self.orders.append(Order(hold_seconds=seconds, method=method, path=path, **which))

    def hang_up(self, method="", path="", *, is_carried_out=True, **which):
        """End the connection without an answer."""
        self.orders.append(
            Order(is_hung_up=True, is_carried_out=is_carried_out, method=method, path=path, **which)
        )

    def clear(self):
        """Be an honest gateway; the counts stay."""
        self.orders = []
        self.limit = self.quiet_seconds = self.max_active = self.max_body_bytes = None
        self.upgrade = PASS

    async def converse(self, reader, writer):
        """Request after request, until one ends the connection."""
        while (request := await read_request(reader)) is not None:
            self._active += 1
            try:
                goes_on = await self._answer(request, reader, writer)
            finally:
                self._active -= 1
            if not goes_on:
                return

    async def _answer(self, request, reader, writer):
        method, path, _ = request.start_line.split(" ")
        kind = f"{method} {IDENTIFIER.sub('{id}', path).partition('?')[0]}"
        self.calls[kind] += 1
        if (refusal := self._refusal(request, path)) is not None:
            return await self._say(refusal.message(), kind, writer, is_refused=True)
        order = next((order for order in self.orders if order.hits(method, path)), Order())
        await asyncio.sleep(order.hold_seconds)
        is_stream = bool(request.header("upgrade")) and self.upgrade is PASS
        if order.is_carried_out and is_stream and order.answer is None:
            return await self._stream(request, kind, (reader, writer))
        answer = order.answer.message() if order.answer else None
        if order.is_carried_out:
            own = await self._ask(request.without(*HOP_BY_HOP).having(connection="close"))
            answer = answer or own
        if order.is_hung_up:
            return False
        return await self._say(answer, kind, writer, is_refused=not order.is_carried_out)

    def _refusal(self, request, path):
        if self.max_active is not None and self._active > self.max_active:
            return html(503, "Service Temporarily Unavailable")
        if self.max_body_bytes is not None and len(request.body) > self.max_body_bytes:
            return html(413, "Request Entity Too Large")
        if self.limit is not None and not self.limit.lets_pass(self._loop.time(), path):
            return self.limit.answer
        is_handshake = bool(request.header("upgrade"))
        return self.upgrade if is_handshake and isinstance(self.upgrade, Answer) else None

    async def _say(self, answer, kind, writer, *, is_refused):
        if is_refused:
            self.refused[kind] += 1
        self.statuses[kind, answer.status] += 1
        writer.write(answer.encoded())
        await writer.drain()
        return True

    async def _ask(self, request):
        """The backend's answer; a 502 for a backend that is away or breaks off."""
        try:
            async with upstream("127.0.0.1", self._upstream_port) as (reader, writer):
                writer.write(request.encoded())
                answer = await read_answer(reader)
        except (OSError, EOFError):
            return html(502, "Bad Gateway").message()
        return answer.without(*HOP_BY_HOP).having(content_length=str(len(answer.body)))

    async def _stream(self, request, kind, client):
        async with upstream("127.0.0.1", self._upstream_port) as server:
            server[1].write(request.encoded())
            answer = await read_answer(server[0])
            await self._say(answer, kind, client[1], is_refused=False)
            if answer.status == 101:
                await tunnel(client, server, self.quiet_seconds)
        return False
