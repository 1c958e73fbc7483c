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

from mycel_runtime.backend.world import inbox
from mycel_runtime.backend.world.refusal import Broken, Refused
from mycel_runtime.wire import codec
from mycel_runtime.wire.frames import Overflow
from mycel_runtime.wire.limits import RING_FRAMES

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from mycel_runtime.backend.service import Service
    from mycel_runtime.backend.world.entities import User

router = APIRouter()

SUBPROTOCOL: Final = "bearer."
CLOSE_POLICY: Final = 1008
CLOSE_BROKEN: Final = 1011


class _Gone(Exception):  # noqa: N818 - not an error: the connection is over
    """Nobody listens any more, or nobody shall."""


@router.websocket("/api/runtime/inbox/subscribe")
async def subscribe(websocket: WebSocket) -> None:
    """One subscription, from handshake to end."""
    service: Service = websocket.app.state.service
    user = await _admit(websocket, service)
    if user is None:
        return
    signals: asyncio.Queue[None] = asyncio.Queue()

    def signal() -> None:
        signals.put_nowait(None)

    service.bus.register(user.id, signal)
    try:
        await _serve(websocket, service, user.id, signals)
    except (_Gone, WebSocketDisconnect):
        pass
    finally:
        service.bus.unregister(user.id, signal)


async def _admit(websocket: WebSocket, service: Service) -> User | None:
    """Who this is, with the connection accepted; `None` when it was refused (5.2, Q18)."""
    if (token := _token(websocket)) is None:
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
    protocols = websocket.scope["subprotocols"]
    await websocket.accept(subprotocol=protocols[0] if protocols else None)
    return user


def _token(websocket: WebSocket) -> str | None:
    """The header's token, else a subprotocol's (U8)."""
    scheme, _, token = websocket.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    for protocol in websocket.scope["subprotocols"]:
        if protocol.startswith(SUBPROTOCOL):
            return str(protocol[len(SUBPROTOCOL) :])
    return None


async def _serve(websocket: WebSocket, service: Service, user_id: str, signals: asyncio.Queue[None]) -> None:
    if not await _begin(websocket, service, user_id, signals):
        await _announce(websocket, service, user_id)
    while True:
        await signals.get()
        await _announce(websocket, service, user_id)


async def _begin(websocket: WebSocket, service: Service, user_id: str, signals: asyncio.Queue[None]) -> bool:
    """
    Wait for the first message or the first wake.

    Returns:
        Whether it was the message; then the replay is done, and a wake of the same tick is lost (Q14).
    """
    async with asyncio.TaskGroup() as tasks:
        hearing = tasks.create_task(websocket.receive(), name="first-message")
        waking = tasks.create_task(signals.get(), name="first-wake")
        await asyncio.wait([hearing, waking], return_when=asyncio.FIRST_COMPLETED)
        hearing.cancel()
        waking.cancel()
    if hearing.cancelled():
        return False
    await _replay(websocket, service, user_id, hearing.result())
    if not service.quirks.wake_beats_resume and not waking.cancelled():
        signals.put_nowait(None)
    return True


async def _replay(
    websocket: WebSocket, service: Service, user_id: str, message: MutableMapping[str, Any]
) -> None:
    """Act on the first message (5.3)."""
    if message["type"] != "websocket.receive":
        raise _Gone
    try:
        since_seq = codec.decode_resume(message["text"])
    except (KeyError, TypeError, ValueError, OverflowError) as exc:
        drop(websocket)
        raise _Gone from exc
    if since_seq is None:
        return
    replay = service.streams.replay(user_id, since_seq)
    if isinstance(replay, Overflow):
        await websocket.send_text(codec.encode_overflow(replay))
        return
    for frame in replay:
        await websocket.send_text(codec.encode_notify(frame))


async def _announce(websocket: WebSocket, service: Service, user_id: str) -> None:
    """Drain, number, send: into a dead socket too (Q13)."""
    try:
        with service.transaction():
            items = inbox.drain(service.world, user_id)
    except Broken as exc:
        await websocket.close(CLOSE_BROKEN, str(exc))
        raise _Gone from exc
    frames = service.streams.number(user_id, items, service.now())
    if service.quirks.batch_cut:
        frames = frames[-RING_FRAMES:]
    for frame in frames:
        await websocket.send_text(codec.encode_notify(frame))


def drop(websocket: WebSocket) -> None:
    """Cut the connection without a close frame."""
    websocket.scope["extensions"]["mycel.socket"].abort()
