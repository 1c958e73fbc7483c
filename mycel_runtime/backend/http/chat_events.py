"""A chat's messages as server-sent events (contract 2.5): for people's browsers, no reference client calls this."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import pydantic_core
from fastapi import APIRouter
from starlette.responses import StreamingResponse

from mycel_runtime.backend.http.request_context import Caller  # noqa: TC001 - FastAPI resolves annotations at run time
from mycel_runtime.backend.world import workflows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Any

    from mycel_runtime.backend.service import Service

router = APIRouter(prefix="/api/chats/{chat_id}", tags=["chats"], strict_content_type=False)

RETRY: Final = "retry: 5000\n\n"
KEEPALIVE: Final = ": keepalive\n\n"
KEEPALIVE_SECONDS: Final = 30.0

QUEUED_MESSAGES: Final = 256
"""Whoever is further behind is cut off, and reads the history when he is back."""


class Viewer:
    """Somebody who watches a chat."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(QUEUED_MESSAGES)

    def show(self, message: dict[str, Any]) -> None:
        """A message was stored."""
        try:
            self._messages.put_nowait(message)
        except asyncio.QueueFull:
            self.end()

    def end(self) -> None:
        """Stop; what waits is not shown any more."""
        while not self._messages.empty():
            self._messages.get_nowait()
        self._messages.put_nowait(None)

    async def next_text(self) -> str:
        """What is to be sent next; empty when it is over."""
        try:
            async with asyncio.timeout(KEEPALIVE_SECONDS):
                message = await self._messages.get()
        except TimeoutError:
            return KEEPALIVE
        if message is None:
            return ""
        return f"event: message\ndata: {pydantic_core.to_json(message).decode()}\n\n"


@router.get("/events")
async def watch_chat(chat_id: str, call: Caller) -> StreamingResponse:
    """What is said in a chat from now on, for as long as the caller stays."""
    workflows.room_for(call.world, call.user, chat_id)
    viewer = Viewer()
    call.service.watch(chat_id, viewer)
    return StreamingResponse(_watch(call.service, chat_id, viewer), media_type="text/event-stream")


async def _watch(service: Service, chat_id: str, viewer: Viewer) -> AsyncIterator[str]:
    try:
        yield RETRY
        while text := await viewer.next_text():
            yield text
    finally:
        service.unwatch(chat_id, viewer)
