"""The runtime inbox over HTTP (contract 2.10)."""

from __future__ import annotations

from fastapi import APIRouter, Response

from mycel_runtime.backend.http.face import Caller, answer
from mycel_runtime.backend.world import inbox
from mycel_runtime.backend.world.refusal import Broken, Refused
from mycel_runtime.wire import codec

router = APIRouter(prefix="/api/runtime/inbox", tags=["runtime-inbox"])


@router.post("/drain")
async def drain(call: Caller) -> Response:
    """Everything that waits, numbered and gone from the queue (Q23)."""
    service = call.service
    try:
        with service.transaction():
            items = inbox.drain(call.world, call.user.id)
    except Broken as exc:
        raise Refused(500, str(exc)) from exc
    frames = service.streams.number(call.user.id, items, service.now())
    return answer({"count": len(frames), "notifications": [codec.encode_item(frame) for frame in frames]})
