"""All that is stored, with the indexes that answers need."""

from __future__ import annotations

import bisect
from dataclasses import field
from typing import TYPE_CHECKING

from mycel_runtime.backend.quirks import Quirks, Rules
from mycel_runtime.backend.world.entities import (
    Chat,
    Contact,
    Entity,
    Invitation,
    JoinRequest,
    Member,
    Message,
    QueueItem,
    Registration,
    Relationship,
    Task,
    Thread,
    User,
    Workflow,
    WorkflowEvent,
)
from mycel_runtime.backend.world.refusal import Broken, Refused
from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FEW = 8
"""Messages at the end of a chat, of which nearly every request is."""

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
        messages, low = self.messages, len(self.messages) - _FEW
        if low < 0 or messages[low].seq > seq:
            low = 0
        return messages[bisect.bisect_right(messages, seq, low, key=_seq) :]

    def newest_first(self, before: int | None) -> Iterator[Message]:
        """Messages below a seq, descending; all of them for `None`."""
        end = len(self.messages)
        if before is not None:
            end = bisect.bisect_left(self.messages, before, key=_seq)
        for index in range(end - 1, -1, -1):
            yield self.messages[index]

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
        said: Messages that those who watch their chats have not been shown.
        talk: How often what can be read, or who can read it, has changed; a cursor is neither.
        has_orphans: Whether anything may refer to a user who is gone (Q20).
    """

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.users: dict[str, User] = {}
        self.rooms: dict[str, Room] = {}
        self.rooms_of: dict[str, dict[str, Room]] = {}
        self.queues: dict[str, list[QueueItem]] = {}
        self.relationships: dict[str, Relationship] = {}
        self.contacts: dict[str, Contact] = {}
        self.join_requests: dict[str, JoinRequest] = {}
        self.workflows: dict[str, Workflow] = {}
        self.workflow_events: dict[str, dict[str, WorkflowEvent]] = {}
        self.tasks: dict[str, dict[str, Task]] = {}
        self.threads: dict[str, Thread] = {}
        self.invitations: dict[str, Invitation] = {}
        self.registrations: dict[str, Registration] = {}
        self.changes: dict[tuple[str, str], Entity | None] = {}
        self.wakes: list[str] = []
        self.said: list[Message] = []
        self.talk = 0
        self.has_orphans = False
        self._next_queue_id = 1

    @property
    def quirks(self) -> Quirks:
        """The switches."""
        return self.rules.quirks

    def restore(self, entities: Iterable[Entity]) -> None:
        """Take in what storage kept, in storage order; chats before members and messages."""
        for entity in entities:
            self._place(entity)
        for room in self.rooms.values():
            for member in room.members.values():
                room.recount(member)
        referred = {message.sender_id for room in self.rooms.values() for message in room.messages}
        self.has_orphans = not self.users.keys() >= referred | self.rooms_of.keys()

    def put(self, entity: Entity) -> None:
        """Add a new record."""
        self._place(entity)
        self.touch(entity)
        self.talk += isinstance(entity, Member)

    def touch(self, entity: Entity) -> None:
        """Note that a record changed."""
        self.changes[entity.table, entity.key] = entity
        self.talk += isinstance(entity, Message)

    def forget(self, entity: Entity) -> None:
        """Note that a record is gone; the caller takes it out of its index."""
        self.changes[entity.table, entity.key] = None
        self.talk += isinstance(entity, Member | Message)

    def take_changes(self) -> dict[tuple[str, str], Entity | None]:
        """What is to be written now."""
        changes, self.changes = self.changes, {}
        return changes

    def take_wakes(self) -> list[str]:
        """Who is to be woken now."""
        wakes, self.wakes = self.wakes, []
        return wakes

    def take_said(self) -> list[Message]:
        """What is to be shown now to those who watch."""
        said, self.said = self.said, []
        return said

    def enqueue(self, item: QueueItem) -> None:
        """Put an item at the end of its inbox's queue; its `id` is given here."""
        item.id = self._next_queue_id
        self.put(item)

    def announce(self, user_id: str, chat_id: str, sender: User | None = None) -> None:
        """Leave the token of a chat message in an inbox and wake it (4.7, step 6)."""
        item = QueueItem(
            id=0,
            inbox=user_id,
            content={"event_type": "chat.message", "chat_id": chat_id},
            notification_type="chat",
        )
        if sender is not None:
            item.sender_id, item.sender_name = sender.id, sender.name
            item.content["summary"] = f"New message from {sender.name}"
        self.notify(item)

    def remove_user(self, user_id: str) -> None:
        """Take a user out and leave what refers to him: no endpoint does this, but it happens (Q20)."""
        if (user := self.users.pop(user_id, None)) is not None:
            self.forget(user)
            self.has_orphans = True

    def check_reference(self, user_id: str | None) -> None:
        """
        What a foreign key of the real schema demands of a column that names a user.

        Raises:
            Broken: Nobody has this id.
        """
        if self.quirks.references_checked and user_id is not None and user_id not in self.users:
            raise Broken(f"no such user: {user_id}")

    def empty(self, room: Room) -> None:
        """Take a chat's members and messages out."""
        for member in room.members.values():
            del self.rooms_of[member.user_id][room.chat.id]
            self.forget(member)
        for message in room.messages:
            self.forget(message)
        room.members.clear()
        room.messages.clear()

    def remove_room(self, room: Room) -> None:
        """Take a chat out, with everything that is kept for it."""
        self.empty(room)
        chat_id = room.chat.id
        requests = [row for row in self.join_requests.values() if row.chat_id == chat_id]
        work = (*self.workflow_events.pop(chat_id, {}).values(), *self.tasks.pop(chat_id, {}).values())
        workflow = self.workflows.pop(chat_id, None)
        for row in requests:
            del self.join_requests[row.key]
        for entity in (*requests, *work, *((workflow,) if workflow else ()), room.chat):
            self.forget(entity)
        del self.rooms[chat_id]

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

    def notify(self, item: QueueItem) -> None:
        """Queue a notification and wake its inbox."""
        self.enqueue(item)
        self.wakes.append(item.inbox)

    def next_number(self, taken: Iterable[str]) -> str:
        """The id of a new task or event: the largest of its chat plus one, as text (1.6)."""
        return str(max((int(key) for key in taken), default=0) + 1)

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
            case _:
                self._place_work(entity)

    def _place_work(self, entity: Entity) -> None:
        match entity:
            case JoinRequest():
                self.join_requests[entity.key] = entity
            case Workflow():
                self.workflows[entity.chat_id] = entity
            case WorkflowEvent():
                self.workflow_events.setdefault(entity.chat_id, {})[entity.event_id] = entity
            case Task():
                self.tasks.setdefault(entity.chat_id, {})[entity.id] = entity
            case _:
                self._place_account(entity)

    def _place_account(self, entity: Entity) -> None:
        match entity:
            case Relationship():
                self.relationships[entity.key] = entity
            case Contact():
                self.contacts[entity.key] = entity
            case Thread():
                self.threads[entity.id] = entity
            case Invitation():
                self.invitations[entity.code] = entity
            case Registration():
                self.registrations[entity.email] = entity
            case _:
                raise AssertionError(entity.table)


def _seq(message: Message) -> int:
    return message.seq
