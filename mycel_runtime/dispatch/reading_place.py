"""Where a run is in a chat that it reads: what waits to be handed out, and how far that has come. Pure."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from mycel_runtime.journal.changes import ReadMove
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.message import NOTIFICATION
from mycel_runtime.speech.caught_up import HOLES_LIMIT, missing, still_open
from mycel_runtime.wire.ids import MessageSeq

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from mycel_runtime.journal.changes import ReadCursor
    from mycel_runtime.journal.cursor import ChatCursor
    from mycel_runtime.journal.hole import Hole
    from mycel_runtime.journal.ids import HandlerId
    from mycel_runtime.plugin.message import Message
    from mycel_runtime.plugin.subscription import MessageSubscription
    from mycel_runtime.wire import resources
    from mycel_runtime.wire.ids import ChatId


@dataclass(frozen=True, slots=True)
class _Page:
    """
    What was handed out at a time.

    Attributes:
        last_seq: Of its newest message; 0: it had none.
        read_seq, holes: The cursor behind it.
    """

    last_seq: int
    read_seq: int
    holes: tuple[Hole, ...]


@dataclass(slots=True, kw_only=True)
class ReadingPlace:
    """
    Where a run is in a chat.

    Attributes:
        begun: The cursor that it began at.
        read_seq: All up to here was looked at; what of it is to be handed out waits in `ahead`.
        holes: Numbers below that were not there.
        late: Holes of the cursor whose message has come, and was not handed out yet.
        theirs: What the plugin's handlers want, and where each is.
        cursors: Of all handlers of messages.
        pages: What was handed out.
        counted: The last numbers of pages that the handler has.
    """

    chat_id: ChatId
    begun: ReadCursor
    read_seq: int
    holes: tuple[Hole, ...]
    theirs: Sequence[tuple[MessageSubscription, ChatCursor]]
    cursors: Mapping[HandlerId, ChatCursor]
    late: tuple[Hole, ...] = ()
    ahead: list[Message] = field(default_factory=list)
    pages: list[_Page] = field(default_factory=list)
    counted: set[int] = field(default_factory=set)

    def pass_over_theirs(self) -> bool:
        """Whether a handler wants whatever comes; then what it has had by now is behind the cursor."""
        shown = [
            cursor.shown_seq
            for subscription, cursor in self.theirs
            if subscription.wants_all and (cursor.start_seq or 0) <= self.read_seq
        ]
        self.read_seq = max([self.read_seq, *shown])
        return bool(shown)

    def is_theirs(self, message: Message, chat_type: str) -> bool:
        """Whether it is a handler's to be shown."""
        return any(
            message.seq > (cursor.start_seq or 0) and subscription.wants(message, chat_type)
            for subscription, cursor in self.theirs
        )

    def note_read(
        self, page: Sequence[resources.Message], through_seq: int, *, read_at: float, grace: float
    ) -> None:
        """All there is up to a number is this; what is missing of it may come (Q27)."""
        seen = {message["seq"] for message in page}
        new = missing(seen, after=self.read_seq, through=through_seq + 1)
        self.holes = still_open(self.holes, new, seen=seen, read_at=read_at, grace=grace)[-HOLES_LIMIT:]
        self.read_seq = through_seq

    def note_holes_read(self, seen: Collection[int], *, read_at: float, grace: float) -> None:
        """Of the numbers that were missing these are there now; what of them was set aside waits."""
        waiting = {message.seq for message in self.ahead}
        self.late = tuple(hole for hole in self.holes if hole.seq in waiting)
        self.holes = still_open(self.holes, (), seen=seen, read_at=read_at, grace=grace)

    def set_aside(self, messages: Iterable[Message], chat_type: str) -> None:
        """Those that are to be handed out wait for it."""
        self.ahead += [
            message
            for message in messages
            if message.message_type != NOTIFICATION and not self.is_theirs(message, chat_type)
        ]

    def hand_out(self, limit: int) -> tuple[Message, ...]:
        """The next page of what waits; it counts when the handler has it."""
        page, self.ahead = tuple(self.ahead[:limit]), self.ahead[limit:]
        waiting = {message.seq for message in self.ahead}
        read_seq = self.read_seq
        if above := [seq for seq in waiting if seq not in {hole.seq for hole in self.late}]:
            read_seq = min(above) - 1
        self.late = tuple(hole for hole in self.late if hole.seq in waiting)
        holes = (*self.late, *(hole for hole in self.holes if hole.seq <= read_seq))
        self.pages.append(_Page(max((message.seq for message in page), default=0), read_seq, holes))
        return page

    @property
    def move(self) -> ReadMove | None:
        """Behind what has come to the handler; `None`: nothing is to be written down."""
        last: _Page | None = None
        for page in self.pages:
            if page.last_seq and page.last_seq not in self.counted:
                break
            last = page
        if last is None or (self.begun.version and (last.read_seq, last.holes) == self.begun[:2]):
            return None
        return ReadMove(
            chat_id=self.chat_id,
            read_seq=MessageSeq(last.read_seq),
            holes=last.holes,
            made_from=self.begun.version,
        )
