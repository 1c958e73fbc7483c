"""The runtime inbox over HTTP (contract 2.10)."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from mycel_runtime.backend.http.request_context import Call, Caller, answer
from mycel_runtime.backend.world import inbox
from mycel_runtime.backend.world.refusal import Broken, Refused
from mycel_runtime.wire import codec

newer = APIRouter(prefix="/api/runtime/inbox", tags=["runtime-inbox"], strict_content_type=False)
router = APIRouter(prefix="/api/runtime/inbox", tags=["runtime-inbox"], strict_content_type=False)


@router.post("/drain")
async def drain(call: Caller) -> Response:
    """Everything that waits, numbered and gone from the queue (Q23)."""
    return answer(_drain(call))


@newer.post("/wait")
async def wait(
    call: Caller, timeout_seconds: Annotated[float, Query(ge=0, le=30, allow_inf_nan=False)] = 25.0
) -> Response:
    """The same, after a wake or the timeout; takes the inbox from whoever listens (Q12, Q40)."""
    service = call.service
    woken = asyncio.Event()
    if service.quirks.wait_deafens:
        service.bus.register(call.user.id, woken.set)
    else:
        service.bus.overhear(call.user.id, woken.set)
    try:
        drained = _drain(call)
        if not drained["count"]:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), timeout_seconds)
            drained = _drain(call)
    finally:
        if service.quirks.wait_deafens:
            service.bus.unregister(call.user.id, woken.set)
        else:
            service.bus.leave(call.user.id, woken.set)
    return answer(drained)


def _drain(call: Call) -> dict[str, Any]:
    service = call.service
    try:
        with service.transaction():
            items = inbox.drain(call.world, call.user.id, keeps_queue=not service.quirks.drain_destroys)
    except Broken as exc:
        raise Refused(500, str(exc)) from exc
    if service.rules.is_first:
        return {"count": len(items), "notifications": items}
    frames = service.streams.number(call.user.id, items, service.now())
    return {"count": len(frames), "notifications": [codec.encode_item(frame) for frame in frames]}
