"""Empties the server's queue: what waits in it would wait for an unrelated wake."""

from __future__ import annotations

import json
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import ApiError, NotSentError
from mycel_runtime.inbox.guarded_queries import ODD_ANSWER
from mycel_runtime.inbox.sequence import Received
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.wire.codec import decode_item

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mycel_runtime.inbox.guarded_queries import GuardedQueries
    from mycel_runtime.inbox.intake import Intake
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.wire.ids import ChatId, MessageSeq

LOOKS_PER_DRAIN: Final = 10
"""Of the timer, while something stays unread."""

_NOT_DRAINED: Final = frozenset({429, 503})
"""Said instead of doing it."""


@dataclass(frozen=True, slots=True)
class Drained:
    """
    What a drain gave.

    Attributes:
        items: How many.
        unread: What they say of chats, to be handed out.
    """

    items: int = 0
    unread: Mapping[ChatId, MessageSeq | None] = field(default_factory=dict)


class QueueDrain:
    """
    Of one identity.

    Args:
        sdk: As the identity.
        intake: Where items go.
        queries: Ask the server.

    Attributes:
        is_owed: The last one was not answered.
    """

    def __init__(self, *, sdk: AsyncClient, intake: Intake, queries: GuardedQueries) -> None:
        self._sdk = sdk
        self._intake = intake
        self._queries = queries
        self._looks_undrained = 0
        self._has_lost_answer = False
        self.is_owed = False

    def is_due(self, *, is_free: bool) -> bool:
        """
        Whether this look is to drain.

        Each drain announces every unread chat again (Q7), and each of them would be an entry of the journal. So while
        something stays unread the timer's drains are rare; what waits behind a lost wake comes with them, with the
        next wake, or with the next connect.

        Args:
            is_free: The look is not the timer's, or nothing was unread at the last one.
        """
        self._looks_undrained += 1
        return is_free or self._looks_undrained >= LOOKS_PER_DRAIN

    async def drain(self, reason: str, *, lost: Callable[[], None]) -> Drained:
        """
        What waited. What it says of chats is handed out with what the list says, which is asked for next.

        Args:
            reason: Of the look.
            lost: Called if an answer is lost for the first time: a new connection would be replayed it (Q23).

        Raises:
            IdentityRefusedError: The token is refused.

        Cancelling: an answer may be lost, and is in the server's ring.
        """
        asked_at = self._intake.checkpoint
        messages = await self._queries.ask(reason, partial(self._ask, lost))
        self.is_owed = messages is None
        if messages is None:
            self._looks_undrained = LOOKS_PER_DRAIN
            return Drained()
        self._looks_undrained, self._has_lost_answer = 0, False
        unread = await self._intake.take_drained(messages, asked_at=asked_at) if messages else {}
        return Drained(len(messages), unread)

    async def _ask(self, lost: Callable[[], None]) -> list[Received]:
        """Only one lost answer is told until a drain is answered."""
        try:
            items = (await self._sdk.notifications.drain())["notifications"]
            return [Received(frame=decode_item(item), raw=json.dumps(item)) for item in items]
        except (ApiError, *ODD_ANSWER) as exc:
            if _may_be_drained(exc) and not self._has_lost_answer:
                self._has_lost_answer = True
                lost()
            raise


def _may_be_drained(error: Exception) -> bool:
    """Whether the queue may be empty now: there was no answer, or another one in the place of the backend's."""
    if not isinstance(error, ApiError):
        return True
    is_undone = isinstance(error, NotSentError) or error.status_code in _NOT_DRAINED
    return not is_undone and not error.is_backends_own
