"""
The runtime inbox stream: connect, resume, receive.

Pings with a deadline find a half-open connection; the server's own pings protect only the server (Q17). Nothing but
the resume message is ever sent (Q16).
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import websockets
from typing_extensions import override
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as connect_async
from websockets.frames import Opcode
from websockets.protocol import State

from mycel_runtime.errors import ReplayOverflow
from mycel_runtime.forks import closed_in_forks
from mycel_runtime.sdk.happy_eyeballs import lead_seconds
from mycel_runtime.sdk.stream_handshake import (
    QUEUED_FRAMES,
    closed,
    connection_options,
    handshake_errors,
    lost_by,
    refused,
    stream_url,
)
from mycel_runtime.sdk.text_frames import TextFrames
from mycel_runtime.wire import limits
from mycel_runtime.wire.codec import encode_resume

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from websockets.frames import Frame


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
            raise refused(exc) from exc
        except (websockets.InvalidMessage, websockets.ConnectionClosed) as exc:
            raise exc from lost_by(self) or exc.__cause__
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
            raise closed(exc) from exc
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
            raise closed(exc) from exc

    async def receive_many(self, most: int) -> list[str | bytes]:
        """
        The next messages, as they came: one, and of what else has come already no more than `most` together.

        Raises:
            ConnectionClosed: As `receive`; what came before it has been given.

        Cancelling: loses nothing.
        """
        first = await self.receive()
        return [first, *self._connection.take_waiting(most - 1)]


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
    settings = connection_options(auth_token, connect_timeout, proxy, ping_interval, ping_timeout)
    # It reads again soon: whoever takes many at once has something to do only as long as more comes meanwhile.
    settings["max_queue"] = (queued_frames, queued_frames * 3 // 4)
    with handshake_errors():
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
