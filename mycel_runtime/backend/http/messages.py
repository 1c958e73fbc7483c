"""Messages and cursors (contract 2.6)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Response
from fastapi.exceptions import RequestValidationError
from pydantic import Field

from mycel_runtime.backend.http.request_context import Call, Caller, Strict, answer
from mycel_runtime.backend.world import messages
from mycel_runtime.backend.world.refusal import Broken
from mycel_runtime.wire.limits import PAGE_MESSAGES

if TYPE_CHECKING:
    from collections.abc import Sequence

router = APIRouter(prefix="/api/chats/{chat_id}", tags=["messages"])
older = APIRouter(prefix="/api/chats/{chat_id}", tags=["messages"])


class SendBody(Strict):
    """What is to be said."""

    content: str
    mentioned_ids: list[str] | None = None
    delivery_scope: Literal["broadcast", "addressed"] = "broadcast"
    addressed_to_user_ids: list[str] | None = None
    reply_to: str | None = None
    enforce_caught_up: bool = False


class OldSendBody(Strict):
    """What generation A takes: no scope, no addressees; every call of either SDK is refused (422)."""

    content: str
    mentioned_ids: list[str] | None = None
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
async def send_message(
    chat_id: str, body: SendBody, call: Caller, idempotency_key: Annotated[str | None, Header()] = None
) -> Response:
    """Say something. Check, number and write are three steps, and others may come between (Q27, Q28)."""
    speech = messages.Speech(
        content=body.content,
        mentioned_ids=body.mentioned_ids or [],
        delivery_scope=body.delivery_scope,
        addressed_to_user_ids=body.addressed_to_user_ids or [],
        reply_to=body.reply_to,
        enforce_caught_up=body.enforce_caught_up,
    )
    service = call.service
    key = (call.user.id, chat_id, idempotency_key or "")
    if key in service.sent:
        return answer(service.sent[key])
    addressed = messages.check(call.world, call.user, chat_id, speech)
    if speech.enforce_caught_up:
        await _between_check_and_write(chat_id, call)
    seq = await _between_number_and_insert(chat_id, call)
    shown = _write(chat_id, speech, call, addressed=addressed, seq=seq)
    if idempotency_key and not service.quirks.no_idempotency_key:
        service.sent[key] = shown
    return answer(shown)


@router.post("/messages/{message_id}/retract")
async def retract_message(chat_id: str, message_id: str, call: Caller) -> Response:
    """Take back what one said; no reference client calls this."""
    with call.service.transaction():
        messages.retract(call.world, call.user, chat_id, message_id, call.service.now())
    return answer({"status": "ok"})


@router.delete("/messages/{message_id}")
async def hide_message(chat_id: str, message_id: str, call: Caller) -> Response:
    """Hide a message from oneself; no reference client calls this."""
    with call.service.transaction():
        messages.hide(call.world, call.user, chat_id, message_id)
    return answer({"status": "deleted"})


older.add_api_route("/messages", list_messages, methods=["GET"])
older.add_api_route("/messages/unread", list_unread, methods=["GET"])
older.add_api_route("/messages/{message_id}/retract", retract_message, methods=["POST"])
older.add_api_route("/messages/{message_id}", hide_message, methods=["DELETE"])


@older.post("/messages")
async def send_old_message(chat_id: str, body: OldSendBody, call: Caller) -> Response:
    """Say something to generation A."""
    return await send_message(chat_id, SendBody(**body.model_dump()), call)


@older.post("/read")
async def mark_all_read(chat_id: str, call: Caller) -> Response:
    """Move the cursor to the newest visible message."""
    return await mark_read(chat_id, call)


async def _between_check_and_write(chat_id: str, call: Call) -> None:
    service = call.service
    if service.faults.strikes("conflict"):
        raise messages.not_caught_up(call.world, chat_id)
    if not service.quirks.check_then_write:
        return
    await asyncio.sleep(0)
    if (interjection := service.faults.take_interjection()) is not None:
        other = Call(service, call.world.users[interjection.user_id])
        _write(chat_id, messages.Speech(content=interjection.content), other)


async def _between_number_and_insert(chat_id: str, call: Call) -> int | None:
    """The drawn number of a message that is held back or lost."""
    service = call.service
    if (seconds := service.faults.take_hold()) is not None:
        seq = messages.draw_seq(call.world, chat_id) if service.quirks.number_then_insert else None
        await asyncio.sleep(seconds)
        return seq
    if service.faults.strikes("insert"):
        with service.transaction():
            messages.draw_seq(call.world, chat_id)
        raise Broken("insert failed on request")
    return None


def _write(
    chat_id: str,
    speech: messages.Speech,
    call: Call,
    *,
    addressed: Sequence[str] = (),
    seq: int | None = None,
) -> dict[str, Any]:
    service = call.service
    with service.transaction():
        message = messages.write(
            call.world,
            call.user,
            chat_id,
            speech,
            message_id=service.new_id(),
            now=service.now(),
            addressed=addressed,
            seq=seq,
            is_broken=service.faults.strikes("delivery"),
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
