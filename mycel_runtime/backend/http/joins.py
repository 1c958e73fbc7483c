"""Join requests (contract 2.7)."""

from __future__ import annotations

from fastapi import APIRouter, Response

from mycel_runtime.backend.http.request_context import Call, Caller, Strict, answer
from mycel_runtime.backend.world import joins

router = APIRouter(prefix="/api/chats/{chat_id}", tags=["join-requests"], strict_content_type=False)


class JoinBody(Strict):
    """What to say to the owner."""

    message: str | None = None


class EmptyBody(Strict):
    """`{}`."""


@router.get("/join-target")
async def get_join_target(chat_id: str, call: Caller) -> Response:
    """The group as seen from outside."""
    return answer(joins.target(call.world, call.user, chat_id))


@router.get("/join-requests")
async def list_join_requests(chat_id: str, call: Caller) -> Response:
    """All of them, in every state."""
    return answer(joins.list_all(call.world, call.user, chat_id))


@router.post("/join-requests")
async def request_join(chat_id: str, body: JoinBody, call: Caller) -> Response:
    """Wish to join."""
    service = call.service
    with service.transaction():
        row = joins.request(
            call.world,
            call.user,
            chat_id,
            body.message,
            message_id=service.new_id(),
            now=service.now(),
        )
    return answer(row)


@router.post("/join-requests/{request_id}/approve")
async def approve_join(chat_id: str, request_id: str, body: EmptyBody, call: Caller) -> Response:  # noqa: ARG001 - checked by being there
    """Let somebody in."""
    return answer(_decide(chat_id, request_id, call, is_approved=True))


@router.post("/join-requests/{request_id}/reject")
async def reject_join(chat_id: str, request_id: str, body: EmptyBody, call: Caller) -> Response:  # noqa: ARG001 - checked by being there
    """Let somebody not in."""
    return answer(_decide(chat_id, request_id, call, is_approved=False))


def _decide(chat_id: str, request_id: str, call: Call, *, is_approved: bool) -> object:
    service = call.service
    with service.transaction():
        return joins.decide(
            call.world,
            call.user,
            chat_id,
            request_id,
            is_approved=is_approved,
            message_id=service.new_id(),
            now=service.now(),
        )
