"""Chats (contract 2.5)."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from mycel_runtime.backend.http.face import Caller, Strict, answer
from mycel_runtime.backend.world import chats

router = APIRouter(prefix="/api/chats", tags=["chats"])


class ChatBody(BaseModel):
    """A new chat with others."""

    user_ids: list[str] = []
    title: str | None = None
    kind: Literal["auto", "direct", "group"] = "auto"


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
    with service.transaction():
        chat = chats.create(
            call.world,
            call.user,
            body.user_ids,
            body.title,
            body.kind,
            chat_id=service.new_id(),
            now=service.now(),
        )
    return answer(chats.show_new(chat))


@router.get("/{chat_id}")
async def get_chat(chat_id: str, call: Caller) -> Response:
    """A chat and its members."""
    return answer(chats.show_detail(call.world, call.user, chat_id))


@router.post("/{chat_id}/members")
async def add_member(chat_id: str, body: MemberBody, call: Caller) -> Response:
    """Somebody more in a group."""
    with call.service.transaction():
        membership = chats.add_member(call.world, call.user, chat_id, body.user_id)
    return answer(membership)
