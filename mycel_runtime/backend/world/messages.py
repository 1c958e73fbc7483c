"""What is said in chats, and how far each has read (contract 2.6, 4.1 to 4.6)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from mycel_runtime.backend.world import delivery
from mycel_runtime.backend.world.chats import known_user
from mycel_runtime.backend.world.entities import Member, Message, User
from mycel_runtime.backend.world.refusal import Refused

if TYPE_CHECKING:
    from mycel_runtime.backend.world.state import Room, World

NOT_CAUGHT_UP = "Read unread messages before sending."


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """What somebody wants to say."""

    content: str = field(repr=False)
    mentioned_ids: list[str] = field(default_factory=list)
    delivery_scope: Literal["broadcast", "addressed"] = "broadcast"
    addressed_to_user_ids: list[str] = field(default_factory=list)
    reply_to: str | None = None
    enforce_caught_up: bool = False
    message_type: str = "human"


def check(world: World, sender: User, chat_id: str, speech: Speech) -> list[str]:
    """
    Whether this may be said now.

    Returns:
        Whom it addresses.

    Raises:
        Refused: In the order of contract 1.7: 400 blank, 403 membership, 400 scope, 409 not caught up.
    """
    if not speech.content.strip():
        raise Refused(400, "Content cannot be empty")
    room, member = world.room_of_member(chat_id, sender.id)
    addressed = _addressed(room, sender.id, speech)
    if speech.enforce_caught_up and member.unread > 0:
        raise Refused(409, NOT_CAUGHT_UP)
    return addressed


def write(
    world: World,
    sender: User,
    chat_id: str,
    speech: Speech,
    addressed: list[str],
    *,
    message_id: str,
    now: float,
) -> Message:
    """Store what was checked, and wake whom it concerns."""
    room, member = world.room_of_member(chat_id, sender.id)
    message = store(world, room, sender, speech, addressed, message_id=message_id, now=now)
    if speech.enforce_caught_up:
        _move(world, room, member, message.seq)
    delivery.deliver(world, room, message)
    return message


def store(
    world: World,
    room: Room,
    sender: User,
    speech: Speech,
    addressed: list[str],
    *,
    message_id: str,
    now: float,
) -> Message:
    """Draw the next seq and put the message into the chat."""
    chat = room.chat
    message = Message(
        id=message_id,
        chat_id=chat.id,
        seq=chat.next_seq,
        sender_id=sender.id,
        content=speech.content,
        message_type=speech.message_type,
        mentioned_ids=speech.mentioned_ids,
        delivery_scope=speech.delivery_scope,
        addressed_to_user_ids=addressed,
        reply_to=speech.reply_to,
        created_at=now,
    )
    chat.next_seq += 1
    chat.updated_at = now
    world.touch(chat)
    world.put(message)
    return message


def list_page(
    world: World, caller: User, chat_id: str, limit: int, before: int | None
) -> list[dict[str, Any]]:
    """The newest `limit` visible messages below `before`, ascending (1.5)."""
    room, _ = world.room_of_member(chat_id, caller.id)
    page: list[Message] = []
    for message in reversed(room.before(before)):
        if len(page) == limit:
            break
        if caller.id not in message.hidden_for:
            page.append(message)
    return _show_all(world, room, reversed(page))


def list_unread(world: World, caller: User, chat_id: str) -> list[dict[str, Any]]:
    """What is unread, ascending; the cursor stays."""
    room, member = world.room_of_member(chat_id, caller.id)
    return _show_all(world, room, room.unread_of(member))


def read(world: World, caller: User, chat_id: str) -> list[dict[str, Any]]:
    """The same, and the cursor goes to the last of them (Q26)."""
    room, member = world.room_of_member(chat_id, caller.id)
    unread = room.unread_of(member)
    shown = _show_all(world, room, unread)
    if unread:
        _move(world, room, member, unread[-1].seq)
    return shown


def mark_read(world: World, caller: User, chat_id: str, up_to_seq: int | None) -> None:
    """Move the cursor to a seq, even one beyond the newest (Q38); without one to the newest visible."""
    room, member = world.room_of_member(chat_id, caller.id)
    newest = room.newest_visible(caller.id)
    if up_to_seq is None:
        up_to_seq = newest.seq if newest else 0
    elif not world.quirks.cursor_unbounded:
        up_to_seq = min(up_to_seq, room.chat.next_seq - 1)
    _move(world, room, member, up_to_seq)


def show(world: World, room: Room, message: Message) -> dict[str, Any]:
    """
    A message as every answer shows it.

    Raises:
        Broken: Its sender no longer exists (Q20).
    """
    return {
        "id": message.id,
        "chat_id": message.chat_id,
        "sender_id": message.sender_id,
        "sender_name": known_user(world, room, message.sender_id).name,
        "content": message.content,
        "message_type": message.message_type,
        "mentioned_ids": message.mentioned_ids,
        "delivery_scope": message.delivery_scope,
        "addressed_to_user_ids": message.addressed_to_user_ids,
        "seq": message.seq,
        "signal": message.signal,
        "retracted_at": message.retracted_at,
        "created_at": message.created_at,
    }


def _show_all(world: World, room: Room, messages: Any) -> list[dict[str, Any]]:
    return [show(world, room, message) for message in messages]


def _move(world: World, room: Room, member: Member, seq: int) -> None:
    """Move a cursor, never backwards (4.4)."""
    if seq <= member.cursor:
        return
    member.cursor = seq
    room.recount(member)
    world.touch(member)


def _addressed(room: Room, sender_id: str, speech: Speech) -> list[str]:
    """Whom the message addresses (4.6)."""
    if speech.delivery_scope == "broadcast":
        if speech.addressed_to_user_ids:
            raise Refused(400, "broadcast messages must not include addressed_to_user_ids")
        return []
    addressed = [user_id for user_id in dict.fromkeys(speech.addressed_to_user_ids) if user_id != sender_id]
    if not addressed:
        raise Refused(400, "addressed messages require at least one recipient other than the sender")
    for user_id in addressed:
        if user_id not in room.members:
            raise Refused(400, f"Addressed recipient is not a chat member: {user_id}")
    return addressed
