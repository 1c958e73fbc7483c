"""Messages and cursors (contract 2.6)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from fastapi import APIRouter, Header, Query, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticSerializationError

from mycel_runtime.backend.http.request_context import (
    Call,
    Caller,
    Strict,
    UncheckedCaller,
    answer,
    is_storable_text,
)
from mycel_runtime.backend.world import messages
from mycel_runtime.backend.world.refusal import Broken
from mycel_runtime.wire.limits import PAGE_MESSAGES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.backend.quirks import Generation

router = APIRouter(prefix="/api/chats/{chat_id}", tags=["messages"], strict_content_type=False)
older = APIRouter(prefix="/api/chats/{chat_id}", tags=["messages"], strict_content_type=False)
mark_read_of: Final[dict[Generation, APIRouter]] = {
    generation: APIRouter(prefix="/api/chats/{chat_id}", tags=["messages"], strict_content_type=False)
    for generation in ("b1", "b2", "b")
}
"""How far one has read, as each generation is told it (U5): without a body, with one, either way."""


class SendBody(BaseModel):
    """What is to be said; whether it can be stored is found out late."""

    model_config = ConfigDict(extra="forbid")

    content: str
    mentioned_ids: list[str] | None = None
    delivery_scope: Literal["broadcast", "addressed"] = "broadcast"
    addressed_to_user_ids: list[str] | None = None
    reply_to: str | None = None
    enforce_caught_up: bool = False


class OldSendBody(BaseModel):
    """What generation A takes: no scope, no addressees; every call of either SDK is refused (422)."""

    model_config = ConfigDict(extra="forbid")

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


@mark_read_of["b"].post("/read")
async def mark_read(chat_id: str, call: Caller, body: ReadBody | None = None) -> Response:
    """Move the cursor: to `up_to_seq`, or, without a body, to the newest visible message."""
    with call.service.transaction():
        messages.mark_read(call.world, call.user, chat_id, body.up_to_seq if body else None)
    return answer({"status": "ok"})


@mark_read_of["b2"].post("/read")
async def mark_read_up_to(chat_id: str, call: Caller, body: ReadBody) -> Response:
    """Move the cursor to `up_to_seq`."""
    return await mark_read(chat_id, call, body)


@router.post("/messages")
async def send_message(
    chat_id: str,
    body: SendBody,
    call: UncheckedCaller,
    idempotency_key: Annotated[str | None, Header()] = None,
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
    if not service.quirks.text_must_be_storable:
        _check_json(body)
    key = (call.user.id, chat_id, idempotency_key or "")
    if key in service.sent:
        return answer(service.sent[key])
    addressed = messages.check(call.world, call.user, chat_id, speech)
    if speech.enforce_caught_up:
        await _between_check_and_write(chat_id, call)
    seq = await _between_number_and_insert(chat_id, call, body)
    shown = _write(chat_id, speech, call, addressed=addressed, seq=seq)
    if idempotency_key and not service.quirks.no_idempotency_key:
        service.sent[key] = shown
    return answer(shown)


@router.post("/messages/{message_id}/retract")
async def retract_message(chat_id: str, message_id: str, call: Caller) -> Response:
    """Take back what one said; no reference client calls this."""
    with call.service.transaction():
        messages.retract(call.world, call.user, chat_id, message_id, call.service.now())
    return answer({"status": "retracted"})


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
async def send_old_message(chat_id: str, body: OldSendBody, call: UncheckedCaller) -> Response:
    """Say something to generation A."""
    return await send_message(chat_id, SendBody(**body.model_dump()), call)


@mark_read_of["b1"].post("/read")
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


async def _between_number_and_insert(chat_id: str, call: Call, body: SendBody) -> int | None:
    """The drawn number of a message that is held back or lost."""
    service = call.service
    is_storable = is_storable_text(body.model_dump()) or not service.quirks.text_must_be_storable
    if (seconds := service.faults.take_hold()) is not None:
        seq = messages.draw_seq(call.world, chat_id) if service.quirks.number_then_insert else None
        await asyncio.sleep(seconds)
        return seq
    if not is_storable or service.faults.strikes("insert"):
        with service.transaction():
            messages.draw_seq(call.world, chat_id)
        raise Broken("the message cannot be stored")
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


def _check_json(body: SendBody) -> None:
    try:
        body.model_dump_json()
    except PydanticSerializationError as exc:
        problem = {"type": "value_error", "loc": ("body",), "msg": "not storable as JSON", "input": None}
        raise RequestValidationError([problem]) from exc


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
