"""
Chats in which nothing goes on because the backend fails there. Pure.

For ever must have an end: what fails in one chat while others are served, or for an hour while the backend answers,
is no outage but a refusal. It spends attempts, and becomes a dead letter that says what the server said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mycel_runtime.dispatch.verdict import Failed, Returned, Unanswered
from mycel_runtime.speech.evidence import Operation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mycel_runtime.dispatch.verdict import Result
    from mycel_runtime.journal.entries import Delivery, DeliveryId
    from mycel_runtime.speech.evidence import Evidence
    from mycel_runtime.wire.ids import ChatId

REFUSED_AFTER_SECONDS: Final = 3600.0
"""What fails for so long, while the backend answers, is no passing trouble."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedChat:
    """
    A chat whose work cannot go on.

    Attributes:
        operation: What fails: `read` or `send`.
        since: Epoch seconds.
        reason: What the server says; no text of a message.
    """

    chat_id: ChatId
    operation: Operation
    since: float
    reason: str


class BlockedChats:
    """
    Of one identity, since the start of the process.

    Args:
        evidence: What the backend does elsewhere.
        clock: Epoch seconds.
    """

    def __init__(self, evidence: Evidence, *, clock: Callable[[], float]) -> None:
        self._evidence = evidence
        self._clock = clock
        self._blocked: dict[DeliveryId, BlockedChat] = {}

    @property
    def chats(self) -> Sequence[BlockedChat]:
        """Each once, longest first."""
        oldest_first = sorted(self._blocked.values(), key=lambda blocked: blocked.since)
        return list({blocked.chat_id: blocked for blocked in reversed(oldest_first)}.values())[::-1]

    def note(self, delivery: Delivery, result: Result) -> Result:
        """
        How a run ended.

        Returns:
            The result; or a failure that spends an attempt, where the backend's trouble is this chat's alone.
        """
        operation = result.operation if isinstance(result, Unanswered | Failed) else None
        if operation is None or delivery.chat_id is None:
            if isinstance(result, Failed | Returned):
                self.forget(delivery)
            return result
        assert isinstance(result, Unanswered | Failed)
        now = self._clock()
        since = min(now, self._blocked[delivery.delivery_id].since if self._is_known(delivery) else now)
        self._blocked[delivery.delivery_id] = BlockedChat(
            chat_id=delivery.chat_id, operation=operation, since=since, reason=result.letter.reason
        )
        if isinstance(result, Failed):
            return result
        if self._is_refusal(result, operation, delivery.chat_id, since=since, now=now):
            return Failed(
                letter=result.letter,
                move=result.move,
                retry_after=result.retry_after,
                is_answer=True,
                operation=operation,
            )
        self._evidence.failed(operation, delivery.chat_id, now)
        return result

    def forget(self, delivery: Delivery) -> None:
        """It is done or given up."""
        self._blocked.pop(delivery.delivery_id, None)

    def _is_known(self, delivery: Delivery) -> bool:
        return delivery.delivery_id in self._blocked

    def _is_refusal(
        self, result: Unanswered, operation: Operation, chat_id: ChatId, *, since: float, now: float
    ) -> bool:
        """A send that failed while its chat could be read proves by itself that the backend answers."""
        is_up = operation is Operation.SEND or result.is_answered
        return (is_up and now - since >= REFUSED_AFTER_SECONDS) or self._evidence.is_of_one_chat(
            operation, chat_id, since=since
        )
