"""
One connection to the control socket, by HTTP/1.1: h11 knows the protocol, and this what may be waited for.

A server of its own, because uvicorn and Starlette with what they bring are 2 MiB that most daemons never need: they
are asked by a command or a probe now and then, if at all.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

import h11

from mycel_runtime.daemon.control_routes import Request, Response, of_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

Answer: TypeAlias = "Callable[[Request], Awaitable[Response]]"
"""Must not raise."""

REQUEST_SECONDS: Final = 5.0
"""From the end of an answer, or from the connection's beginning, to the last byte of the next request."""

STALLED_SECONDS: Final = 10.0
"""For which an answer may wait to be read."""

HEAD_BYTES: Final = 16_384
"""Of line and headers together; somewhat more, if it comes at once."""

BODY_BYTES: Final = 16 * 1024 * 1024
"""Of a request; what a tool is to say is the largest."""

_TOO_LARGE: Final = 413
_READ_BYTES: Final = 65_536


class ControlConnection:
    """
    Answers what is asked over one connection.

    Args:
        reader: Of the connection.
        writer: Likewise.
        answer: What is asked for each request.

    Attributes:
        is_idle: Nothing has been asked that waits for an answer.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer) -> None:
        self._reader = reader
        self._writer = writer
        self._answer = answer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)
        self.is_idle = True

    async def serve(self) -> None:
        """
        Answer one request after another, until the other side hangs up, is too slow, or speaks no HTTP.

        Cancelling: the connection is closed; what has been begun for a request is cancelled, too.
        """
        try:
            with contextlib.suppress(OSError, TimeoutError):
                while await self._serve_one():
                    self._http.start_next_cycle()
        finally:
            self._writer.close()

    async def _serve_one(self) -> bool:
        """Whether another request may follow."""
        self.is_idle = True
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                request = await self._receive()
        except h11.RemoteProtocolError as exc:
            if self._http.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
                await self._send(of_text("Bad Request", exc.error_status_hint), is_head=False)
            return False
        if request is None:
            return False
        self.is_idle = False
        response = await self._answer(request)
        await self._send(response, is_head=request.method == "HEAD")
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    async def _receive(self) -> Request | None:
        """A whole request; `None`: the other side has hung up."""
        head: h11.Request | None = None
        body = bytearray()
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                await self._read()
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > BODY_BYTES:
                    raise h11.RemoteProtocolError("too much", error_status_hint=_TOO_LARGE)
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return _request_of(head, bytes(body))
            else:
                return None

    async def _read(self) -> None:
        if self._http.they_are_waiting_for_100_continue:
            self._write(h11.InformationalResponse(status_code=100, headers=[]))
        self._http.receive_data(await self._reader.read(_READ_BYTES))

    async def _send(self, response: Response, *, is_head: bool) -> None:
        headers = [("Content-Type", response.content_type)]
        if response.allow:
            headers.append(("Allow", response.allow))
        if response.lines is None:
            headers.append(("Content-Length", str(len(response.content))))
        self._write(h11.Response(status_code=response.status, headers=headers))
        if response.lines is not None:
            await self._send_lines(response.lines)
        elif not is_head:
            self._write(h11.Data(data=response.content))
        self._write(h11.EndOfMessage())
        async with asyncio.timeout(STALLED_SECONDS):
            await self._writer.drain()

    async def _send_lines(self, lines: AsyncIterator[str]) -> None:
        """Until they end, or the other side hangs up: what it says meanwhile is not listened to."""
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(self._write_lines(lines), name="control-lines")
            hearing = tasks.create_task(self._wait_hung_up(), name="control-hang-up")
            sending.add_done_callback(lambda _: hearing.cancel())
            hearing.add_done_callback(lambda _: sending.cancel())

    async def _write_lines(self, lines: AsyncIterator[str]) -> None:
        with contextlib.suppress(OSError):
            async for line in lines:
                self._write(h11.Data(data=line.encode()))
                await self._writer.drain()

    async def _wait_hung_up(self) -> None:
        with contextlib.suppress(OSError):
            while await self._reader.read(_READ_BYTES):
                pass

    def _write(self, event: h11.Event) -> None:
        if data := self._http.send(event):
            self._writer.write(data)


def _request_of(head: h11.Request, body: bytes) -> Request:
    target = urlsplit(head.target.decode("ascii", "replace"))
    accept = [value for name, value in head.headers if name == b"accept"]
    return Request(
        method=head.method.decode("ascii"),
        path=unquote(target.path),
        query=tuple(parse_qsl(target.query, keep_blank_values=True)),
        accept=b", ".join(accept).decode("latin-1"),
        body=body,
    )
