"""Messages and cursors (contract 2.6)."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from fastapi.exceptions import RequestValidationError
from pydantic import Field

from mycel_runtime.backend.http.face import Call, Caller, Strict, answer
from mycel_runtime.backend.world import messages
from mycel_runtime.backend.world.refusal import Broken, Refused
from mycel_runtime.wire.limits import PAGE_MESSAGES

router = APIRouter(prefix="/api/chats/{chat_id}", tags=["messages"])


class SendBody(Strict):
    """What is to be said."""

    content: str
    mentioned_ids: list[str] | None = None
    delivery_scope: Literal["broadcast", "addressed"] = "broadcast"
    addressed_to_user_ids: list[str] | None = None
    reply_to: str | None = None
    enforce_caught_up: bool = False


class ReadBody(Strict):
    """How far the caller has read."""

    up_to_seq: Annotated[int, Field(ge=0)]


@router.get("/messages")
async def list_messages(
    chat_id: str,
    call: Caller,
    limit: Annotated[int, Query(ge=1, le=PAGE_MESSAGES)] = 50,
    before: str | None = None,
) -> Response:
    """A page of the history."""
    seq = _before(before, call) if before else None
    return answer(messages.list_page(call.world, call.user, chat_id, limit, seq))


@router.get("/messages/unread")
async def list_unread(chat_id: str, call: Caller) -> Response:
    """What is unread; nothing moves."""
    return answer(messages.list_unread(call.world, call.user, chat_id))


@router.post("/messages/read")
async def read_messages(chat_id: str, call: Caller) -> Response:
    """What was unread until now (Q26)."""
    with call.service.transaction():
        unread = messages.read(call.world, call.user, chat_id)
    return answer(unread)


@router.post("/read")
async def mark_read(chat_id: str, call: Caller, body: ReadBody | None = None) -> Response:
    """Move the cursor: to `up_to_seq`, or, without a body, to the newest visible message (U5)."""
    with call.service.transaction():
        messages.mark_read(call.world, call.user, chat_id, body.up_to_seq if body else None)
    return answer({"status": "ok"})


@router.post("/messages")
async def send_message(chat_id: str, body: SendBody, call: Caller) -> Response:
    """Say something. The check and the write are two steps (Q28)."""
    speech = messages.Speech(
        content=body.content,
        mentioned_ids=body.mentioned_ids or [],
        delivery_scope=body.delivery_scope,
        addressed_to_user_ids=body.addressed_to_user_ids or [],
        reply_to=body.reply_to,
        enforce_caught_up=body.enforce_caught_up,
    )
    addressed = messages.check(call.world, call.user, chat_id, speech)
    if speech.enforce_caught_up:
        await _between_check_and_write(call)
    return answer(_write(chat_id, speech, addressed, call))


async def _between_check_and_write(call: Call) -> None:
    if call.service.faults.conflicts():
        raise Refused(409, messages.NOT_CAUGHT_UP)
    if call.service.quirks.check_then_write:
        await asyncio.sleep(0)


def _write(chat_id: str, speech: messages.Speech, addressed: list[str], call: Call) -> object:
    service = call.service
    with service.transaction():
        message = messages.write(
            call.world,
            call.user,
            chat_id,
            speech,
            addressed,
            message_id=service.new_id(),
            now=service.now(),
        )
    return messages.show(call.world, call.world.rooms[chat_id], message)


def _before(before: str, call: Call) -> int:
    try:
        return int(before)
    except ValueError as exc:
        if call.service.quirks.bad_before_500:
            raise Broken("before is no number") from exc
        problem = {
            "type": "int_parsing",
            "loc": ("query", "before"),
            "msg": "not an integer",
            "input": before,
        }
        raise RequestValidationError([problem]) from exc
