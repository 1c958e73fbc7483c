"""What is said in chats, and how far each has read (contract 2.6, 4.1 to 4.6)."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, Final, Literal

from mycel_runtime.backend.world import delivery
from mycel_runtime.backend.world.chats import known_user
from mycel_runtime.backend.world.entities import Member, Message, User
from mycel_runtime.backend.world.refusal import Broken, Refused
from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mycel_runtime.backend.world.state import Room, World

RETRACTED: Final = "[已撤回]"
NOT_ONES_OWN: Final = "Message cannot be retracted"
"""Not the server's words, which nobody has recorded; it has one text for both cases."""


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
    signal: str | None = None


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
    if speech.enforce_caught_up and _is_behind(world, room, member):
        raise not_caught_up(world, chat_id)
    return addressed


def not_caught_up(world: World, chat_id: str) -> Refused:
    """The 409 of this generation."""
    if world.rules.counts_movement:
        return Refused(
            409, f"Chat advanced after your last read. Call read_messages(chat_id='{chat_id}') first."
        )
    return Refused(409, "Read unread messages before sending.")


def _is_behind(world: World, room: Room, member: Member) -> bool:
    """Whether something blocks a caught-up send of this member (4.5)."""
    if not world.rules.counts_movement:
        return member.unread > 0
    if world.quirks.own_speech_blocks:
        return member.cursor < room.chat.next_seq - 1
    return any(message.sender_id != member.user_id for message in room.after(member.cursor))


def draw_seq(world: World, chat_id: str) -> int:
    """The number of the next message; whether that is ever stored is another question (Q27)."""
    if (room := world.rooms.get(chat_id)) is None:
        raise Broken("the message's chat is gone")
    chat = room.chat
    seq, chat.next_seq = chat.next_seq, chat.next_seq + 1
    world.touch(chat)
    return seq


def write(
    world: World,
    sender: User,
    chat_id: str,
    speech: Speech,
    *,
    message_id: str,
    now: float,
    addressed: Sequence[str] = (),
    seq: int | None = None,
    is_broken: bool = False,
) -> Message:
    """
    Store what was checked, and wake whom it concerns.

    Args:
        world: Where.
        sender: Need not be a member: a join request speaks for somebody outside (4.10).
        chat_id: Of a chat that exists.
        speech: What is said.
        message_id: Its id.
        now: Its time.
        addressed: As `check` returned it.
        seq: As `draw_seq` drew it; else the next.
        is_broken: Fail the delivery, as a fault.

    Raises:
        Refused: 500 after the message was stored (Q21).
        Broken: The chat was deleted between check and write.
    """
    if (room := world.rooms.get(chat_id)) is None:
        raise Broken("the message's chat is gone")
    message = Message(
        id=message_id,
        chat_id=chat_id,
        seq=draw_seq(world, chat_id) if seq is None else seq,
        sender_id=sender.id,
        content=speech.content,
        message_type=speech.message_type,
        mentioned_ids=speech.mentioned_ids,
        delivery_scope=speech.delivery_scope,
        addressed_to_user_ids=list(addressed),
        reply_to=speech.reply_to,
        signal=speech.signal,
        created_at=now,
    )
    room.chat.updated_at = now
    world.put(message)
    world.said.append(message)
    if speech.enforce_caught_up and not world.rules.counts_movement:
        _move(world, room, room.members[sender.id], message.seq)
    delivery.deliver(world, room, message, is_broken=is_broken)
    return message


def list_page(
    world: World, caller: User, chat_id: str, limit: int, before: int | None
) -> list[dict[str, Any]]:
    """The newest `limit` visible messages below `before`, ascending (1.5)."""
    room, _ = world.room_of_member(chat_id, caller.id)
    page: list[Message] = []
    for message in room.newest_first(before):
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
    if unread and world.quirks.read_destroys:
        _move(world, room, member, unread[-1].seq)
    return shown


def mark_read(world: World, caller: User, chat_id: str, up_to_seq: int | None) -> None:
    """Move the cursor to a seq, even one beyond the newest (Q38); without one to the newest visible."""
    room, member = world.room_of_member(chat_id, caller.id)
    newest = room.newest_visible(caller.id)
    if up_to_seq is None:
        up_to_seq = newest.seq if newest else 0
        if world.rules.is_first:
            member.cursor = min(member.cursor, up_to_seq)
    elif not world.quirks.cursor_unbounded:
        up_to_seq = min(up_to_seq, room.chat.next_seq - 1)
    _move(world, room, member, up_to_seq)


def retract(world: World, caller: User, chat_id: str, message_id: str, now: float) -> None:
    """
    Replace what one said by a placeholder; it keeps its seq and stays unread (4.1).

    Raises:
        Refused: 403; 400, it is somebody else's, or there is no such message.
        Broken: By a quirk always: the column of the time takes a number, and is given a text.
    """
    message = _find(world, caller, chat_id, message_id)
    if message is None or message.sender_id != caller.id:
        raise Refused(400, NOT_ONES_OWN)
    if world.quirks.retract_fails:
        raise Broken("retracted_at takes no text")
    message.content, message.retracted_at = RETRACTED, now
    world.touch(message)


def hide(world: World, caller: User, chat_id: str, message_id: str) -> None:
    """
    Hide a message from oneself; there need not be one.

    Raises:
        Refused: 403.
        Broken: By a quirk always: there is no column for it.
    """
    room, _ = world.room_of_member(chat_id, caller.id)
    message = _find(world, caller, chat_id, message_id)
    if world.quirks.hide_fails:
        raise Broken("no column for who has hidden it")
    if message is not None and caller.id not in message.hidden_for:
        message.hidden_for.append(caller.id)
        world.touch(message)
        room.recount(room.members[caller.id])


def show(world: World, room: Room, message: Message) -> dict[str, Any]:
    """
    A message as every answer shows it.

    Raises:
        Broken: Its sender no longer exists (Q20).
    """
    shown = {
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
    if world.rules.is_first:
        del shown["delivery_scope"], shown["addressed_to_user_ids"]
    return shown


def _find(world: World, caller: User, chat_id: str, message_id: str) -> Message | None:
    room, _ = world.room_of_member(chat_id, caller.id)
    return next((message for message in reversed(room.messages) if message.id == message_id), None)


def _show_all(world: World, room: Room, messages: Iterable[Message]) -> list[dict[str, Any]]:
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
    named = (user_id for user_id in speech.addressed_to_user_ids if user_id.strip())
    addressed = [user_id for user_id in dict.fromkeys(named) if user_id != sender_id]
    if not addressed:
        raise Refused(400, "addressed messages require at least one recipient other than the sender")
    for user_id in addressed:
        if user_id not in room.members:
            raise Refused(400, f"Addressed recipient is not a chat member: {user_id}")
    return addressed
