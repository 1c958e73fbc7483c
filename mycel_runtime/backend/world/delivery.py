"""Who is woken by a message (contract 4.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mycel_runtime.backend.world.chats import contact_key
from mycel_runtime.backend.world.refusal import Refused

if TYPE_CHECKING:
    from mycel_runtime.backend.world.entities import Member, Message, User
    from mycel_runtime.backend.world.state import Room, World


def deliver(world: World, room: Room, message: Message, *, is_broken: bool = False) -> None:
    """
    Leave a token in the inbox of every member whom this message wakes, and wake him.

    Args:
        world: Where.
        room: The message's chat.
        message: Stored already.
        is_broken: Fail at the first recipient, as a fault.

    Raises:
        Refused: 500 with the stored row: a member could not be reached; later ones are not woken (Q21, Q49).
    """
    targets = set(message.addressed_to_user_ids or message.mentioned_ids)
    if message.message_type == "notification" and not targets:
        return
    for member in room.members.values():
        if member.user_id == message.sender_id or not _is_concerned(message, member.user_id):
            continue
        wakes = _wakes(world, member, message, targets)
        if cause := _why_unreachable(world, member.user_id, wakes=wakes, is_broken=is_broken):
            if world.quirks.failed_after_commit:
                raise Refused(500, _failure(message, cause))
            continue
        if wakes:
            world.announce(member.user_id, room.chat.id, world.users.get(message.sender_id))


def _is_concerned(message: Message, user_id: str) -> bool:
    return not message.addressed_to_user_ids or user_id in message.addressed_to_user_ids


def _why_unreachable(world: World, user_id: str, *, wakes: bool, is_broken: bool) -> str:
    """Why delivering to this member fails; empty when it does not. Only woken agents need a runtime (2.12)."""
    user = world.users.get(user_id)
    if user is None:
        return f"Chat delivery recipient not found: {user_id}"
    if wakes and user.type == "agent" and not world.rules.is_full:
        return f"Managed agent runtime unavailable: {user_id}"
    return "delivery failed on request" if is_broken else ""


def _failure(message: Message, cause: str) -> dict[str, Any]:
    """The row under its storage names and the normalised ones, without `sender_name` (2.6)."""
    row = {
        "id": message.id,
        "chat_id": message.chat_id,
        "sender_user_id": message.sender_id,
        "sender_id": message.sender_id,
        "content": message.content,
        "content_type": "text",
        "message_type": message.message_type,
        "mentions_json": message.mentioned_ids,
        "mentioned_ids": message.mentioned_ids,
        "delivery_scope": message.delivery_scope,
        "addressed_to_user_ids": message.addressed_to_user_ids,
        "reply_to_message_id": message.reply_to,
        "seq": message.seq,
        "signal": message.signal,
        "retracted_at": message.retracted_at,
        "created_at": message.created_at,
    }
    return {"error": "chat_message_delivery_action_failed", "message": row, "cause": cause}


def _wakes(world: World, member: Member, message: Message, targets: set[str]) -> bool:
    """The rules of contract 4.7, in their order, for a member whom it concerns."""
    user = world.users.get(member.user_id)
    if user is None or (user.type == "human" and world.quirks.humans_sleep):
        return False
    if _is_shut_out(world, user, message.sender_id) or _is_muted(world, member, message.created_at):
        return False
    return not targets or member.user_id in targets or not _silences(world, message)


def _is_muted(world: World, member: Member, now: float) -> bool:
    """Whether the member's mute holds; a quirk lets none end (Q33)."""
    is_over = member.mute_until is not None and member.mute_until <= now and not world.quirks.mute_never_ends
    return member.muted and not is_over


def _silences(world: World, message: Message) -> bool:
    return bool(message.addressed_to_user_ids) or world.quirks.mention_silences


def _is_shut_out(world: World, user: User, sender_id: str) -> bool:
    """Whether the member's contact entry for the sender blocks or mutes him, unless they share an owner."""
    contact = world.contacts.get(contact_key(user.id, sender_id))
    if contact is None or not (contact.blocked or contact.muted):
        return False
    sender = world.users.get(sender_id)
    return sender is None or sender.owner_id != user.owner_id
