"""Wishes to join a group (contract 2.7, 4.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mycel_runtime.backend.world import chats, messages
from mycel_runtime.backend.world.entities import JoinRequest, QueueItem, User
from mycel_runtime.backend.world.refusal import Refused

if TYPE_CHECKING:
    from mycel_runtime.backend.world.state import Room, World

ONLY_OWNER = "Only the chat owner can manage join requests"


def target(world: World, caller: User, chat_id: str) -> dict[str, Any]:
    """
    A group as seen from outside.

    Raises:
        Refused: 404, 409.
    """
    room = _group(world, chat_id)
    current = world.join_requests.get(_key(chat_id, caller.id))
    return {
        "id": chat_id,
        "type": room.chat.type,
        "title": room.chat.title,
        "status": room.chat.status,
        "created_by_user_id": room.chat.created_by_user_id,
        "is_member": caller.id in room.members,
        "current_request": show(world, current) if current else None,
    }


def list_all(world: World, caller: User, chat_id: str) -> list[dict[str, Any]]:
    """
    Every request of a group, for its owner.

    Raises:
        Refused: 404, 409, 403.
    """
    room = _owned(world, caller, chat_id)
    rows = [row for row in world.join_requests.values() if row.chat_id == room.chat.id]
    return [show(world, row) for row in rows]


def request(
    world: World, caller: User, chat_id: str, text: str | None, *, message_id: str, now: float
) -> dict[str, Any]:
    """
    Wish to join; a repeated wish is the same request, pending again.

    Raises:
        Refused: 404, 409; 500 after the request was stored (Q21).
    """
    room = _group(world, chat_id)
    if caller.id in room.members:
        raise Refused(409, "Already a participant of this chat")
    row = JoinRequest(
        chat_id=chat_id, requester_user_id=caller.id, message=text, created_at=now, updated_at=now
    )
    world.put(row)
    said = f"{caller.name} ({caller.id}) requested to join this chat" + (f": {text}" if text else "")
    owner_id = room.chat.created_by_user_id
    _say(world, row, caller, said, owner_id, "request_notification", message_id=message_id, now=now)
    return show(world, row)


def decide(
    world: World,
    caller: User,
    chat_id: str,
    request_id: str,
    *,
    is_approved: bool,
    message_id: str,
    now: float,
) -> dict[str, Any]:
    """
    Let somebody in, or not.

    Raises:
        Refused: 404, 409, 403; 500 after the decision was stored (Q21).
    """
    room = _owned(world, caller, chat_id)
    row = world.join_requests.get(request_id)
    if row is None or row.chat_id != chat_id:
        raise Refused(404, "Chat join request not found")
    if row.state != "pending":
        raise Refused(409, "Chat join request is not pending")
    row.state = "approved" if is_approved else "rejected"
    row.decided_by_user_id, row.decided_at, row.updated_at = caller.id, now, now
    world.touch(row)
    if is_approved:
        chats.join(world, room, row.requester_user_id)
    said = f"{caller.name} {row.state} the join request of {row.requester_user_id}"
    action = "approve_notification" if is_approved else "reject_notification"
    _say(world, row, caller, said, row.requester_user_id, action, message_id=message_id, now=now)
    if not is_approved:
        _tell_rejection(world, caller, row, said)
    return show(world, row)


def show(world: World, row: JoinRequest) -> dict[str, Any]:
    """A request as every answer shows it."""
    requester = world.users.get(row.requester_user_id)
    return {
        "id": row.key,
        "chat_id": row.chat_id,
        "requester_user_id": row.requester_user_id,
        "state": row.state,
        "message": row.message,
        "decided_by_user_id": row.decided_by_user_id,
        "decided_at": row.decided_at,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "requester_name": requester.name if requester else None,
        "requester_type": requester.type if requester else None,
    }


def _key(chat_id: str, user_id: str) -> str:
    return f"chat_join:{chat_id}:{user_id}"


def _group(world: World, chat_id: str) -> Room:
    room = world.room(chat_id)
    if room.chat.type != "group":
        raise Refused(409, "Join requests are only supported for group chats")
    if room.chat.status != "active":
        raise Refused(409, "Chat is not active")
    return room


def _owned(world: World, caller: User, chat_id: str) -> Room:
    room = _group(world, chat_id)
    if room.chat.created_by_user_id != caller.id:
        raise Refused(403, ONLY_OWNER)
    return room


def _say(
    world: World,
    row: JoinRequest,
    sender: User,
    said: str,
    mentioned: str,
    action: str,
    *,
    message_id: str,
    now: float,
) -> None:
    """Store the notification that every member reads; its sender need not be a member (Q42)."""
    speech = messages.Speech(content=said, mentioned_ids=[mentioned], message_type="notification")
    try:
        messages.write(world, sender, row.chat_id, speech, message_id=message_id, now=now)
    except Refused as exc:
        cause = exc.detail["cause"] if isinstance(exc.detail, dict) else exc.detail
        detail = {
            "error": "chat_join_action_failed",
            "action": action,
            "row": show(world, row),
            "cause": cause,
        }
        raise Refused(500, detail) from exc


def _tell_rejection(world: World, caller: User, row: JoinRequest, summary: str) -> None:
    requester = world.users.get(row.requester_user_id)
    if requester is None or requester.type != "external":
        return
    content = {
        "event_type": "chat.join.rejected",
        "summary": summary,
        "chat_join_request_id": row.key,
        "chat_id": row.chat_id,
        "state": "rejected",
    }
    world.notify(
        QueueItem(
            id=0,
            inbox=requester.id,
            content=content,
            notification_type="chat_join",
            sender_id=caller.id,
            sender_name=caller.name,
        )
    )
