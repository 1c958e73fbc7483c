"""Who is woken by a message (contract 4.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.backend.world.chats import contact_key
from mycel_runtime.backend.world.entities import Member, Message, QueueItem, User

if TYPE_CHECKING:
    from mycel_runtime.backend.world.state import Room, World


def deliver(world: World, room: Room, message: Message) -> None:
    """Leave a token in the inbox of every member whom this message wakes, and wake him."""
    targets = set(message.addressed_to_user_ids or message.mentioned_ids)
    if message.message_type == "notification" and not targets:
        return
    for member in room.members.values():
        if member.user_id != message.sender_id and _wakes(world, member, message, targets):
            wake(world, member.user_id, room.chat.id)


def wake(world: World, user_id: str, chat_id: str) -> None:
    """Queue the token of a chat message and wake the inbox."""
    content = {"event_type": "chat.message", "chat_id": chat_id}
    world.enqueue(QueueItem(id=0, inbox=user_id, content=content, notification_type="chat"))
    world.wakes.append(user_id)


def _wakes(world: World, member: Member, message: Message, targets: set[str]) -> bool:
    """The rules of contract 4.7, in their order."""
    if message.addressed_to_user_ids and member.user_id not in message.addressed_to_user_ids:
        return False
    user = world.users.get(member.user_id)
    if user is None or user.type == "human" or member.muted:
        return False
    if _is_shut_out(world, user, message.sender_id):
        return False
    return not targets or member.user_id in targets or not _silences(world, message)


def _silences(world: World, message: Message) -> bool:
    return bool(message.addressed_to_user_ids) or world.quirks.mention_silences


def _is_shut_out(world: World, user: User, sender_id: str) -> bool:
    """Whether the member's contact entry for the sender blocks or mutes him, unless they share an owner."""
    contact = world.contacts.get(contact_key(user.id, sender_id))
    if contact is None or not (contact.blocked or contact.muted):
        return False
    sender = world.users.get(sender_id)
    return sender is None or sender.owner_id != user.owner_id
