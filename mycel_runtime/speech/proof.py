"""
The proof that a handler has been shown everything before its reply.

The backend's reads are destructive (Q26), and its caught-up check can be slipped (Q28): what was read is unread no
more, so it stays in the way here until the handler has been shown it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mycel_runtime.errors import NotFoundError
from mycel_runtime.journal.delivery import AnswerDelivery, ChatDelivery
from mycel_runtime.observe.facts import SendConflicted
from mycel_runtime.observe.trace import span
from mycel_runtime.speech.conflict import ASKED_AGAIN, conflict
from mycel_runtime.speech.evidence import Operation
from mycel_runtime.speech.history import messages_after
from mycel_runtime.speech.interrupts import UNANSWERED, UnansweredError
from mycel_runtime.speech.request_limit import ask_at_pace, limit_ends_at, limit_pause

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.journal.delivery import SpokenDelivery
    from mycel_runtime.speech.conflict import ConflictPolicy
    from mycel_runtime.speech.ledger import Ledger
    from mycel_runtime.speech.send_dependencies import SendDependencies
    from mycel_runtime.wire.ids import ChatId, MessageSeq
    from mycel_runtime.wire.resources import Message


class Proof:
    """
    One turn's.

    Attributes:
        on_conflict: The handler's way when somebody speaks first.
    """

    __slots__ = ("_chat_id", "_delivery", "_dependencies", "_is_given", "_ledger", "on_conflict")

    def __init__(
        self,
        dependencies: SendDependencies,
        ledger: Ledger,
        delivery: SpokenDelivery,
        chat_id: ChatId,
        *,
        on_conflict: ConflictPolicy,
    ) -> None:
        self._dependencies = dependencies
        self._ledger = ledger
        self._delivery = delivery
        self._chat_id = chat_id
        self._is_given = False
        self.on_conflict: ConflictPolicy = on_conflict

    def drop_on_conflict(self) -> None:
        """From now on, whoever speaks first has the word."""
        self.on_conflict = "drop"

    def take_back(self) -> None:
        """The backend has refused a send: something is unread."""
        self._is_given = False

    async def look(self) -> None:
        """
        What the history says where that is in doubt; nothing is moved on the server.

        Raises:
            SupersededError, DroppedError, NotCaughtUpError, UnansweredError: As of `give`.

        Cancelling: as of `give`.
        """
        with span("reply.prove"):
            if self._ledger.gap_seq is not None:
                await self._close_gap(self._ledger.gap_seq)
            elif self._ledger.is_unread:
                above = await self._above_cursor()
                self._ledger.note_readable()
                await self._require_seen(above)
            await self._require_seen([])

    async def give(self) -> None:
        """
        Nothing may be unread but what was shown; after a `look`, and the intent of what is to be sent.

        The server's read says which messages it covered, so nothing can slip between looking and marking;
        after an own send its cursor stands at that send, and the enforced send itself is the proof.

        Raises:
            SupersededError, DroppedError, NotCaughtUpError: Something was not shown yet.
            UnansweredError: It cannot be known now.
            ApiError: The backend refuses the question for good.

        Cancelling: the chat's other handlers are told to look.
        """
        if not self._is_given:
            with span("reply.prove"):
                await self._require_seen(await self._read())
        self._is_given = True

    async def mark_shown(self) -> None:
        """
        Refused, though nothing foreign is new: the server counts our own messages (Q29).

        Older servers take no number and mark whatever there is, which then would block nothing any more.

        Raises:
            SupersededError, DroppedError, NotCaughtUpError, UnansweredError, ApiError: As of `give`.

        Cancelling: as of `give`.
        """
        await self._require_seen(await self._mark_and_list(self._ledger.through_seq))

    def conflict(self) -> BaseException:
        """What the send raises before which something was said; whatever is not shown next is the next turn's."""
        unshown = self._ledger.unshown
        self._dependencies.observer.tell(
            SendConflicted(handler=self._delivery.handler, chat_id=self._chat_id, unseen=len(unshown))
        )
        if self.on_conflict not in ASKED_AGAIN:
            self._ledger.leave_unshown()
        return conflict(self.on_conflict, unshown)

    async def _read(self) -> list[Message]:
        """
        What is unread, and is not afterwards.

        If the answer is lost, the chat's other handlers hear of it no more (Q26): they look once more.
        """
        try:
            return await self._dependencies.sdk.messages.read(self._chat_id)
        except NotFoundError:
            return await self._mark_and_list()
        except UNANSWERED as exc:
            await self._want_others(None)
            if limit_pause(self._dependencies.sdk, exc, limit_ends_at()) is not None:
                return await self._read_again()
            raise UnansweredError(exc, Operation.SEND) from exc
        except asyncio.CancelledError:
            await self._want_others(None)
            raise

    async def _read_again(self) -> list[Message]:
        """A limiter has refused, most likely; what was read all the same is in the history."""
        sdk = self._dependencies.sdk
        try:
            await ask_at_pace(sdk, lambda: sdk.messages.read(self._chat_id))
            return await messages_after(sdk, self._chat_id, self._ledger.handled_seq)
        except UNANSWERED as exc:
            raise UnansweredError(exc, Operation.SEND) from exc

    async def _mark_and_list(self, through_seq: MessageSeq | None = None) -> list[Message]:
        """Without `messages/read` (405 in generation A): mark first, then see what that covered."""
        sdk, operation = self._dependencies.sdk, Operation.SEND
        try:
            await ask_at_pace(sdk, lambda: sdk.messages.mark_read(self._chat_id, through_seq))
            operation = Operation.READ
            return await messages_after(sdk, self._chat_id, self._ledger.handled_seq)
        except UNANSWERED as exc:
            await self._want_others(None)
            raise UnansweredError(exc, operation) from exc
        except asyncio.CancelledError:
            await self._want_others(None)
            raise

    async def _close_gap(self, through_seq: MessageSeq) -> None:
        """Our last send was not adjacent to what was shown (Q28): see what lies between."""
        between = await self._above_cursor()
        self._ledger.note_gap_read()
        await self._require_seen(between)
        self._ledger.close_gap(through_seq)

    async def _above_cursor(self) -> list[Message]:
        """What the history holds now; what of it may be our twin's is behind the cursor afterwards."""
        try:
            above = await messages_after(self._dependencies.sdk, self._chat_id, self._ledger.handled_seq)
        except UNANSWERED as exc:
            raise UnansweredError(exc, Operation.READ) from exc
        if isinstance(self._delivery, ChatDelivery | AnswerDelivery):
            await self._dependencies.twin_watch.answered_through(
                self._chat_id, above, handled_seq=self._ledger.handled_seq
            )
        return above

    async def _require_seen(self, messages: Sequence[Message]) -> None:
        """What was read is unread no more, so that it stays in the way until the handler has been shown it."""
        newest = self._ledger.note_read(messages)
        if newest is not None:
            await self._want_others(newest)
        if self._ledger.unshown:
            raise self.conflict()

    async def _want_others(self, wanted_seq: MessageSeq | None) -> None:
        await self._dependencies.journal.want_others(self._delivery, wanted_seq=wanted_seq)
