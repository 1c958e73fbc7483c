"""How far a handler is in a chat, and what the end of a turn makes of it, as values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.wire.ids import MessageSeq

if TYPE_CHECKING:
    from mycel_runtime.journal.hole import Hole


class ChatCursor(NamedTuple):
    """
    How far a handler is in a chat.

    Attributes:
        handled_seq: All up to here was given to it, or is covered by its letters; `None`: it has no start yet.
        wanted_seq: It will look so far.
        given_up_seq: Up to here the chat was given up unread, and a letter says so.
        holes: Numbers at or below `handled_seq` that are still looked for.
        start_seq: All up to here was there before it; `None`: nobody knows.
    """

    handled_seq: MessageSeq | None
    wanted_seq: MessageSeq
    given_up_seq: MessageSeq
    holes: tuple[Hole, ...] = ()
    start_seq: MessageSeq | None = None

    @property
    def shown_seq(self) -> MessageSeq:
        """What is above was neither shown to it nor buried."""
        return MessageSeq(max(self.handled_seq or 0, self.given_up_seq))

    @property
    def read_after(self) -> int:
        """From where the chat is read for it."""
        return min([self.shown_seq, *(hole.seq - 1 for hole in self.holes)])

    def covers(self, seq: int) -> bool:
        """Whether the message of this number was shown to it, or buried."""
        return seq <= self.shown_seq and all(hole.seq != seq for hole in self.holes)


@dataclass(frozen=True, slots=True, kw_only=True)
class CursorMove:
    """
    What the end of a turn does to a handler's cursor in a chat; of an event it does nothing.

    Attributes:
        handled_seq: Everything up to here was given to the handler, or is covered by its letter; `None`: the cursor
            stays, be it that the chat was not read.
        wanted_seq: Look again at least so far.
        holes: Numbers still missing.
        hole_at: When to look for them, if nothing else is due earlier; epoch seconds, `None` without holes.
    """

    handled_seq: MessageSeq | None = None
    wanted_seq: MessageSeq | None = None
    holes: tuple[Hole, ...] = ()
    hole_at: float | None = None


STAY: Final = CursorMove()
"""Nothing moves."""
