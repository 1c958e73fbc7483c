"""What of a chat that waits is old: the operator may skip it."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from mycel_runtime.journal.backlog import ReadSpan
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.speech.caught_up import concerns
from mycel_runtime.speech.history import messages_after
from mycel_runtime.wire.ids import MessageSeq

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.dispatch.anchor import Anchor
    from mycel_runtime.journal.backlog import WaitingChat
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.wire.ids import UserId
    from mycel_runtime.wire.resources import Message


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """
    Reads it, and moves nothing on the server.

    Attributes:
        sdk: As the identity.
        anchor: Where a handler starts that is new to a chat.
        me: The identity.
    """

    sdk: AsyncClient
    anchor: Anchor
    me: UserId

    async def read(self, waiting: WaitingChat, *, before: float) -> ReadSpan | None:
        """
        The messages that a handler has not been given, from the first on, as long as they are old.

        By the server's time of each: a daemon that was down for days has noticed all of them just now.

        Args:
            waiting: The handler's work in the chat.
            before: Epoch seconds; what was said then or later is not old.

        Returns:
            `None`: nothing of others is old.

        Raises:
            ApiError: The chat cannot be read.

        Cancelling: loses nothing.
        """
        after_seq = waiting.handled_seq
        if after_seq is None:
            after_seq = await self.anchor.start(waiting.chat_id)
        history = await messages_after(
            self.sdk, waiting.chat_id, after_seq, expected=waiting.wanted_seq - after_seq
        )
        old = list(takewhile(lambda each: each.get("created_at", before) < before, history))
        messages = self._count(old)
        if not messages:
            return None
        return ReadSpan(
            handled_seq=waiting.handled_seq,
            wanted_seq=waiting.wanted_seq,
            after_seq=after_seq,
            through_seq=MessageSeq(old[-1]["seq"]),
            newest_seq=MessageSeq(history[-1]["seq"]),
            messages=messages,
        )

    def _count(self, messages: Sequence[Message]) -> int:
        return sum(concerns(each, self.me) for each in messages)
