"""
One turn's speech: intent, proof, send, record.

The backend has no idempotency key (Q22), its reads are destructive (Q26), its caught-up check can be slipped
(Q28) and its 500 may mean "done" (Q21). So: write down what is about to be said; prove that everything before
it was shown to the handler; send; write down what became of it. Whoever runs the turn again finds the record.
"""

from __future__ import annotations

import asyncio
import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import (
    ApiError,
    AuthenticationError,
    InvalidResponseError,
    NotCaughtUpError,
    NotFoundError,
    NotSentError,
    RateLimitedError,
    ServerError,
    TransportError,
)
from mycel_runtime.journal.entries import Intent, IntentState
from mycel_runtime.observe.facts import MessageSent, SendConflicted, SendDoubted
from mycel_runtime.speech.caught_up import content_hash, find_own, unseen
from mycel_runtime.speech.history import messages_after
from mycel_runtime.wire.ids import MessageId, MessageSeq

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mycel_runtime.journal.entries import Delivery
    from mycel_runtime.journal.port import Journal
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.wire.ids import ChatId, UserId
    from mycel_runtime.wire.resources import Message

UNANSWERED: Final = (TransportError, ServerError, RateLimitedError, InvalidResponseError, AuthenticationError)
"""The backend's trouble, not the handler's: the delivery waits and spends no attempt."""

_REFUSALS_IN_A_ROW: Final = 3
"""Generation A refuses once because of our own last message (Q29); more often means somebody else."""


class TurnEndedError(BaseException):
    """Ends a handler's run from inside a send. Passes `except Exception`, as a cancellation does."""


class SupersededError(TurnEndedError):
    """Somebody spoke first; the handler must be asked again with `messages` in view."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = messages
        super().__init__(f"{len(messages)} unseen messages")


class UnansweredError(TurnEndedError):
    """The backend cannot be reached or understood; the turn goes on later, from its record."""

    def __init__(self, cause: ApiError) -> None:
        self.cause = cause
        super().__init__(type(cause).__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A message that the backend has stored."""

    message_id: MessageId
    seq: MessageSeq


class Outbox:
    """
    Makes a `Turn` per delivery.

    Args:
        journal: Where intents are kept.
        sdk: As the identity.
        me: The identity.
        observer: Told of sends, conflicts and doubts.
        clock: Epoch seconds.
        settle_grace: Seconds after which a request that is not in the history cannot arrive any more.
    """

    def __init__(
        self,
        *,
        journal: Journal,
        sdk: AsyncClient,
        me: UserId,
        observer: Observer,
        clock: Callable[[], float],
        settle_grace: float,
    ) -> None:
        self.journal = journal
        self.sdk = sdk
        self.me = me
        self.observer = observer
        self.clock = clock
        self.settle_grace = settle_grace

    def turn(self, delivery: Delivery, chat_id: ChatId, handled_seq: MessageSeq) -> Turn:
        """The speech of a delivery; `show` comes before the first send."""
        return Turn(self, delivery, chat_id, handled_seq)


class Turn:
    """
    What one delivery says in its chat, over all runs of its handler.

    Attributes:
        through_seq: Everything up to here was shown to the handler or said by us.
        wanted_seq: Set when a send landed beyond a gap: look again so far (Q28).
    """

    def __init__(self, outbox: Outbox, delivery: Delivery, chat_id: ChatId, handled_seq: MessageSeq) -> None:
        self._outbox = outbox
        self._delivery = delivery
        self._chat_id = chat_id
        self._handled_seq = handled_seq
        self._seen_ids: set[str] = set()
        self._intents = {intent.ordinal: intent for intent in delivery.intents}
        self._ordinal = 0
        self._is_proved = False
        self.through_seq = handled_seq
        self.wanted_seq: MessageSeq | None = None

    @property
    def sends(self) -> int:
        """How many messages of this turn are stored."""
        return sum(intent.state is IntentState.SENT for intent in self._intents.values())

    def show(self, messages: Sequence[Message]) -> None:
        """The handler is about to be run with these in view, from the first send again."""
        self._ordinal = 0
        self._seen_ids.update(message["id"] for message in messages)
        self.through_seq = MessageSeq(max([self.through_seq, *(message["seq"] for message in messages)]))

    async def send(self, content: str, mentions: Sequence[str] = ()) -> Sent:
        """
        Say something, once.

        Raises:
            SupersededError: Something was not shown yet; nothing was sent.
            UnansweredError: The outcome, or what precedes it, cannot be known now.
            ApiError: The backend refused for good; nothing was stored.

        Cancelling: the intent stays; the next run of the turn settles it before anything is sent again.
        """
        hash_ = content_hash(content, mentions=mentions)
        intent = self._intents.get(self._ordinal)
        sent = await self._outcome_of(intent) if intent else None
        if sent is None:
            sent = await self._send_proved(content, mentions, hash_)
        self._ordinal += 1
        return sent

    async def _outcome_of(self, intent: Intent) -> Sent | None:
        """What became of an earlier run's intent; `None`: certainly nothing."""
        if intent.state is IntentState.SENT:
            assert intent.message_id is not None
            assert intent.message_seq is not None
            return Sent(message_id=intent.message_id, seq=intent.message_seq)
        if intent.state is IntentState.REFUSED:
            return None
        return await self._look_for(intent, not_before=intent.intended_at + self._outbox.settle_grace)

    async def _send_proved(self, content: str, mentions: Sequence[str], hash_: str) -> Sent:
        for _ in range(_REFUSALS_IN_A_ROW):
            await self._prove_caught_up()
            try:
                return await self._send_once(content, mentions, hash_)
            except NotCaughtUpError:
                self._is_proved = False
        raise SupersededError([])

    async def _prove_caught_up(self) -> None:
        """
        Nothing may be unread but what was shown.

        The server's read says which messages it covered, so nothing can slip between looking and marking;
        after an own send its cursor stands at that send, and the enforced send itself is the proof.
        """
        if self.wanted_seq is not None:
            await self._close_gap(self.wanted_seq)
        if self._is_proved:
            return
        try:
            unread = await self._outbox.sdk.messages.read(self._chat_id)
        except NotFoundError:
            unread = await self._mark_and_list()
        except UNANSWERED as exc:
            raise UnansweredError(exc) from exc
        self._require_seen(unread)
        self._is_proved = True

    async def _mark_and_list(self) -> list[Message]:
        """Generation A has no `messages/read` (405): mark first, then see what that covered."""
        try:
            await self._outbox.sdk.messages.mark_read(self._chat_id)
            return await messages_after(self._outbox.sdk, self._chat_id, self._handled_seq)
        except UNANSWERED as exc:
            raise UnansweredError(exc) from exc

    async def _close_gap(self, through_seq: MessageSeq) -> None:
        """Our last send was not adjacent to what was shown (Q28): see what lies between."""
        try:
            between = await messages_after(self._outbox.sdk, self._chat_id, self._handled_seq)
        except UNANSWERED as exc:
            raise UnansweredError(exc) from exc
        self.wanted_seq = None
        self._require_seen(between)
        self.through_seq = max(self.through_seq, through_seq)

    def _require_seen(self, messages: Sequence[Message]) -> None:
        new = unseen(messages, me=self._outbox.me, handled_seq=self._handled_seq, seen_ids=self._seen_ids)
        if new:
            self._tell_conflict(len(new))
            raise SupersededError(new)

    async def _send_once(self, content: str, mentions: Sequence[str], hash_: str) -> Sent:
        intent = await self._intend(hash_)
        try:
            message = await self._outbox.sdk.messages.send(
                self._chat_id, content, mentions=list(mentions) or None, enforce_caught_up=True
            )
        except NotSentError as exc:
            await self._settle(intent, IntentState.REFUSED)
            raise UnansweredError(exc) from exc
        except (TransportError, ServerError, InvalidResponseError) as exc:
            return await self._settle_doubt(intent, exc)
        except ApiError as exc:
            await self._settle(intent, IntentState.REFUSED)
            if isinstance(exc, UNANSWERED):
                raise UnansweredError(exc) from exc
            raise
        return await self._record(intent, message, recovered=False)

    async def _settle_doubt(self, intent: Intent, exc: ApiError) -> Sent:
        """The answer was lost: look; if the message is not there after the grace, it never will be."""
        self._outbox.observer.tell(
            SendDoubted(handler=self._delivery.handler, chat_id=self._chat_id, error=type(exc).__name__)
        )
        not_before = self._outbox.clock() + self._outbox.settle_grace
        sent = await self._look_for(intent, not_before=not_before)
        if sent is None:
            raise UnansweredError(exc) from exc
        return sent

    async def _look_for(self, intent: Intent, *, not_before: float) -> Sent | None:
        """
        Search the history for an intent's message.

        Absence counts only after `not_before` (epoch seconds): until then the request may still be on its way.
        """
        while True:
            is_final = self._outbox.clock() >= not_before
            if message := await self._find(intent):
                return await self._record(intent, message, recovered=True)
            if is_final:
                await self._settle(intent, IntentState.REFUSED)
                return None
            await asyncio.sleep(max(0.0, not_before - self._outbox.clock()))

    async def _find(self, intent: Intent) -> Message | None:
        try:
            history = await messages_after(self._outbox.sdk, self._chat_id, intent.base_seq)
        except UNANSWERED as exc:
            raise UnansweredError(exc) from exc
        taken = await self._outbox.journal.message_ids(
            self._outbox.me, chat_id=self._chat_id, after_seq=intent.base_seq
        )
        return find_own(
            history,
            me=self._outbox.me,
            after_seq=intent.base_seq,
            wanted_hash=intent.content_hash,
            taken=taken,
        )

    async def _intend(self, hash_: str) -> Intent:
        intent = Intent(
            delivery_id=self._delivery.delivery_id,
            turn=self._delivery.turn,
            ordinal=self._ordinal,
            identity=self._outbox.me,
            chat_id=self._chat_id,
            base_seq=self.through_seq,
            content_hash=hash_,
            state=IntentState.INTENDED,
            intended_at=self._outbox.clock(),
        )
        await self._outbox.journal.intend(intent)
        self._intents[intent.ordinal] = intent
        return intent

    async def _settle(self, intent: Intent, state: IntentState) -> None:
        settled = dataclasses.replace(intent, state=state)
        await self._outbox.journal.settle(settled)
        self._intents[intent.ordinal] = settled

    async def _record(self, intent: Intent, message: Message, *, recovered: bool) -> Sent:
        sent = Sent(message_id=MessageId(message["id"]), seq=MessageSeq(message["seq"]))
        recorded = dataclasses.replace(
            intent, state=IntentState.SENT, message_id=sent.message_id, message_seq=sent.seq
        )
        await self._outbox.journal.settle(recorded)
        self._intents[intent.ordinal] = recorded
        self._seen_ids.add(sent.message_id)
        self._note_place(sent.seq)
        self._outbox.observer.tell(
            MessageSent(
                handler=self._delivery.handler,
                chat_id=self._chat_id,
                message_seq=sent.seq,
                recovered=recovered,
            )
        )
        return sent

    def _note_place(self, seq: MessageSeq) -> None:
        """Adjacent to what was shown: our cursor covers it. Else something may lie between (Q28)."""
        if seq == self.through_seq + 1:
            self.through_seq = seq
        elif seq > self.through_seq:
            self.wanted_seq = seq

    def _tell_conflict(self, count: int) -> None:
        self._outbox.observer.tell(
            SendConflicted(handler=self._delivery.handler, chat_id=self._chat_id, unseen=count)
        )
