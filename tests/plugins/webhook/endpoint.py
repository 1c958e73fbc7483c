"""An HTTP endpoint on loopback that answers as it is told, in the loop of the test."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import inspect
import json
from dataclasses import dataclass, field

KEY = base64.b64encode(bytes(range(32))).decode()


@dataclass
class Request:
    """As it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def content(self):
        return json.loads(self.body)


@dataclass
class Endpoint:
    """Answers with the next of `script`, or with nothing to do; an int, JSON, or a function of the request."""

    script: list = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    url: str = ""

    @contextlib.asynccontextmanager
    async def serving(self):
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()

    async def _serve(self, reader, writer):
        try:
            request = await self._read(reader)
            self.requests.append(request)
            answer = self.script.pop(0) if self.script else {}
            answer = answer(request) if callable(answer) else answer
            answer = await answer if inspect.isawaitable(answer) else answer
            writer.write(answer if isinstance(answer, bytes) else response(answer))
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _read(self, reader):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)
        }
        return Request(headers, await reader.readexactly(int(headers["content-length"])))


def response(answer, status=200, **headers):
    """Bytes of an answer: a status, or JSON."""
    status, body = (answer, b"") if isinstance(answer, int) else (status, json.dumps(answer).encode())
    return raw(body, status, **{"content-type": "application/json", **headers})


def raw(body, status=200, **headers):
    """Bytes of an answer with this body."""
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", "connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
