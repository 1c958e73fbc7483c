"""
The runtime inbox stream: connect, resume, receive.

Pings with a deadline find a half-open connection; the server's own pings protect only the server (Q17). Nothing but
the resume message is ever sent (Q16).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import selectors
import socket
import ssl
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import websockets
from typing_extensions import override
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as connect_async
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.sync.client import ClientConnection as SyncClientConnection
from websockets.sync.client import connect as connect_sync

from mycel_runtime.errors import (
    ConnectionClosed,
    HandshakeError,
    NotSentError,
    ReplayOverflow,
    TransportError,
)
from mycel_runtime.forks import closed_in_forks
from mycel_runtime.sdk import redirect
from mycel_runtime.sdk.happy_eyeballs import connect_racing, lead_seconds
from mycel_runtime.sdk.locked_tls import LockedTlsContext
from mycel_runtime.sdk.retry_after import retry_after_seconds
from mycel_runtime.sdk.text_frames import TextFrames
from mycel_runtime.sdk.transport import ClientUsageError
from mycel_runtime.wire import limits
from mycel_runtime.wire.codec import encode_resume

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from websockets.http11 import Response
    from websockets.protocol import Event

PATH: Final = "/api/runtime/inbox/subscribe"

_SILENT: Final = logging.Logger("mycel_runtime.sdk.stream", logging.CRITICAL + 1)  # noqa: LOG001
"""Stands outside the tree of loggers: at DEBUG, websockets would print the handshake with its token."""

_ABNORMAL: Final = 1006

_PORTS: Final = {"http": 80, "https": 443}

QUEUED_FRAMES: Final = 512
"""What waits in the connection before it stops reading; at the library's 16 a burst stops it all the time."""


class _Connection(ClientConnection):
    """
    Tells a refusal in our words, before `connect` takes it for a redirect and takes the token elsewhere.

    What has ended a connection before any answer, as an alert of TLS, is told as the cause: `websockets` omits it.

    Attributes:
        heard_at: When bytes came last, a goodbye aside; the loop's time.
        lost_at: When it was over; `None` while it stands.
    """

    # The keys of the library's own attributes are shared by its connections; with one of ours among them, each would
    # have a dict of 1.5 KiB to itself.
    __slots__ = ("_texts", "heard_at", "lost_at")

    def __init__(self, *args: Any, **options: Any) -> None:
        self.heard_at = 0.0
        self.lost_at: float | None = None
        self._texts = TextFrames()
        super().__init__(*args, **options)

    @override
    async def handshake(self, *args: Any, **options: Any) -> None:
        try:
            await super().handshake(*args, **options)
        except websockets.InvalidStatus as exc:
            raise _refused(exc) from exc
        except (websockets.InvalidMessage, websockets.ConnectionClosed) as exc:
            raise exc from _lost_by(self) or exc.__cause__
        # Nobody asks for them any more, and the token is in one. That there is a response, the library asks.
        self.request = None
        if self.response is not None:
            self.response.headers.clear()

    @override
    def data_received(self, data: bytes) -> None:
        """Give a peer that said goodbye a second to hang up: `recv` would wait for that without end."""
        self._note_state()
        for part in self._texts.split(data):
            if isinstance(part, list):
                self._put(part)
            else:
                super().data_received(part)
                self._note_state()
        now = self.loop.time()
        if self.protocol.close_expected():
            self.lost_at = self.lost_at or now
            self.loop.call_later(limits.CLOSE_TIMEOUT_SECONDS, self.transport.abort)
        else:
            self.heard_at = now

    def _note_state(self) -> None:
        """Refused, closing or failed, the library passes over what comes, or does not."""
        if not self._texts.in_handshake and self.protocol.state is not State.OPEN:
            self._texts.pass_on()

    def _put(self, texts: list[Frame]) -> None:
        """As `process_event` does with each."""
        messages = self.recv_messages
        messages.frames.queue.extend(texts[:-1])
        messages.put(texts[-1])

    def take_waiting(self, most: int) -> list[str]:
        """
        Whole text messages that have come already, in their order, up to the first that is anything else.

        `recv` gives one after the other, and each costs several times what it takes to move it. What is in parts,
        binary or no text at all is left to it.
        """
        frames, texts = self.recv_messages.frames.queue, list[str]()
        with contextlib.suppress(UnicodeDecodeError):
            while len(texts) < most and frames and (frame := frames[0]).fin and frame.opcode is Opcode.TEXT:
                texts.append(str(frame.data, "utf-8"))
                frames.popleft()
        self.recv_messages.maybe_resume()
        return texts

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.lost_at = self.lost_at or self.loop.time()
        super().connection_lost(exc)
        if (reason := self.protocol.parser_exc) is not None:
            # The places that it came through, which hold the connection that holds it; nobody looks for garbage soon.
            reason.with_traceback(None)


class _SyncConnection(SyncClientConnection):
    """As `_Connection`."""

    @override
    def handshake(self, *args: Any, **options: Any) -> None:
        try:
            super().handshake(*args, **options)
        except websockets.InvalidStatus as exc:
            raise _refused(exc) from exc
        except (websockets.InvalidMessage, websockets.ConnectionClosed) as exc:
            raise exc from _lost_by(self) or exc.__cause__

    @override
    def process_event(self, event: Event) -> None:
        """As `_Connection.data_received`; on the thread that would wait."""
        super().process_event(event)
        is_goodbye = isinstance(event, Frame) and event.opcode is Opcode.CLOSE
        if is_goodbye and not _is_readable(self.socket, limits.CLOSE_TIMEOUT_SECONDS):
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)


def _is_readable(connection: socket.socket, seconds: float) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        return bool(selector.select(seconds))


def stream_url(base_url: str) -> str:
    """
    The stream's address, derived by text (contract 1.1).

    Raises:
        ClientUsageError: The scheme is neither http nor https.
    """
    for http, web_socket in (("https://", "wss://"), ("http://", "ws://")):
        if base_url.startswith(http):
            return web_socket + base_url.removeprefix(http) + PATH
    raise ClientUsageError("base_url must start with http:// or https://")


class StreamConnection:
    """An open subscription."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    @property
    def quiet_seconds(self) -> float:
        """Since bytes came last: frames, or answers to pings; of one that is over, until its end."""
        lost_at = self._connection.lost_at
        return (self._connection.loop.time() if lost_at is None else lost_at) - self._connection.heard_at

    async def answers_within(self, seconds: float) -> bool:
        """
        Whether a ping is answered in time.

        Raises:
            ConnectionClosed: It is over.

        Cancelling: changes nothing.
        """
        try:
            async with asyncio.timeout(seconds):
                await (await self._connection.ping())
        except TimeoutError:
            return False
        except websockets.ConnectionClosed as exc:
            raise _closed(exc) from exc
        return True

    async def receive(self) -> str | bytes:
        """
        The next message, as it came.

        Raises:
            ConnectionClosed: The stream ended; with the close frame's code and reason, 1006 without one.

        Cancelling: loses nothing.
        """
        try:
            return await self._connection.recv()
        except websockets.ConnectionClosed as exc:
            raise _closed(exc) from exc

    async def receive_many(self, most: int) -> list[str | bytes]:
        """
        The next messages, as they came: one, and of what else has come already no more than `most` together.

        Raises:
            ConnectionClosed: As `receive`; what came before it has been given.

        Cancelling: loses nothing.
        """
        first = await self.receive()
        return [first, *self._connection.take_waiting(most - 1)]


class SyncStreamConnection:
    """An open subscription, for code without an event loop."""

    def __init__(self, connection: SyncClientConnection) -> None:
        self._connection = connection

    def receive(self, timeout: float | None = None) -> str | bytes:
        """
        As `StreamConnection.receive`.

        Raises:
            TimeoutError: Nothing came within `timeout` seconds; nothing is lost.
        """
        try:
            return self._connection.recv(timeout)
        except websockets.ConnectionClosed as exc:
            raise _closed(exc) from exc


@contextlib.asynccontextmanager
async def open_stream(
    *,
    base_url: str,
    auth_token: str,
    since_seq: int | None,
    connect_timeout: float = 10.0,
    proxy: str | None = None,
    ping_interval: float = limits.PING_INTERVAL_SECONDS,
    ping_timeout: float = limits.PING_TIMEOUT_SECONDS,
    queued_frames: int = QUEUED_FRAMES,
    **options: Any,
) -> AsyncIterator[StreamConnection]:
    """
    Subscribe, and ask for the replay at once if `since_seq` is given.

    Args:
        base_url: Of the backend.
        auth_token: The identity's; goes into a header of the handshake.
        since_seq: Replay what is above it; `None` for live frames only.
        connect_timeout: Seconds for connection and handshake.
        proxy: An HTTP proxy; the environment's are ignored.
        ping_interval: Seconds.
        ping_timeout: Seconds.
        queued_frames: Received and not taken yet, about; then the socket waits.
        options: For `websockets`, for example `ssl`.

    Raises:
        HandshakeError: Refused; the status does not tell why (Q18).
        NotSentError: No connection.
        TransportError: The handshake broke off.
    """
    settings = _connection_options(auth_token, connect_timeout, proxy, ping_interval, ping_timeout)
    # It reads again soon: whoever takes many at once has something to do only as long as more comes meanwhile.
    settings["max_queue"] = (queued_frames, queued_frames * 3 // 4)
    with _handshake_errors():
        connection = await connect_async(
            stream_url(base_url),
            create_connection=_Connection,
            happy_eyeballs_delay=lead_seconds(urlsplit(base_url).hostname or ""),
            **settings,
            **options,
        )
    assert isinstance(connection, _Connection)
    with closed_in_forks(connection.transport.get_extra_info("socket")):
        try:
            if since_seq is not None:
                with contextlib.suppress(websockets.ConnectionClosed):
                    await connection.send(encode_resume(since_seq))
            yield StreamConnection(connection)
        finally:
            await connection.close()


@contextlib.contextmanager
def open_sync_stream(
    *,
    base_url: str,
    auth_token: str,
    since_seq: int | None,
    connect_timeout: float = 10.0,
    proxy: str | None = None,
    ping_interval: float = limits.PING_INTERVAL_SECONDS,
    ping_timeout: float = limits.PING_TIMEOUT_SECONDS,
    **options: Any,
) -> Iterator[SyncStreamConnection]:
    """As `open_stream`, without an event loop."""
    settings = _connection_options(auth_token, connect_timeout, proxy, ping_interval, ping_timeout)
    with contextlib.ExitStack() as stack:
        with _handshake_errors():
            connection = stack.enter_context(_connect_sync(base_url, connect_timeout, settings | options))
        stack.enter_context(closed_in_forks(connection.socket))
        if since_seq is not None:
            with contextlib.suppress(websockets.ConnectionClosed):
                connection.send(encode_resume(since_seq))
        yield SyncStreamConnection(connection)


def notify_frame(value: Any) -> dict[str, Any] | None:
    """
    What `notifications.stream` yields: frames of type notify only; other types are passed over.

    Raises:
        ReplayOverflow: The ring does not reach back to `since_seq`.
    """
    if not isinstance(value, dict):
        return None
    if value.get("type") == "replay_overflow":
        raise ReplayOverflow(value)
    return value if value.get("type") == "notify" else None


def _connection_options(
    token: str, connect_timeout: float, proxy: str | None, ping_interval: float, ping_timeout: float
) -> dict[str, Any]:
    return {
        "additional_headers": {"Authorization": f"Bearer {token}"},
        "compression": None,
        "open_timeout": connect_timeout,
        "close_timeout": limits.CLOSE_TIMEOUT_SECONDS,
        "ping_interval": ping_interval,
        "ping_timeout": ping_timeout,
        "max_size": limits.FRAME_BYTES,
        "max_queue": QUEUED_FRAMES,
        "proxy": proxy,
        "user_agent_header": None,
        "logger": _SILENT,
    }


def _connected(base_url: str, timeout: float) -> socket.socket:
    """What `websockets` would wait for address after address."""
    url = urlsplit(base_url)
    connected = connect_racing(url.hostname or "", url.port or _PORTS[url.scheme], timeout=timeout)
    connected.settimeout(None)
    return connected


def _connect_sync(base_url: str, timeout: float, settings: dict[str, Any]) -> SyncClientConnection:
    """Connected, after the handshake; a thread of `websockets` reads beside the one that writes."""
    url = stream_url(base_url)
    if url.startswith("wss:"):
        settings = settings | {"ssl": LockedTlsContext(settings.get("ssl") or ssl.create_default_context())}
    connection: SyncClientConnection = connect_sync(
        url,
        sock=None if settings["proxy"] else _connected(base_url, timeout),
        create_connection=_SyncConnection,
        **settings,
    )
    return connection


@contextlib.contextmanager
def _handshake_errors() -> Iterator[None]:
    try:
        yield
    except (OSError, websockets.ProxyError) as exc:
        raise NotSentError(f"stream: {type(exc).__name__}: {exc}") from exc
    except websockets.WebSocketException as exc:
        raise TransportError(f"stream: {type(exc).__name__}: {exc}") from exc
    except EOFError as exc:
        raise TransportError("stream: connection closed during the handshake") from exc


def _refused(exc: websockets.InvalidStatus) -> HandshakeError:
    response = exc.response
    if response.status_code in redirect.STATUSES:
        redirected = redirect.redirect_error(response.status_code, _header(response, "Location"), PATH)
        return HandshakeError(response.status_code, redirected.detail)
    body = bytes(response.body or b"")[:200].decode("utf-8", "replace")
    retry_after = retry_after_seconds(_header(response, "Retry-After"), _header(response, "Date"))
    detail = body or response.reason_phrase
    return HandshakeError(response.status_code, detail, retry_after_seconds=retry_after)


def _lost_by(connection: ClientConnection | SyncClientConnection) -> BaseException | None:
    """What ended it; `recv_exc` is the name before websockets 16."""
    lost_by: BaseException | None = getattr(connection, "connection_exc", None) or getattr(
        connection, "recv_exc", None
    )
    return lost_by


def _header(response: Response, name: str) -> str:
    """As `httpx` gives it: several are one text with commas, where `websockets` would raise."""
    return ", ".join(response.headers.get_all(name))


def _closed(exc: websockets.ConnectionClosed) -> ConnectionClosed:
    frame = exc.rcvd or exc.sent
    return ConnectionClosed(frame.code, frame.reason) if frame else ConnectionClosed(_ABNORMAL)
