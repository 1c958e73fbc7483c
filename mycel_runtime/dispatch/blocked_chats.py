"""
Chats in which nothing goes on because the backend fails there. Pure.

For ever must have an end: what fails in one chat while others are served, or for an hour while the backend answers,
is no outage but a refusal. It spends attempts, and becomes a dead letter that says what the server said. The same
holds for work that is no chat's, a relationship's for example; it is not listed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mycel_runtime.dispatch.verdict import Failed, Outspoken, Overtaken, Returned, Unanswered, Waiting
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.speech.evidence import Operation
from mycel_runtime.wire.ids import ChatId

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mycel_runtime.dispatch.verdict import Result
    from mycel_runtime.journal.delivery import Delivery
    from mycel_runtime.journal.ids import DeliveryId
    from mycel_runtime.speech.evidence import Evidence

REFUSED_AFTER_SECONDS: Final = 3600.0
"""What fails for so long, while the backend answers, is no passing trouble."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedChat:
    """
    A chat whose work cannot go on.

    Attributes:
        chat_id: Empty for work that is no chat's.
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
        blocked = [each for each in self._blocked.values() if each.chat_id]
        oldest_first = sorted(blocked, key=lambda each: each.since)
        return list({each.chat_id: each for each in reversed(oldest_first)}.values())[::-1]

    def note(self, delivery: Delivery, result: Result) -> Result:
        """
        How a run ended.

        Returns:
            The result; or a failure that spends an attempt, where the backend's trouble is this chat's alone.
        """
        if not isinstance(result, Unanswered | Failed) or result.operation is None:
            if self._is_over(delivery, result):
                self.forget(delivery)
            return result
        now, operation = self._clock(), result.operation
        since = self._note_blocked(delivery, operation, result.letter.reason, now)
        if isinstance(result, Failed):
            return result
        place = delivery.chat_id or delivery.lane
        if self._is_refusal(result, operation, place, since=since, now=now):
            return Failed(
                letter=result.letter,
                move=result.move,
                retry_after=result.retry_after,
                is_answer=True,
                operation=operation,
            )
        self._evidence.failed(operation, place, now)
        return result

    def _note_blocked(self, delivery: Delivery, operation: Operation, reason: str, now: float) -> float:
        """Since when it is."""
        known = self._blocked.get(delivery.delivery_id)
        since = now if known is None else min(now, known.since)
        self._blocked[delivery.delivery_id] = BlockedChat(
            chat_id=delivery.chat_id or ChatId(""), operation=operation, since=since, reason=reason
        )
        return since

    def _is_over(self, delivery: Delivery, result: Result) -> bool:
        """Whether the run has got past what had failed: what fails later has not failed since then."""
        match result:
            case Returned() | Failed() | Outspoken():
                return True
            case Waiting() | Overtaken():
                known = self._blocked.get(delivery.delivery_id)
                return known is not None and known.operation is Operation.READ
            case _:
                return False

    def forget(self, delivery: Delivery) -> None:
        """It is done or given up."""
        self._blocked.pop(delivery.delivery_id, None)

    def _is_refusal(
        self, result: Unanswered, operation: Operation, place: str, *, since: float, now: float
    ) -> bool:
        """A send that failed while its chat could be read proves by itself that the backend answers."""
        is_up = operation is Operation.SEND or result.is_answered
        return (is_up and now - since >= REFUSED_AFTER_SECONDS) or self._evidence.is_of_one_chat(
            operation, place, since=since
        )
