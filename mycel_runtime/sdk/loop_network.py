"""
TCP and TLS straight on asyncio's transports; what fails is said in httpx's errors.

httpcore, which httpx would take, goes through anyio, which serves two event loops: checkpoints, scopes and locks
around every read and write were a sixth of all that a reply executes. Here a read that finds bytes waits for nothing,
and one that does not is one future and one timer.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NoReturn

import httpx
from typing_extensions import override

from mycel_runtime.sdk.happy_eyeballs import lead_seconds
from mycel_runtime.sdk.readable import is_readable

if TYPE_CHECKING:
    import ssl

READ_AHEAD_BYTES: Final = 262_144
"""Of what nobody has read yet; then the other side waits."""


async def connect_tcp(host: str, port: int, seconds: float | None) -> LoopStream:
    """
    Connect to the first address of a name that answers.

    Raises:
        httpx.ConnectTimeout: None did in time.
        httpx.ConnectError: There is none, or all refuse.

    Cancelling: closes what was made.
    """
    try:
        async with asyncio.timeout(seconds):
            transport, bytes_in = await asyncio.get_running_loop().create_connection(
                _Bytes, host, port, happy_eyeballs_delay=lead_seconds(host)
            )
    except TimeoutError as exc:
        raise httpx.ConnectTimeout(str(exc)) from exc
    except OSError as exc:
        raise httpx.ConnectError(str(exc)) from exc
    return LoopStream(transport, bytes_in)


class _Bytes(asyncio.Protocol):
    """What has come and was not read yet, and who waits for the connection."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._chunks: list[bytes] = []
        self._size = 0
        self._is_paused = False
        self._is_ended = False
        self._reading: asyncio.Future[None] | None = None
        self._writing: asyncio.Future[None] | None = None
        self._is_full = False
        self.is_lost = False
        self.error: Exception | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.use(transport)

    def use(self, transport: asyncio.Transport) -> None:
        """
        This one from now on: a write is over when the system has it, or TLS has given it to the transport below.

        asyncio's TLS holds the writer when as much waits as the limit says, plain TCP when more does: with a limit of
        nothing, every second write over TLS would wait for a word that never comes.
        """
        self._transport = transport
        is_encrypted = transport.get_extra_info("ssl_object") is not None
        transport.set_write_buffer_limits(high=int(is_encrypted), low=0)

    @override
    def data_received(self, data: bytes) -> None:
        self._chunks.append(data)
        self._size += len(data)
        if self._size > READ_AHEAD_BYTES and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()
        _wake(self._reading)

    @override
    def eof_received(self) -> bool:
        self._is_ended = True
        _wake(self._reading)
        # What we are still writing is written, but for TLS, which knows no half-closed connection.
        return self._transport is not None and self._transport.get_extra_info("ssl_object") is None

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost, self.error = True, exc
        _wake(self._reading)
        _wake(self._writing)

    @override
    def pause_writing(self) -> None:
        self._is_full = True

    @override
    def resume_writing(self) -> None:
        self._is_full = False
        _wake(self._writing)

    @property
    def has_news(self) -> bool:
        """Something has come that nobody has read, be it the end."""
        return self.has_unread or self._is_ended or self.is_lost

    @property
    def has_unread(self) -> bool:
        """Something has come, and is no end."""
        return bool(self._chunks)

    async def some(self, max_bytes: int, seconds: float | None) -> bytes:
        """
        What has come, `max_bytes` at most; nothing at the end.

        Raises:
            TimeoutError: Nothing came in time.
            httpx.ReadError: The connection is lost.
        """
        if not self.has_news:
            self._reading = asyncio.get_running_loop().create_future()
            await _within(self._reading, seconds)
        if self._chunks:
            return self._take(max_bytes)
        if self.error is not None or not self._is_ended:
            _raise_lost(httpx.ReadError, self.error)
        return b""

    async def emptied(self, seconds: float | None) -> None:
        """
        Until the system has all that was written.

        Raises:
            TimeoutError: It has not in time.
            httpx.WriteError: The connection is lost.
        """
        if self._is_full and not self.is_lost:
            self._writing = asyncio.get_running_loop().create_future()
            await _within(self._writing, seconds)
        if self.is_lost:
            _raise_lost(httpx.WriteError, self.error)

    def _take(self, max_bytes: int) -> bytes:
        chunk = self._chunks.pop(0)
        if len(chunk) > max_bytes:
            self._chunks.insert(0, chunk[max_bytes:])
            chunk = chunk[:max_bytes]
        self._size -= len(chunk)
        if self._is_paused and self._size <= READ_AHEAD_BYTES and self._transport is not None:
            self._is_paused = False
            self._transport.resume_reading()
        return chunk


class LoopStream:
    """One connection, which becomes one with TLS when it is told to."""

    def __init__(self, transport: asyncio.Transport, bytes_in: _Bytes) -> None:
        self._transport = transport
        self._bytes = bytes_in

    async def read(self, max_bytes: int, seconds: float | None) -> bytes:
        """
        What has come, or comes first; nothing at the end.

        Raises:
            httpx.ReadTimeout: Nothing came in time.
            httpx.ReadError: The connection is lost, by the TLS of either side perhaps.

        Cancelling: nothing is lost.
        """
        try:
            return await self._bytes.some(max_bytes, seconds)
        except TimeoutError as exc:
            raise httpx.ReadTimeout(str(exc)) from exc

    async def write(self, buffer: bytes, seconds: float | None) -> None:
        """
        Write all of it, until nothing of it waits here.

        Raises:
            httpx.WriteTimeout: It has not in time.
            httpx.WriteError: The connection is lost.

        Cancelling: part of it may be written.
        """
        if not buffer:
            return
        if not self._bytes.is_lost:
            self._transport.write(buffer)
        try:
            await self._bytes.emptied(seconds)
        except TimeoutError as exc:
            raise httpx.WriteTimeout(str(exc)) from exc

    async def aclose(self) -> None:
        """
        Close it at once; what is not written yet never is.

        Cancelling: it is closed all the same.
        """
        self._transport.abort()
        # The socket is closed in the loop's next step.
        await asyncio.sleep(0)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str,
        seconds: float | None,
    ) -> LoopStream:
        """
        Encrypt what follows.

        Raises:
            httpx.ConnectTimeout: The other side has not answered in time.
            httpx.ConnectError: It does not, or its certificate does not hold; or it has spoken out of turn, which
                would be read as if it had come encrypted.

        Cancelling: closes the connection.
        """
        if self._bytes.has_unread:
            await self.aclose()
            raise httpx.ConnectError("something came before TLS that nobody has asked for")
        try:
            async with asyncio.timeout(seconds):
                transport = await asyncio.get_running_loop().start_tls(
                    self._transport, self._bytes, ssl_context, server_hostname=server_hostname
                )
        except BaseException as exc:
            await self.aclose()
            if isinstance(exc, TimeoutError):
                raise httpx.ConnectTimeout(str(exc)) from exc
            if isinstance(exc, OSError):
                raise httpx.ConnectError(str(exc)) from exc
            raise
        if transport is None:
            raise httpx.ConnectError("the connection was closed during the TLS handshake")
        self._bytes.use(transport)
        return LoopStream(transport, self._bytes)

    @property
    def is_readable(self) -> bool:
        """Whether something has come, be it the end; also if the loop has not looked at it yet."""
        return self._bytes.has_news or is_readable(self._transport.get_extra_info("socket").fileno())


def _raise_lost(kind: type[httpx.NetworkError], error: Exception | None) -> NoReturn:
    """
    Say it as httpx does, from what the system says.

    Raises:
        httpx.NetworkError: Of that kind.
    """
    try:
        _throw(error or ConnectionError("the connection was closed"))
    except Exception as exc:
        raise kind(str(exc)) from exc


def _throw(error: Exception) -> NoReturn:
    raise error


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)


async def _within(waiting: asyncio.Future[None], seconds: float | None) -> None:
    """
    Wait for it.

    Raises:
        TimeoutError: It was in vain.
    """
    if seconds is None:
        await waiting
        return
    timer = asyncio.get_running_loop().call_later(seconds, _expire, waiting)
    try:
        await waiting
    finally:
        timer.cancel()


def _expire(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_exception(TimeoutError())
