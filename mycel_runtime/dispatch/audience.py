"""
Which of the agent's handlers are to hear what of a chat, before something is said there first. Pure.

'Shown' means shown, or buried with a dead letter; a handler whose plugin is left alone is told, and not waited for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from mycel_runtime.journal.cursor import ChatCursor
    from mycel_runtime.journal.ids import HandlerId
    from mycel_runtime.wire.ids import MessageSeq
    from mycel_runtime.wire.resources import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """
    The handlers of messages, in one chat.

    Attributes:
        cursors: How far each is; without those that were never told of the chat.
        left_alone: Those whose plugin is.
    """

    cursors: Mapping[HandlerId, ChatCursor]
    left_alone: Collection[HandlerId] = ()

    @classmethod
    def of(
        cls,
        cursors: Mapping[HandlerId, ChatCursor],
        handlers: Collection[HandlerId],
        left_alone: Collection[HandlerId],
    ) -> Audience:
        """Those of a chat's cursors whose handlers exist."""
        return cls(
            cursors={handler: cursor for handler, cursor in cursors.items() if handler in handlers},
            left_alone=left_alone,
        )

    def newcomers(self, handlers: Collection[HandlerId]) -> list[HandlerId]:
        """Those of them that have no start in the chat yet."""
        return [
            handler
            for handler in handlers
            if (cursor := self.cursors.get(handler)) is None or cursor.handled_seq is None
        ]

    @property
    def read_after(self) -> int | None:
        """From where the chat is read, to see what has not been shown; `None`: nobody is waited for."""
        return min((cursor.read_after for cursor in self._attending), default=None)

    def untold(self, newest_seq: MessageSeq) -> list[HandlerId]:
        """
        Those that do not look so far yet.

        What no hint has told of, the proof of being caught up marks as read, and then no hint ever will (Q26, Q32).
        """
        return [
            handler
            for handler, cursor in self.cursors.items()
            if max(cursor.shown_seq, cursor.wanted_seq) < newest_seq
        ]

    def unshown(self, messages: Sequence[Message]) -> list[Message]:
        """Those of somebody else's messages that a handler which is waited for has not been shown."""
        return [
            message
            for message in messages
            if not all(cursor.covers(message["seq"]) for cursor in self._attending)
        ]

    @property
    def _attending(self) -> list[ChatCursor]:
        return [cursor for handler, cursor in self.cursors.items() if handler not in self.left_alone]
