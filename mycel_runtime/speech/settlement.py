"""
What became of a turn's sends: intents are written down before, outcomes afterwards.

The backend has no idempotency key (Q22), so a send whose outcome is not known is looked for in the chat's history. If
it is not there once nothing can be under way any more, it counts as lost.
"""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

from mycel_runtime.errors import NotSentError
from mycel_runtime.journal.intent import IntentState
from mycel_runtime.observe.facts import MessageSent, SendParked
from mycel_runtime.speech.caught_up import find_own
from mycel_runtime.speech.evidence import Operation
from mycel_runtime.speech.history import messages_after
from mycel_runtime.speech.interrupts import UNANSWERED, UnansweredError
from mycel_runtime.speech.sent import sent_of

if TYPE_CHECKING:
    from mycel_runtime.journal.delivery import SpokenDelivery
    from mycel_runtime.journal.intent import Intent
    from mycel_runtime.speech.draft import Draft
    from mycel_runtime.speech.ledger import Ledger
    from mycel_runtime.speech.send_dependencies import SendDependencies
    from mycel_runtime.speech.sent import Sent
    from mycel_runtime.wire.ids import ChatId
    from mycel_runtime.wire.resources import Message


class Settlement:
    """One turn's."""

    __slots__ = ("_chat_id", "_delivery", "_dependencies", "_ledger", "_left", "_replaced")

    def __init__(
        self, dependencies: SendDependencies, ledger: Ledger, delivery: SpokenDelivery, chat_id: ChatId
    ) -> None:
        self._dependencies = dependencies
        self._ledger = ledger
        self._delivery = delivery
        self._chat_id = chat_id
        self._left: dict[int, Sent] = {}
        self._replaced: Intent | None = None

    async def settle_unresolved(self) -> None:
        """
        Find out what became of earlier runs' sends, before the handler is asked again.

        The grace begins here: how long their senders, dead perhaps, waited before they gave up was not written down.

        Raises:
            UnansweredError: It cannot be known now.

        Cancelling: what is not settled yet stays unresolved.
        """
        for intent in self._ledger.unresolved:
            if intent.ordinal not in self._left:
                await self.look_for(intent, not_before=self._grace_ends_at())

    async def said(self, ordinal: int) -> Sent | None:
        """
        This reply, if an earlier run said it; or this one, whose handler did not wait for the answer.

        One that counted as lost is looked for once more: it may have come late.

        Raises:
            UnansweredError: It cannot be known now.

        Cancelling: what is not settled yet stays unresolved.
        """
        intent = self._ledger.said(ordinal)
        if intent is None:
            return await self._come_late(ordinal)
        if ordinal in self._left:
            return self._left[ordinal]
        if intent.state is not IntentState.SENT:
            return await self.look_for(intent, not_before=self._grace_ends_at())
        return sent_of(intent)

    async def intend(self, draft: Draft) -> Intent:
        """
        Write down what is about to be said; with all that was written down before it is on the disk then.

        Raises:
            UnansweredError: The delivery is another process's by now, and nothing may be said.

        Cancelling: it stands in the journal or it does not; nothing has been sent.
        """
        intent = self._ledger.intend(draft, now=self._dependencies.clock())
        self._replaced = self._ledger.refused(draft.ordinal)
        await self._write(intent)
        self._ledger.keep(intent)
        return intent

    async def require_claim(self) -> None:
        """
        Right before the request: whoever was frozen since the intent may have lost the delivery.

        Raises:
            UnansweredError: As of `intend`; the intent stays unresolved, for whoever has it.
        """
        if not await self._dependencies.journal.keeps_claim(self._delivery):
            raise _lost()

    def withdraw(self, intent: Intent) -> None:
        """
        The newest intent is not sent, and never was; what it has replaced, which may come late, stands again.

        Nobody waits: it stands in the journal before whatever comes next.
        """
        withdrawn = self._replaced or dataclasses.replace(intent, state=IntentState.REFUSED)
        self._dependencies.journal.record(withdrawn)
        self._ledger.keep(withdrawn)

    def record(self, intent: Intent, message: Message, *, recovered: bool) -> Sent:
        """The send is stored as this message, which the answer says, or else (`recovered`) the history."""
        recorded, others_seq = self._ledger.record(intent, message)
        self._dependencies.journal.record(recorded, wanted_seq=others_seq)
        sent = sent_of(recorded)
        self._dependencies.observer.tell(
            MessageSent(
                handler=intent.handler, chat_id=self._chat_id, message_seq=sent.seq, recovered=recovered
            )
        )
        return sent

    async def refuse(self, intent: Intent) -> None:
        """
        The send came to nothing.

        Cancelling: as of `Journal.settle`.
        """
        settled = dataclasses.replace(intent, state=IntentState.REFUSED)
        await self._dependencies.journal.settle(settled)
        self._ledger.keep(settled)

    async def look_for(self, intent: Intent, *, not_before: float) -> Sent | None:
        """
        Search the history for an intent's message; `None`: it is not there, and counts as lost.

        One that is in doubt does not: it is parked, and nobody says it again.

        Absence counts only after `not_before` (the loop's time): until then the request may still be on its way.

        Raises:
            UnansweredError: The history cannot be read now.

        Cancelling: the intent stays unresolved.
        """
        loop = asyncio.get_running_loop()
        while True:
            is_final = loop.time() >= not_before
            if message := await self._find(intent):
                return self.record(intent, message, recovered=True)
            if is_final and intent.is_in_doubt:
                return await self._leave(intent)
            if is_final:
                self._dependencies.twin_watch.note_lost(intent)
                await self.refuse(intent)
                return None
            await asyncio.sleep(max(0.0, not_before - loop.time()))

    async def _come_late(self, ordinal: int) -> Sent | None:
        intent = self._ledger.refused(ordinal)
        if intent is None or not self._dependencies.twin_watch.is_lost(intent):
            return None
        if (message := await self._find(intent)) is None:
            return None
        # From where it was, not from here: whoever dies before the record finds it again.
        revived = dataclasses.replace(intent, state=IntentState.INTENDED)
        await self._write(revived)
        return self.record(revived, message, recovered=True)

    async def _write(self, intent: Intent) -> None:
        if not await self._dependencies.journal.intend(self._delivery, intent):
            raise _lost()

    async def _leave(self, intent: Intent) -> Sent:
        """
        Not there, but whoever was about to say it may say it yet: parked, and the turn goes on as if it were said.

        Said again by us, it might stand there twice; and the chat would wait for ever for somebody who is dead.
        """
        parked = dataclasses.replace(intent, state=IntentState.UNKNOWN)
        await self._dependencies.journal.settle(parked)
        self._ledger.keep(parked)
        self._left[intent.ordinal] = sent_of(parked)
        if intent.state is not IntentState.UNKNOWN:
            self._dependencies.observer.tell(
                SendParked(handler=intent.handler, chat_id=self._chat_id, send=intent.name)
            )
        return self._left[intent.ordinal]

    async def _find(self, intent: Intent) -> Message | None:
        try:
            history = await messages_after(self._dependencies.sdk, self._chat_id, intent.base_seq)
        except UNANSWERED as exc:
            raise UnansweredError(exc, Operation.READ) from exc
        taken = await self._dependencies.journal.message_ids(
            self._dependencies.me, chat_id=self._chat_id, after_seq=intent.base_seq
        )
        return find_own(
            history,
            me=self._dependencies.me,
            after_seq=intent.base_seq,
            wanted_hash=intent.content_hash,
            taken=taken,
        )

    def _grace_ends_at(self) -> float:
        """By the loop's clock: the other one may be set back meanwhile, and the lane would wait as much longer."""
        return asyncio.get_running_loop().time() + self._dependencies.settle_grace


def _lost() -> UnansweredError:
    return UnansweredError(NotSentError("the delivery is another process's by now"), Operation.SEND)
