"""What faults do at once to a running server. Called from any thread, done in its loop."""

from __future__ import annotations

import asyncio
import json
import threading
import uuid
from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.backend.sockets import FeedSocket
from mycel_runtime.backend.world.entities import QueueItem
from mycel_runtime.wire import codec
from mycel_runtime.wire.frames import Notify
from mycel_runtime.wire.ids import InboxSeq

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from mycel_runtime.backend.service import Service

DEADLINE_SECONDS: Final = 10.0
BATCH_FRAMES: Final = 2000


class LoopFaults:
    """
    Reaches the connections and the world of one life of the server.

    Args:
        service: The life.
        connections: Its open connections, kept up to date by the server.
        restart: Ends this life and begins another; in its loop.

    Made in the loop that serves them.
    """

    def __init__(
        self, service: Service, connections: Collection[object], restart: Callable[[], None]
    ) -> None:
        self._service = service
        self._restart = restart
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    def drop_streams(self) -> None:
        """Cut every open WebSocket without a close frame."""
        self._do_each(None, FeedSocket.abort)

    def half_open_streams(self) -> None:
        """Let every open WebSocket go silent."""
        self._do_each(None, self._silence)

    def send_raw(self, data: str | bytes, user_id: str | None) -> None:
        """Send text or bytes down open WebSockets as they are."""
        self._do_each(user_id, lambda socket: socket.send_raw(data))

    def blast(self, frames: int, user_id: str, payload: int, chats: int) -> None:
        """Send that many numbered frames down one user's WebSocket."""

        def run() -> None:
            first_seq = self._service.streams.skip(user_id, frames)
            batches = _hints(frames, first_seq, chats) if chats else _blanks(frames, first_seq, payload)
            for socket in self._sockets(user_id):
                self._blast(socket, batches)

        self._do(run)

    def refuse_token(self, token: str, *, expired: bool) -> None:
        """Let a token be refused from now on."""
        self._do(lambda: self._service.tokens.refuse(token, expired=expired))

    def remove_user(self, user_id: str) -> None:
        """Take a user out, and leave what refers to him."""
        self._do(lambda: self._change(lambda: self._service.world.remove_user(user_id)))

    def spoil_queue(self, user_id: str) -> None:
        """Put an item into an inbox that cannot be read."""
        item = QueueItem(id=0, inbox=user_id, content={}, notification_type="spoilt")
        self._do(lambda: self._change(lambda: self._service.world.enqueue(item)))

    def restart(self) -> None:
        """Begin a new life; it has not begun when this returns."""
        self._do(self._restart)

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something in the loop after a while, whatever life it is by then."""
        self._do(lambda: self._call_later(seconds, act))

    def _call_later(self, seconds: float, act: Callable[[], None]) -> None:
        self._loop.call_later(seconds, act)

    def _change(self, change: Callable[[], None]) -> None:
        with self._service.transaction():
            change()

    def _sockets(self, user_id: str | None) -> list[FeedSocket]:
        return [
            connection
            for connection in tuple(self._connections)
            if isinstance(connection, FeedSocket)
            and connection.user_id is not None
            and user_id in {None, connection.user_id}
        ]

    def _silence(self, socket: FeedSocket) -> None:
        self._service.silenced.append(socket)
        socket.fall_silent()

    def _blast(self, socket: FeedSocket, batches: Iterator[list[str]]) -> None:
        """Write as long as the client takes it; go on when the buffer has room again."""

        def go_on() -> None:
            while socket.writable.is_set() and not socket.is_lost:
                if (batch := next(batches, None)) is None:
                    return
                socket.send_batch(batch)
            if not socket.is_lost:
                self._loop.call_later(0.0005, go_on)

        go_on()

    def _do_each(self, user_id: str | None, act: Callable[[FeedSocket], None]) -> None:
        def run() -> None:
            for socket in self._sockets(user_id):
                act(socket)

        self._do(run)

    def _do(self, act: Callable[[], None]) -> None:
        """Run in the loop, and wait until it is done."""
        if threading.get_ident() == self._thread:
            act()
            return
        done = threading.Event()

        def run() -> None:
            try:
                act()
            finally:
                done.set()

        self._loop.call_soon_threadsafe(run)
        done.wait(DEADLINE_SECONDS)


def _blanks(frames: int, first_seq: int, payload: int) -> Iterator[list[str]]:
    """Frames that mean nothing, as text."""
    metadata: dict[str, Any] = {"event_type": "blast", "notification_type": "blast", "payload": "x" * payload}
    frame = Notify(seq=InboxSeq(0), fingerprint=codec.fingerprint(metadata), ts=0.0, metadata=metadata)
    head, _, tail = codec.encode_notify(frame).partition(json.dumps(0))
    for numbers in _numbers(frames, first_seq):
        yield [f"{head}{number}{tail}" for number in numbers]


def _hints(frames: int, first_seq: int, chats: int) -> Iterator[list[str]]:
    """Frames that tell of so many chats in turn, as text; made before the first goes out, for making takes longer."""
    return iter(
        [
            [codec.encode_notify(_hint(number, chats)) for number in numbers]
            for numbers in _numbers(frames, first_seq)
        ]
    )


def _hint(number: int, chats: int) -> Notify:
    """One message more in the chat whose turn it is."""
    metadata = {
        "event_type": "chat.message",
        "notification_type": "chat",
        "chat_id": str(uuid.UUID(int=number % chats)),
        "message_id": str(uuid.UUID(int=number)),
        "message_seq": number // chats + 1,
        "sender_name": "someone",
        "unread_count": 1,
    }
    return Notify(seq=InboxSeq(number), fingerprint=codec.fingerprint(metadata), ts=0.0, metadata=metadata)


def _numbers(frames: int, first_seq: int) -> Iterator[range]:
    for start in range(first_seq, first_seq + frames, BATCH_FRAMES):
        yield range(start, min(start + BATCH_FRAMES, first_seq + frames))
