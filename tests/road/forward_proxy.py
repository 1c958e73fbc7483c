"""A proxy that clients are told to use: absolute addresses, CONNECT, and a password."""

from __future__ import annotations

from collections import Counter
from urllib.parse import urlsplit

from tests.road.loopback_server import LoopbackServer, tunnel, upstream
from tests.road.message import basic, html, read_answer, read_request

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
OF_THE_PROXY = ("proxy-authorization", "proxy-connection", "connection", "keep-alive")


class ForwardProxy(LoopbackServer):
    """
    Connects wherever it is asked to.

    Attributes:
        credentials: User and password that it demands, with a 407; None: none.
        forbids_connect: A CONNECT gets a 403, what needs none is served.
        quiet_seconds: A tunnel ends when nothing went through it for so long; None: never.
        calls: How many requests came, by method.
        statuses: What the proxy itself answered, by status.
    """

    def __init__(self, *, tls=None):
        super().__init__(tls=tls)
        self.credentials = None
        self.forbids_connect = False
        self.quiet_seconds = None
        self.calls = Counter()
        self.statuses = Counter()

    async def converse(self, reader, writer):
        """Request after request, or one tunnel."""
        while (request := await read_request(reader)) is not None:
            method, target, _ = request.start_line.split(" ")
            self.calls[method] += 1
            if (refusal := self._refusal(request, method)) is not None:
                self.statuses[refusal.status] += 1
                writer.write(refusal.message().encoded())
                await writer.drain()
            elif method == "CONNECT":
                await self._connect_to(target, (reader, writer))
                return
            else:
                writer.write((await _ask(request)).encoded())
                await writer.drain()

    def _refusal(self, request, method):
        if self.credentials and request.header("proxy-authorization") != basic(*self.credentials):
            return html(407, "Proxy Authentication Required", proxy_authenticate='Basic realm="road"')
        if self.forbids_connect and method == "CONNECT":
            return html(403, "Forbidden")
        return None

    async def _connect_to(self, target, client):
        host, _, port = target.rpartition(":")
        try:
            async with upstream(host.strip("[]"), int(port)) as server:
                client[1].write(ESTABLISHED)
                await tunnel(client, server, self.quiet_seconds)
        except OSError:
            self.statuses[502] += 1
            client[1].write(html(502, "Bad Gateway").message().encoded())


async def _ask(request):
    """What the server says; a 502 for one that is away or breaks off."""
    method, target, version = request.start_line.split(" ")
    url = urlsplit(target)
    path = target.partition(url.netloc)[2] or "/"
    onward = request.without(*OF_THE_PROXY).having(connection="close").begun(f"{method} {path} {version}")
    try:
        async with upstream(url.hostname, url.port or 80) as (reader, writer):
            writer.write(onward.encoded())
            answer = await read_answer(reader)
    except (OSError, EOFError):
        return html(502, "Bad Gateway").message()
    return answer.without("connection").having(content_length=str(len(answer.body)))
