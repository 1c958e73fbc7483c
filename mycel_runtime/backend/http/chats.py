"""Chats (contract 2.5)."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response
from fastapi.exceptions import RequestValidationError
from pydantic import Field

from mycel_runtime.backend.http.request_context import Body, Caller, Strict, answer
from mycel_runtime.backend.world import chats

router = APIRouter(prefix="/api/chats", tags=["chats"], strict_content_type=False)
newer = APIRouter(prefix="/api/chats", tags=["chats"], strict_content_type=False)


class ChatBody(Body):
    """A new chat with others."""

    user_ids: list[str] = Field(default_factory=list)
    title: str | None = None
    kind: Literal["auto", "direct", "group"] = "auto"


class MuteBody(Body):
    """Whom to mute or not."""

    user_id: str
    muted: bool
    mute_until: float | None = None


class MemberBody(Strict):
    """A new member."""

    user_id: str


@router.get("")
async def list_chats(call: Caller) -> Response:
    """The caller's active chats."""
    return answer(chats.list_summaries(call.world, call.user))


@router.post("")
async def create_chat(body: ChatBody, call: Caller) -> Response:
    """A new chat, or the direct chat that there is."""
    service = call.service
    if service.rules.is_first and not body.user_ids:
        problem = {"type": "too_short", "loc": ("body", "user_ids"), "msg": "too short", "input": []}
        raise RequestValidationError([problem])
    with service.transaction():
        chat = chats.create(
            call.world,
            call.user,
            body.user_ids,
            body.title,
            "auto" if service.rules.is_first else body.kind,
            chat_id=service.new_id(),
            now=service.now(),
        )
    return answer(chats.show_new(chat))


@router.get("/{chat_id}")
async def get_chat(chat_id: str, call: Caller) -> Response:
    """A chat and its members."""
    return answer(chats.show_detail(call.world, call.user, chat_id))


@newer.post("/{chat_id}/members")
async def add_member(chat_id: str, body: MemberBody, call: Caller) -> Response:
    """Somebody more in a group."""
    with call.service.transaction():
        membership = chats.add_member(call.world, call.user, chat_id, body.user_id)
    return answer(membership)


@router.post("/{chat_id}/mute")
async def mute_member(chat_id: str, body: MuteBody, call: Caller) -> Response:
    """Mute oneself, or whom one owns; without effect on who is no member."""
    with call.service.transaction():
        chats.mute(call.world, call.user, chat_id, body.user_id, body.mute_until, is_muted=body.muted)
    return answer({"status": "ok", "muted": body.muted})


@router.delete("/{chat_id}")
async def delete_chat(chat_id: str, call: Caller) -> Response:
    """Delete a chat; no reference client calls this."""
    with call.service.transaction():
        chats.delete(call.world, call.user, chat_id)
    return answer({"status": "deleted"})
