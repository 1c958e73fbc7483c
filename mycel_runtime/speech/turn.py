"""
One turn's speech: intent, proof, send, record.

The backend has no idempotency key (Q22), its reads are destructive (Q26), its caught-up check can be slipped
(Q28) and its 500 may mean "done" (Q21). So: write down what is about to be said; prove that everything before
it was shown to the handler; send; write down what became of it. Whoever runs the turn again finds the record.

Nothing is ever sent from the record: a message goes out only when the handler, in the run that sends it, was shown
everything before it. However long the process was down, no reply is older than that.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from mycel_runtime.errors import (
    ApiError,
    InvalidResponseError,
    NotCaughtUpError,
    NotFoundError,
)
from mycel_runtime.journal.entries import ChatDelivery, IntentState
from mycel_runtime.journal.turns import Said
from mycel_runtime.observe.facts import MessageSent, SendConflicted, SendUnresolved
from mycel_runtime.sdk.pace import Refusal
from mycel_runtime.sdk.policy import refusal_of
from mycel_runtime.speech.caught_up import content_hash, find_own
from mycel_runtime.speech.evidence import Evidence, Operation
from mycel_runtime.speech.history import messages_after
from mycel_runtime.speech.interrupts import (
    UNANSWERED,
    DroppedError,
    RefusedError,
    SupersededError,
    TurnEndedError,
    UnansweredError,
)
from mycel_runtime.speech.ledger import Ledger
from mycel_runtime.speech.send_outcome import (
    LONGEST_LIMITED_SECONDS,
    TRIES,
    SendOutcome,
    grace_after,
    is_handlers_to_know,
    is_message,
    is_refusal,
    outcome_of,
    pause_before_repeat,
)
from mycel_runtime.speech.sent import sent_of
from mycel_runtime.speech.server_detail import forget_words
from mycel_runtime.wire.arguments import require_mentions, require_sayable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from mycel_runtime.journal.entries import Intent, SpokenDelivery
    from mycel_runtime.journal.port import Journal
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.speech.sent import Sent
    from mycel_runtime.speech.twin_watch import TwinWatch
    from mycel_runtime.wire.ids import ChatId, MessageSeq, UserId
    from mycel_runtime.wire.resources import Message

ConflictPolicy = Literal["rerun", "repeat", "raise", "drop"]

_REFUSALS_IN_A_ROW: Final = 3
"""Generation A refuses once because of our own last message (Q29); more often means somebody else."""

_ASKED_AGAIN: Final = frozenset({"rerun", "repeat"})
"""Policies by which a handler that was overtaken is run again at once."""

_CONFLICT: Final = 409
_OK: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SendDependencies:
    """
    What it takes to speak.

    Attributes:
        journal: Where intents are kept.
        twin_watch: Says whether somebody else speaks as the identity.
        sdk: As the identity.
        me: The identity.
        observer: Told of sends, conflicts and unresolved sends.
        clock: Epoch seconds.
        settle_grace: Seconds, after its sender gave up, until a request that is not in the history counts as lost;
            one that something in between has answered counts sooner. What a proxy or an overloaded server holds for
            longer and then stores is said twice, unless the server counts our own messages (Q29) and refuses it, or
            it is there before the next try: without an idempotency key (Q22) nobody can tell.
        evidence: Told of sends that were accepted.
    """

    journal: Journal
    twin_watch: TwinWatch
    sdk: AsyncClient
    me: UserId
    observer: Observer
    clock: Callable[[], float]
    settle_grace: float
    evidence: Evidence = field(default_factory=Evidence)


class _AbsentError(Exception):
    """A message is proven not to be stored, though the backend itself has refused nothing; `cause` came `at` then."""

    def __init__(self, cause: ApiError, at: float) -> None:
        self.cause = cause
        self.at = at
        super().__init__(type(cause).__name__)


class Turn:
    """
    What one delivery says in its chat, over all runs of its handler; or what is said first there.

    Attributes:
        ledger: What it was shown and what it said.
    """

    def __init__(
        self,
        dependencies: SendDependencies,
        delivery: SpokenDelivery,
        chat_id: ChatId,
        handled_seq: MessageSeq,
        *,
        on_conflict: ConflictPolicy,
        may_speak: Callable[[], Awaitable[None]] | None,
    ) -> None:
        self._dependencies = dependencies
        self._delivery = delivery
        self._chat_id = chat_id
        self._on_conflict = on_conflict
        self._may_speak = may_speak
        self._one_at_a_time = asyncio.Lock()
        self._interrupt: UnansweredError | RefusedError | None = None
        self._refused_by: NotCaughtUpError | None = None
        self._unsaid: dict[int, tuple[str, tuple[str, ...]]] = {}
        self._standing: dict[int, tuple[str, tuple[str, ...]]] = {}
        self._is_silent = False
        self._is_proved = False
        self._is_attended = False
        self.ledger = Ledger(delivery, chat_id, handled_seq, me=dependencies.me)

    @property
    def chat_id(self) -> ChatId:
        """Where it is spoken."""
        return self._chat_id

    @property
    def delivery(self) -> SpokenDelivery:
        """Whose it is."""
        return self._delivery

    @property
    def is_superseded(self) -> bool:
        """Whether the handler, which may have swallowed being told so, must be asked again."""
        is_refused = bool(self.ledger.unshown) or self._refused_by is not None
        return is_refused and self._on_conflict in _ASKED_AGAIN

    @property
    def refused_by(self) -> NotCaughtUpError | None:
        """What the backend said when it refused a reply though everything unread was shown; of the last run."""
        return self._refused_by

    @property
    def unsaid(self) -> tuple[str, ...]:
        """By `repeat`: what the run before said too late. It is said as it was, unless this run says anything."""
        return tuple(content for content, _ in self._standing.values())

    def withdraw(self) -> None:
        """What the run before said too late is not said."""
        self._standing = {}

    def show_more(self, messages: Sequence[Message], *, is_attended: bool) -> None:
        """The running handler has these in view too."""
        self._is_attended = self._is_attended or is_attended
        self.ledger.show(messages)

    @contextlib.asynccontextmanager
    async def holding_still(self) -> AsyncIterator[None]:
        """No reply goes out meanwhile."""
        async with self._one_at_a_time:
            yield

    def show(self, messages: Sequence[Message], *, is_attended: bool = False) -> None:
        """
        The handler is about to be run with these in view, from the first send again.

        Args:
            messages: Of the history, own ones included.
            is_attended: A human's is among them.
        """
        self._is_silent = False
        self._refused_by = None
        self._is_attended = is_attended
        self._standing = dict(sorted((self._unsaid or self._standing).items()))
        self._unsaid = {}
        self.ledger.begin_run()
        self.ledger.show(messages)

    def begin_last_words(self) -> None:
        """
        The turn is given up, and what is said now tells so: once, over all runs of the delivery.

        It is dropped if somebody speaks first: what he says is the next turn's, which may fare better.
        """
        self._is_silent = False
        self._interrupt = self._refused_by = None
        self._standing, self._unsaid = {}, {}
        self._on_conflict = "drop"
        self.ledger.begin_last_words()

    async def settle_unresolved(self) -> None:
        """
        Find out what became of earlier runs' sends, before the handler is asked again.

        The grace begins here: how long their senders, dead perhaps, waited before they gave up was not written down.

        Raises:
            UnansweredError: It cannot be known now.
        """
        for intent in self.ledger.unresolved:
            await self._look_for(intent, not_before=self._grace_ends_at())

    async def send(self, content: str, mentions: Sequence[str] = ()) -> Sent:
        """
        Say something, once.

        Raises:
            ArgumentError: It is nothing that can be said; nothing was sent.
            SupersededError, DroppedError, NotCaughtUpError: Something was not shown yet; nothing was sent. Which of
                them is the handler's choice.
            RefusedError: The backend refuses it for what nobody can see.
            WithheldError: The loop guard holds the chat.
            UnansweredError: The outcome, or what precedes it, cannot be known now.
            ApiError: The backend refused for good; nothing was stored.

        Cancelling: the intent stays; what became of it is found out before anything else is sent.
        """
        words, ordinals, spoken = _words_of(content, mentions), self.ledger.ordinals, self.ledger.spoken
        spoken.append(Said(words, len(content) if words else 0))
        place = len(spoken) - 1
        # What cannot be said takes its ordinal too, so that the next run's replies are counted alike.
        ordinal = ordinals.take(words)
        try:
            require_sayable(content, "the reply's text")
            require_mentions(mentions)
            self._standing = {}
            async with self._one_at_a_time:
                sent = await self._send(ordinal, content, mentions)
        except BaseException as exc:
            ordinals.leave(ordinal, words)
            spoken[place] = spoken[place]._replace(error=type(exc).__name__)
            if isinstance(exc, SupersededError) and self._on_conflict == "repeat":
                self._unsaid[ordinal] = content, tuple(mentions)
            if isinstance(exc, UnansweredError | RefusedError):
                self._interrupt = exc
            raise
        self._unsaid.pop(ordinal, None)
        return sent

    async def fall_silent(self) -> None:
        """
        The handler's run is over: what it left under way ends first, and nothing more is said in it.

        Without that the next run would look for a message that has not arrived yet.
        """
        self._is_silent = True
        async with self._one_at_a_time:
            pass

    async def conclude(self) -> None:
        """
        The handler has returned, and may have swallowed that it was told, or stopped waiting for a reply.

        By `repeat`, what it said too late in the run before stands, unless it has said anything in this one.

        Raises:
            UnansweredError: What it asked for, or what became of it, cannot be known now.
            SupersededError, WithheldError, RefusedError, ApiError: As of `send`, of what stands.
        """
        if self._interrupt is not None:
            raise self._interrupt
        await self.settle_unresolved()
        for ordinal, (content, mentions) in self._standing.items():
            _ = await self._said(ordinal) or await self._say(ordinal, content, mentions)
        self._standing = {}

    async def _send(self, ordinal: int, content: str, mentions: Sequence[str]) -> Sent:
        if self._interrupt is not None:
            raise self._interrupt
        if self._is_silent:
            raise TurnEndedError
        return await self._said(ordinal) or await self._say(ordinal, content, mentions)

    async def _said(self, ordinal: int) -> Sent | None:
        """
        This reply, if an earlier run said it; or this one, whose handler did not wait for the answer.

        One that counted as lost is looked for once more: it may have come late.
        """
        intent = self.ledger.said(ordinal)
        if intent is None:
            return await self._come_late(ordinal)
        if intent.state is not IntentState.SENT:
            return await self._look_for(intent, not_before=self._grace_ends_at())
        return sent_of(intent)

    async def _come_late(self, ordinal: int) -> Sent | None:
        intent = self.ledger.refused(ordinal)
        if intent is None or not self._dependencies.twin_watch.is_lost(intent):
            return None
        if (message := await self._find(intent)) is None:
            return None
        # From where it was, not from here: whoever dies before the record finds it again.
        revived = dataclasses.replace(intent, state=IntentState.INTENDED)
        await self._dependencies.journal.intend(revived)
        return self._record(revived, message, recovered=True)

    async def _say(self, ordinal: int, content: str, mentions: Sequence[str]) -> Sent:
        await self.settle_unresolved()
        if self._may_speak is not None and not self._is_attended:
            await self._may_speak()
        return await self._send_proved(ordinal, content, mentions)

    async def _send_proved(self, ordinal: int, content: str, mentions: Sequence[str]) -> Sent:
        refused_by = NotCaughtUpError(_CONFLICT, "")
        for refusals in range(_REFUSALS_IN_A_ROW):
            await self._prove_caught_up()
            if refusals:
                await self._mark_shown()
            try:
                return await self._send_until_told(ordinal, content, mentions)
            except NotCaughtUpError as exc:
                self._is_proved = False
                refused_by = exc
        self._refused_by = refused_by
        raise RefusedError(refused_by) if self._on_conflict == "drop" else self._conflict()

    async def _prove_caught_up(self) -> None:
        """
        Nothing may be unread but what was shown.

        The server's read says which messages it covered, so nothing can slip between looking and marking;
        after an own send its cursor stands at that send, and the enforced send itself is the proof.
        """
        if self.ledger.gap_seq is not None:
            await self._close_gap(self.ledger.gap_seq)
        if not self._is_proved:
            await self._require_seen(await self._read())
        await self._require_seen([])
        self._is_proved = True

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
            if self._pause_of_limit(exc, _limit_ends_at()) is not None:
                return await self._read_again()
            raise UnansweredError(exc, Operation.SEND) from exc
        except asyncio.CancelledError:
            await self._want_others(None)
            raise

    async def _read_again(self) -> list[Message]:
        """A limiter has refused, most likely; what was read all the same is in the history."""
        try:
            await self._at_pace(lambda: self._dependencies.sdk.messages.read(self._chat_id))
            return await messages_after(self._dependencies.sdk, self._chat_id, self.ledger.handled_seq)
        except UNANSWERED as exc:
            raise UnansweredError(exc, Operation.SEND) from exc

    async def _mark_and_list(self, through_seq: MessageSeq | None = None) -> list[Message]:
        """Without `messages/read` (405 in generation A): mark first, then see what that covered."""
        operation = Operation.SEND
        try:
            await self._at_pace(lambda: self._dependencies.sdk.messages.mark_read(self._chat_id, through_seq))
            operation = Operation.READ
            return await messages_after(self._dependencies.sdk, self._chat_id, self.ledger.handled_seq)
        except UNANSWERED as exc:
            await self._want_others(None)
            raise UnansweredError(exc, operation) from exc
        except asyncio.CancelledError:
            await self._want_others(None)
            raise

    async def _at_pace(self, ask: Callable[[], Awaitable[object]]) -> None:
        """Do what may be done twice, again and again while a limit refuses it; the client keeps its pace."""
        ends_at = _limit_ends_at()
        while True:
            try:
                await ask()
            except UNANSWERED as exc:
                if (pause := self._pause_of_limit(exc, ends_at)) is None:
                    raise
                await asyncio.sleep(pause)
            else:
                return

    def _pause_of_limit(self, error: ApiError, ends_at: float, *, at: float | None = None) -> float | None:
        """Seconds until the client may ask again whoever limits it and has refused, `at` then; `None`: nobody has."""
        if not self._dependencies.sdk.pace.is_limited or refusal_of(error) is Refusal.NONE:
            return None
        now = asyncio.get_running_loop().time()
        again_at = (now if at is None else at) + (error.retry_after_seconds or 0.0)
        return max(0.0, again_at - now) if again_at < ends_at else None

    async def _mark_shown(self) -> None:
        """
        Refused, though nothing foreign is new: the server counts our own messages (Q29).

        Older servers take no number and mark whatever there is, which then would block nothing any more.
        """
        await self._require_seen(await self._mark_and_list(self.ledger.through_seq))

    async def _close_gap(self, through_seq: MessageSeq) -> None:
        """Our last send was not adjacent to what was shown (Q28): see what lies between."""
        try:
            between = await messages_after(self._dependencies.sdk, self._chat_id, self.ledger.handled_seq)
        except UNANSWERED as exc:
            raise UnansweredError(exc, Operation.READ) from exc
        if isinstance(self._delivery, ChatDelivery):
            # What lies between may be our twin's, and is behind the cursor afterwards.
            await self._dependencies.twin_watch.answered_through(
                self._chat_id, between, handled_seq=self.ledger.handled_seq
            )
        self.ledger.note_gap_read()
        await self._require_seen(between)
        self.ledger.close_gap(through_seq)

    async def _require_seen(self, messages: Sequence[Message]) -> None:
        """What was read is unread no more, so that it stays in the way until the handler has been shown it."""
        newest = self.ledger.note_read(messages)
        if newest is not None:
            await self._want_others(newest)
        if self.ledger.unshown:
            raise self._conflict()

    def _conflict(self) -> BaseException:
        unshown = self.ledger.unshown
        self._dependencies.observer.tell(
            SendConflicted(handler=self._delivery.handler, chat_id=self._chat_id, unseen=len(unshown))
        )
        match self._on_conflict:
            case "rerun" | "repeat":
                return SupersededError(unshown)
            case "drop":
                self.ledger.leave_unshown()
                return DroppedError()
            case "raise":
                self.ledger.leave_unshown()
                return NotCaughtUpError(_CONFLICT, f"{len(unshown)} messages were said meanwhile")

    async def _want_others(self, wanted_seq: MessageSeq | None) -> None:
        await self._dependencies.journal.want_others(
            self._delivery, wanted_seq=wanted_seq, now=self._dependencies.clock()
        )

    async def _send_until_told(self, ordinal: int, content: str, mentions: Sequence[str]) -> Sent:
        """
        What something in between has answered for is sent again once it is proven absent, a few times.

        A limit of requests costs no try: its refusals come to an end when our turn does.
        """
        tries_left, ends_at = TRIES, _limit_ends_at()
        while True:
            try:
                return await self._send_once(ordinal, content, mentions)
            except _AbsentError as absent:
                pause = self._pause_of_limit(absent.cause, ends_at, at=absent.at)
                tries_left -= pause is None
                if pause is None:
                    pause = _pause_or_raise(absent, tries_left)
                await asyncio.sleep(pause)

    async def _send_once(self, ordinal: int, content: str, mentions: Sequence[str]) -> Sent:
        """
        Send, and find out what became of it.

        Raises:
            _AbsentError: It is not stored, and the backend itself has not said why.
            UnansweredError: Whether it is stored cannot be known now.
            ApiError: The backend's refusal.
        """
        self._dependencies.twin_watch.require_alone()
        intent = await self._intend(ordinal, content_hash(content, mentions=mentions))
        try:
            message = await self._post(content, mentions)
        except ApiError as exc:
            forget_words(exc, content)
            return await self._settle_failed(intent, exc)
        self._refused_by = None
        self._dependencies.evidence.done(Operation.SEND, self._chat_id, self._dependencies.clock())
        return self._record(intent, message, recovered=False)

    async def _post(self, content: str, mentions: Sequence[str]) -> Message:
        # Without a scope, which generation A does not take; every server's default is broadcast.
        answer = await self._dependencies.sdk.messages.send(
            self._chat_id,
            content,
            mentions=list(mentions) or None,
            delivery_scope=None,
            enforce_caught_up=True,
        )
        if not is_message(answer):
            raise InvalidResponseError(_OK, "the answer to a send is no message")
        return answer

    async def _settle_failed(self, intent: Intent, exc: ApiError) -> Sent:
        """
        Look, unless the backend itself says that nothing was stored.

        If the message is not there after the grace, it never will be.
        """
        if outcome_of(exc) is SendOutcome.NOT_STORED:
            await self._settle(intent, IntentState.REFUSED)
            if isinstance(exc, UNANSWERED):
                raise UnansweredError(exc, Operation.SEND) from exc
            raise exc
        self._dependencies.observer.tell(
            SendUnresolved(handler=self._delivery.handler, chat_id=self._chat_id, error=type(exc).__name__)
        )
        at = asyncio.get_running_loop().time()
        grace = grace_after(exc, self._dependencies.settle_grace)
        if is_refusal(exc):
            await asyncio.sleep(grace)
        sent = await self._look_for(intent, not_before=at + grace)
        if sent is None:
            raise _AbsentError(exc, at)
        return sent

    def _grace_ends_at(self, grace: float | None = None) -> float:
        """By the loop's clock: the other one may be set back meanwhile, and the lane would wait as much longer."""
        seconds = self._dependencies.settle_grace if grace is None else grace
        return asyncio.get_running_loop().time() + seconds

    async def _look_for(self, intent: Intent, *, not_before: float) -> Sent | None:
        """
        Search the history for an intent's message.

        Absence counts only after `not_before` (the loop's time): until then the request may still be on its way.
        """
        loop = asyncio.get_running_loop()
        while True:
            is_final = loop.time() >= not_before
            if message := await self._find(intent):
                return self._record(intent, message, recovered=True)
            if is_final:
                self._dependencies.twin_watch.note_lost(intent)
                await self._settle(intent, IntentState.REFUSED)
                return None
            await asyncio.sleep(max(0.0, not_before - loop.time()))

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

    async def _intend(self, ordinal: int, hash_: str) -> Intent:
        intent = self.ledger.intend(
            ordinal, hash_, now=self._dependencies.clock(), is_unattended=not self._is_attended
        )
        await self._dependencies.journal.intend(intent)
        self.ledger.keep(intent)
        return intent

    async def _settle(self, intent: Intent, state: IntentState) -> None:
        settled = dataclasses.replace(intent, state=state)
        await self._dependencies.journal.settle(settled)
        self.ledger.keep(settled)

    def _record(self, intent: Intent, message: Message, *, recovered: bool) -> Sent:
        recorded, others_seq = self.ledger.record(intent, message)
        self._dependencies.journal.record(recorded, wanted_seq=others_seq)
        sent = sent_of(recorded)
        self._dependencies.observer.tell(
            MessageSent(
                handler=self._delivery.handler,
                chat_id=self._chat_id,
                message_seq=sent.seq,
                recovered=recovered,
            )
        )
        return sent


def _limit_ends_at() -> float:
    """Until then a run waits for a limit of requests; the loop's time."""
    return asyncio.get_running_loop().time() + LONGEST_LIMITED_SECONDS


def _pause_or_raise(absent: _AbsentError, tries_left: int) -> float:
    """Seconds until a message that is not stored is sent again in this run; as of `_send_once` if it is not."""
    pause = pause_before_repeat(absent.cause)
    if tries_left and pause is not None:
        return max(0.0, absent.at + pause - asyncio.get_running_loop().time())
    if is_handlers_to_know(absent.cause):
        raise absent.cause
    raise UnansweredError(absent.cause, Operation.SEND) from absent.cause


def _words_of(content: str, mentions: Sequence[str]) -> str:
    """What tells one reply from another, also of what cannot be said and is no text."""
    try:
        return content_hash(content, mentions=mentions)
    except TypeError:
        return ""
