"""All that is stored, with the indexes that answers need."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mycel_runtime.backend.quirks import Quirks
from mycel_runtime.backend.world.entities import (
    Chat,
    Contact,
    Entity,
    Member,
    Message,
    QueueItem,
    Relationship,
    User,
)
from mycel_runtime.backend.world.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NOT_A_PARTICIPANT = "Not a participant of this chat"


@dataclass(slots=True)
class Room:
    """A chat with who is in it, in storage order, and what was said, by seq."""

    chat: Chat
    members: dict[str, Member] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)

    def add(self, message: Message) -> None:
        """Put a message in its place; it may come after a higher seq (Q27)."""
        if not self.messages or self.messages[-1].seq < message.seq:
            self.messages.append(message)
        else:
            bisect.insort(self.messages, message, key=_seq)
        for member in self.members.values():
            if message.seq > member.cursor and message.concerns(member.user_id):
                member.unread += 1

    def unread_of(self, member: Member) -> list[Message]:
        """What is unread for a member, ascending (4.3)."""
        if not member.unread:
            return []
        return [message for message in self.after(member.cursor) if message.concerns(member.user_id)]

    def after(self, seq: int) -> list[Message]:
        """Messages above a seq, ascending."""
        return self.messages[bisect.bisect_right(self.messages, seq, key=_seq) :]

    def before(self, seq: int | None) -> list[Message]:
        """Messages below a seq, ascending; all of them for `None`."""
        return (
            self.messages
            if seq is None
            else self.messages[: bisect.bisect_left(self.messages, seq, key=_seq)]
        )

    def newest_visible(self, user_id: str) -> Message | None:
        """The newest message not hidden by this user, whoever sent it."""
        return next(
            (message for message in reversed(self.messages) if user_id not in message.hidden_for), None
        )

    def recount(self, member: Member) -> None:
        """Derive the number of unread messages after a cursor moved or a message was hidden."""
        member.unread = sum(message.concerns(member.user_id) for message in self.after(member.cursor))


class World:
    """
    The state, and what changed in it since the shell last looked.

    Attributes:
        changes: Records to write, by kind and key; `None` for one to delete.
        wakes: Users whose inbox was woken, in order.
    """

    def __init__(self, quirks: Quirks | None = None) -> None:
        self.quirks = quirks or Quirks()
        self.users: dict[str, User] = {}
        self.rooms: dict[str, Room] = {}
        self.rooms_of: dict[str, dict[str, Room]] = {}
        self.queues: dict[str, list[QueueItem]] = {}
        self.relationships: dict[str, Relationship] = {}
        self.contacts: dict[str, Contact] = {}
        self.changes: dict[tuple[str, str], Entity | None] = {}
        self.wakes: list[str] = []
        self._next_queue_id = 1

    def restore(self, entities: Iterable[Entity]) -> None:
        """Take in what storage kept, in storage order; chats before members and messages."""
        for entity in entities:
            self._place(entity)
        for room in self.rooms.values():
            for member in room.members.values():
                room.recount(member)

    def put(self, entity: Entity) -> None:
        """Add a new record."""
        self._place(entity)
        self.touch(entity)

    def touch(self, entity: Entity) -> None:
        """Note that a record changed."""
        self.changes[entity.kind, entity.key] = entity

    def forget(self, entity: Entity) -> None:
        """Note that a record is gone; the caller takes it out of its index."""
        self.changes[entity.kind, entity.key] = None

    def take_changes(self) -> dict[tuple[str, str], Entity | None]:
        """What is to be written now."""
        changes, self.changes = self.changes, {}
        return changes

    def take_wakes(self) -> list[str]:
        """Who is to be woken now."""
        wakes, self.wakes = self.wakes, []
        return wakes

    def enqueue(self, item: QueueItem) -> None:
        """Put an item at the end of its inbox's queue; its `id` is given here."""
        item.id = self._next_queue_id
        self.put(item)

    def room_of_member(self, chat_id: str, user_id: str) -> tuple[Room, Member]:
        """
        A chat and the caller's place in it.

        Raises:
            Refused: 403, also for a chat that does not exist (1.7).
        """
        room = self.rooms.get(chat_id)
        member = room.members.get(user_id) if room else None
        if room is None or member is None:
            raise Refused(403, NOT_A_PARTICIPANT)
        return room, member

    def room(self, chat_id: str) -> Room:
        """
        A chat.

        Raises:
            Refused: 404.
        """
        if chat_id not in self.rooms:
            raise Refused(404, "Chat not found")
        return self.rooms[chat_id]

    def all_entities(self) -> Iterator[Entity]:
        """Every record, in an order that `restore` accepts."""
        yield from self.users.values()
        for room in self.rooms.values():
            yield room.chat
            yield from room.members.values()
            yield from room.messages
        for queue in self.queues.values():
            yield from queue
        yield from self.relationships.values()
        yield from self.contacts.values()

    def _place(self, entity: Entity) -> None:
        match entity:
            case User():
                self.users[entity.id] = entity
            case Chat():
                self.rooms[entity.id] = Room(entity)
            case Member():
                room = self.rooms[entity.chat_id]
                room.members[entity.user_id] = entity
                self.rooms_of.setdefault(entity.user_id, {})[entity.chat_id] = room
            case Message():
                self.rooms[entity.chat_id].add(entity)
            case QueueItem():
                self.queues.setdefault(entity.inbox, []).append(entity)
                self._next_queue_id = max(self._next_queue_id, entity.id + 1)
            case Relationship():
                self.relationships[entity.key] = entity
            case Contact():
                self.contacts[entity.key] = entity
            case _:
                raise AssertionError(entity.kind)


def _seq(message: Message) -> int:
    return message.seq
