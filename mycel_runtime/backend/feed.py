"""
The WebSocket face: `GET /api/runtime/inbox/subscribe` (contract 5).

The order of its steps is the real server's, because the order is what the quirks are made of: it waits for the
first message or the first wake, whichever is first (Q14), never reads again after that (Q13, Q16), and cleans
up whoever is registered when it ends (Q11).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Response, WebSocket
from starlette.websockets import WebSocketDisconnect

from mycel_runtime.backend.service import SERVICE
from mycel_runtime.backend.sockets import FeedSocket, socket_of
from mycel_runtime.backend.world import inbox
from mycel_runtime.backend.world.refusal import Broken, Refused
from mycel_runtime.wire import codec
from mycel_runtime.wire.frames import Overflow
from mycel_runtime.wire.limits import RING_FRAMES

if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence

    from mycel_runtime.backend.quirks import Quirks
    from mycel_runtime.backend.service import Service
    from mycel_runtime.backend.world.entities import User
    from mycel_runtime.wire.frames import Notify

router = APIRouter()

SUBPROTOCOL: Final = "bearer."
CLOSE_POLICY: Final = 1008
CLOSE_BROKEN: Final = 1011


@router.websocket("/api/runtime/inbox/subscribe")
async def subscribe(websocket: WebSocket) -> None:
    """One subscription, from handshake to end."""
    service: Service = websocket.scope[SERVICE]
    user = await _admit(websocket, service)
    if user is not None:
        await Subscription(websocket, service, user.id).live()


async def _admit(websocket: WebSocket, service: Service) -> User | None:
    """Who this is, with the connection accepted; `None` when it was refused (5.2, Q18)."""
    if (token := _token(websocket, service.quirks)) is None:
        await websocket.close(CLOSE_POLICY)
        return None
    try:
        user = service.user_of(token)
    except Refused:
        if service.quirks.handshake_500 and not service.is_orphaned(token):
            refusal = Response("Internal Server Error", 500, media_type="text/plain")
            await websocket.send_denial_response(refusal)
        else:
            await websocket.close(CLOSE_POLICY)
        return None
    protocols = [] if service.quirks.header_only else websocket.scope["subprotocols"]
    await websocket.accept(subprotocol=protocols[0] if protocols else None)
    return user


def _token(websocket: WebSocket, quirks: Quirks) -> str | None:
    """The header's token, whatever stands behind the first blank; a subprotocol's only with the quirk off (U8)."""
    scheme, _, token = websocket.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token
    for protocol in () if quirks.header_only else websocket.scope["subprotocols"]:
        if protocol.startswith(SUBPROTOCOL):
            return str(protocol[len(SUBPROTOCOL) :])
    return None


class _Gone(Exception):  # noqa: N818 - not an error: the connection is over
    """Nobody listens any more, or nobody shall."""


class Subscription:
    """An accepted connection of a user, and the wakes that it has not acted on."""

    def __init__(self, websocket: WebSocket, service: Service, user_id: str) -> None:
        self._websocket = websocket
        self._service = service
        self._quirks = service.quirks
        self._user_id = user_id
        self._signals: asyncio.Queue[bool] = asyncio.Queue()
        self._sent_seq = service.streams.last_seq(user_id)

    def wake(self) -> None:
        """The inbox has something. Not coalesced with others (Q8)."""
        self._signals.put_nowait(True)

    def end(self) -> None:
        """Stop; what was woken before is done before."""
        self._signals.put_nowait(False)

    async def live(self) -> None:
        """Serve until the connection is over; a closed one is noticed when something is sent (Q13)."""
        socket = socket_of(self._websocket.scope)
        socket.user_id = self._user_id
        if not self._quirks.zombies_eat:
            socket.when_lost = self.end
        self._service.subscriptions.add(self)
        self._service.bus.register(self._user_id, self.wake)
        try:
            await self._serve(socket)
        except* (_Gone, WebSocketDisconnect):
            # The connection is over, and whoever called has nothing more to do with it: an ordinary end.
            pass
        finally:
            self._service.bus.unregister(self._user_id, self.wake)
            self._service.subscriptions.discard(self)

    async def _serve(self, socket: FeedSocket) -> None:
        if not self._quirks.wake_beats_resume:
            await self._serve_attentively(socket)
            return
        if (message := await self._first_message()) is not None:
            await self._replay(socket, message)
        while await self._signals.get() and not self._may_leave(socket):
            await self._announce()

    async def _serve_attentively(self, socket: FeedSocket) -> None:
        """Act on the first message whenever it comes (Q14 switched off)."""
        async with asyncio.TaskGroup() as tasks:
            hearing = tasks.create_task(self._websocket.receive(), name="first-message")
            hearing.add_done_callback(lambda _: self.wake())
            is_heard = False
            while await self._signals.get() and not self._may_leave(socket):
                if hearing.done() and not is_heard:
                    is_heard = True
                    await self._replay(socket, hearing.result())
                else:
                    await self._announce()
            hearing.cancel()

    def _may_leave(self, socket: FeedSocket) -> bool:
        return socket.is_lost and not self._quirks.zombies_eat

    async def _first_message(self) -> MutableMapping[str, Any] | None:
        """
        Wait for the first message or the first wake, whichever is first (Q14).

        Returns:
            The message; a wake of the same tick is lost then. `None` if the wake came first: it is put back,
            and the message will never be read.
        """
        async with asyncio.TaskGroup() as tasks:
            hearing = tasks.create_task(self._websocket.receive(), name="first-message")
            waking = tasks.create_task(self._signals.get(), name="first-wake")
            await asyncio.wait([hearing, waking], return_when=asyncio.FIRST_COMPLETED)
            hearing.cancel()
            waking.cancel()
        if hearing.cancelled():
            self._signals.put_nowait(waking.result())
        return None if hearing.cancelled() else hearing.result()

    async def _replay(self, socket: FeedSocket, message: MutableMapping[str, Any]) -> None:
        """Act on the first message (5.3)."""
        if message["type"] != "websocket.receive":
            raise _Gone
        try:
            since_seq = codec.decode_resume(message["text"])
        except (KeyError, TypeError, ValueError, OverflowError) as exc:
            if not self._quirks.bad_resume_kills:
                return
            socket.abort()
            raise _Gone from exc
        if since_seq is not None:
            await self._resume(since_seq)

    async def _resume(self, since_seq: int) -> None:
        replay = self._service.streams.replay(self._user_id, since_seq)
        if isinstance(replay, Overflow):
            await self._websocket.send_text(codec.encode_overflow(replay))
            replay = [] if self._quirks.overflow_only else self._service.streams.ring(self._user_id)
        await self._send(replay)
        if not self._quirks.resume_only_replays:
            self.wake()

    async def _announce(self) -> None:
        """Drain, number, send: into a dead socket too (Q13)."""
        service = self._service
        try:
            with service.transaction():
                items = inbox.drain(service.world, self._user_id)
        except Broken as exc:
            await self._websocket.close(CLOSE_BROKEN, str(exc))
            raise _Gone from exc
        frames = service.streams.number(self._user_id, items, service.now())
        if not self._quirks.gaps:
            ring = service.streams.ring(self._user_id)
            frames = [frame for frame in ring if frame.seq > self._sent_seq]
        await self._send(frames[-RING_FRAMES:] if self._quirks.batch_cut else frames)

    async def _send(self, frames: Sequence[Notify]) -> None:
        if frames:
            self._sent_seq = frames[-1].seq
        for text in self._service.faults.shape([codec.encode_notify(frame) for frame in frames]):
            await self._websocket.send_text(text)
