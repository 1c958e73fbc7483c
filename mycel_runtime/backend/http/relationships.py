"""Relationships (contract 2.9)."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response

from mycel_runtime.backend.http.request_context import Caller, Strict, answer
from mycel_runtime.backend.world import relationships

router = APIRouter(prefix="/api/relationships", tags=["relationships"], strict_content_type=False)


class RequestBody(Strict):
    """Whom, and what to say."""

    target_user_id: str
    message: str | None = None


class EmptyBody(Strict):
    """`{}`."""


@router.get("")
async def list_relationships(call: Caller) -> Response:
    """The caller's."""
    return answer(relationships.list_all(call.world, call.user))


@router.post("/request")
async def request_relationship(body: RequestBody, call: Caller) -> Response:
    """Ask somebody."""
    service = call.service
    with service.transaction():
        row = relationships.request(
            call.world,
            call.user,
            body.target_user_id,
            body.message,
            service.now(),
            is_broken=service.faults.strikes("delivery"),
        )
    return answer(row)


@router.post("/{relationship_id}/{event}")
async def change_relationship(
    relationship_id: str,
    event: Literal["approve", "reject", "upgrade", "downgrade", "revoke"],
    body: EmptyBody,  # noqa: ARG001 - checked by being there
    call: Caller,
) -> Response:
    """Take a step."""
    service = call.service
    with service.transaction():
        row = relationships.change(
            call.world,
            call.user,
            relationship_id,
            event,
            service.now(),
            is_broken=service.faults.strikes("delivery"),
        )
    return answer(row)
