"""What waits for a user, numbered: queue, projection, counter and ring (contract 5.1)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from mycel_runtime.backend.world.chats import known_user, members_of, title_for
from mycel_runtime.backend.world.refusal import Broken
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.wire import codec
from mycel_runtime.wire.frames import Notify, Overflow
from mycel_runtime.wire.ids import InboxSeq
from mycel_runtime.wire.limits import RING_FRAMES

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from mycel_runtime.backend.quirks import Quirks
    from mycel_runtime.backend.world.entities import QueueItem
    from mycel_runtime.backend.world.state import Room, World

Metadata = dict[str, Any]


@dataclass(slots=True)
class Stream:
    """One user's counter and the frames that can be replayed (Q1, Q3)."""

    ring: deque[Notify]
    last_seq: int = 0


class Streams:
    """The streams of all users; as old as the process."""

    def __init__(self, quirks: Quirks) -> None:
        self._quirks = quirks
        self._ring_frames = RING_FRAMES if quirks.short_ring else None
        self._streams: dict[str, Stream] = {}

    def number(self, user_id: str, items: Sequence[Metadata], now: float) -> list[Notify]:
        """Give each item the next number and keep it for replay."""
        stream = self._of(user_id)
        frames = []
        for metadata in items:
            stream.last_seq += 1
            frame = Notify(
                seq=InboxSeq(stream.last_seq),
                fingerprint=self._fingerprint(metadata, stream.last_seq),
                ts=now,
                metadata=metadata,
            )
            stream.ring.append(frame)
            frames.append(frame)
        return frames

    def replay(self, user_id: str, since_seq: int) -> list[Notify] | Overflow:
        """The frames after a number, or, instead of them, that the ring starts later (Q4)."""
        ring = self._of(user_id).ring
        if ring and since_seq < ring[0].seq - 1:
            return Overflow(since_seq=InboxSeq(since_seq), oldest_seq=ring[0].seq)
        return [frame for frame in ring if frame.seq > since_seq]

    def skip(self, user_id: str, numbers: int) -> int:
        """Use that many numbers up without keeping frames for them; the first of them."""
        stream = self._of(user_id)
        stream.last_seq += numbers
        return stream.last_seq - numbers + 1

    def last_seq(self, user_id: str) -> int:
        """The newest number."""
        return self._of(user_id).last_seq

    def ring(self, user_id: str) -> list[Notify]:
        """Every frame that can be replayed."""
        return list(self._of(user_id).ring)

    def _fingerprint(self, metadata: Metadata, seq: int) -> str:
        return codec.fingerprint(metadata if self._quirks.fingerprints_repeat else {**metadata, "seq": seq})

    def _of(self, user_id: str) -> Stream:
        if (stream := self._streams.get(user_id)) is None:
            stream = self._streams[user_id] = Stream(deque(maxlen=self._ring_frames))
        return stream


def drain(world: World, user_id: str, *, keeps_queue: bool = False) -> list[Metadata]:
    """
    Take everything that waits: the queue without its chat tokens, then a notification per unread chat.

    Args:
        world: Where.
        user_id: Whose inbox.
        keeps_queue: Leave the queue as it is (with Q23 switched off).

    Raises:
        Broken: A queue item or a chat cannot be shown; the queue is empty already (Q20, Q25).
    """
    queue = tuple(world.queues.get(user_id, ()))
    if world.quirks.queue_lost_first and not keeps_queue:
        _empty(world, user_id)
    only = None if world.quirks.announces_all else {item.content.get("chat_id") for item in queue}
    items = _read_queue(world, queue) + project(world, user_id, only)
    if not keeps_queue:
        _empty(world, user_id)
    return items


def project(world: World, user_id: str, only: Container[object] | None = None) -> list[Metadata]:
    """
    One `chat.message` for each active chat with something unread, in storage order (Q7, Q34).

    Args:
        world: Where.
        user_id: For whom.
        only: Chats that may be announced; `None` for all.

    Raises:
        Broken: Any of the user's active chats cannot be shown, unread or not (Q20).
    """
    if world.rules.is_first:
        return []
    rooms = []
    for room in world.rooms_of.get(user_id, {}).values():
        is_unread = room.members[user_id].unread > 0
        if not (is_unread or world.has_orphans or _is_lonely(room)) or room.chat.status != "active":
            continue
        if _is_shown(world, room, user_id) and is_unread and (only is None or room.chat.id in only):
            rooms.append(room)
    if not world.quirks.storage_order:
        rooms.sort(key=lambda room: room.messages[-1].created_at)
    return [_notification(world, room, user_id) for room in rooms]


def _is_shown(world: World, room: Room, user_id: str) -> bool:
    try:
        _check_shown(world, room, user_id)
    except Broken:
        if world.quirks.poison_chat:
            raise
        return False
    return True


def _notification(world: World, room: Room, user_id: str) -> Metadata:
    message = room.newest_visible(user_id)
    if not world.quirks.tells_the_chat:
        message = room.unread_of(room.members[user_id])[-1]
    sender_name = known_user(world, room, message.sender_id).name if message else ""
    return {
        "event_type": "chat.message",
        "notification_type": "chat",
        "chat_id": room.chat.id,
        "message_id": message.id if message else None,
        "message_seq": message.seq if message else None,
        "sender_name": sender_name or "someone",
        "unread_count": room.members[user_id].unread,
    }


def _is_lonely(room: Room) -> bool:
    """Whether there is neither a title nor anybody else to name it by."""
    return not room.chat.title and len(room.members) == 1


def _check_shown(world: World, room: Room, user_id: str) -> None:
    members_of(world, room)
    if _is_lonely(room):
        title_for(world, room, user_id)
    if (message := room.newest_visible(user_id)) is not None:
        known_user(world, room, message.sender_id)


def _empty(world: World, user_id: str) -> None:
    for item in world.queues.pop(user_id, ()):
        world.forget(item)


def _read_queue(world: World, queue: Sequence[QueueItem]) -> list[Metadata]:
    is_old = world.rules.is_first
    return [_read_item(item) for item in queue if is_old or item.content.get("event_type") != "chat.message"]


def _read_item(item: QueueItem) -> Metadata:
    """An item as it is announced: its own metadata, the row's columns last (5.5)."""
    if not isinstance(item.content.get("event_type"), str):
        raise Broken("Invalid external runtime inbox payload")
    return {
        **item.content,
        "notification_type": item.notification_type,
        "source": item.source,
        "sender_id": item.sender_id,
        "sender_name": item.sender_name,
    }
