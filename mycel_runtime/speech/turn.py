"""
One turn's speech: intent, proof, send, record.

The backend has no idempotency key (Q22), its reads are destructive (Q26), its caught-up check can be slipped
(Q28) and its 500 may mean "done" (Q21). So: write down what is about to be said; prove that everything before
it was shown to the handler; send; write down what became of it. Whoever runs the turn again finds the record.

Nothing is ever sent from the record: a message goes out only when the handler, in the run that sends it, was shown
everything before it. However long the process was down, no reply is older than that.

The turn knows its runs: which reply is the n-th, what came too late, when it is over. `proof` knows what stands in
the way, `transmission` how a reply gets out, `settlement` what became of those that may have got out.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import NotCaughtUpError
from mycel_runtime.journal.turns import Said
from mycel_runtime.speech.caught_up import content_hash
from mycel_runtime.speech.conflict import ASKED_AGAIN
from mycel_runtime.speech.interrupts import (
    DroppedError,
    RefusedError,
    SupersededError,
    TurnEndedError,
    UnansweredError,
)
from mycel_runtime.speech.late_words import LateWords
from mycel_runtime.speech.ledger import Ledger
from mycel_runtime.speech.proof import Proof
from mycel_runtime.speech.settlement import Settlement
from mycel_runtime.speech.transmission import Transmission
from mycel_runtime.wire.arguments import require_mentions, require_sayable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from mycel_runtime.journal.delivery import SpokenDelivery
    from mycel_runtime.speech.conflict import ConflictPolicy
    from mycel_runtime.speech.send_dependencies import SendDependencies
    from mycel_runtime.speech.sent import Sent
    from mycel_runtime.wire.ids import ChatId, MessageSeq
    from mycel_runtime.wire.resources import Message

_OVERTAKEN: Final = (SupersededError, DroppedError, NotCaughtUpError)
"""Somebody has spoken first; nothing was sent."""


class Turn:
    """
    What one delivery says in its chat, over all runs of its handler; or what is said first there.

    Attributes:
        ledger: What it was shown and what it said.
    """

    __slots__ = (
        "_chat_id",
        "_delivery",
        "_interrupt",
        "_is_attended",
        "_is_silent",
        "_late_words",
        "_may_speak",
        "_one_at_a_time",
        "_proof",
        "_settlement",
        "_transmission",
        "ledger",
    )

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
        self._delivery = delivery
        self._chat_id = chat_id
        self._may_speak = may_speak
        self._one_at_a_time = asyncio.Lock()
        self._interrupt: UnansweredError | RefusedError | None = None
        self._is_silent = False
        self._is_attended = False
        self._late_words = LateWords()
        self.ledger = Ledger(delivery, chat_id, handled_seq, me=dependencies.me)
        self._proof = Proof(dependencies, self.ledger, delivery, chat_id, on_conflict=on_conflict)
        self._settlement = Settlement(dependencies, self.ledger, delivery, chat_id)
        self._transmission = Transmission(
            dependencies, self._proof, self._settlement, chat_id, delivery.handler
        )

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
        is_refused = bool(self.ledger.unshown) or self._transmission.refused_by is not None
        return is_refused and self._proof.on_conflict in ASKED_AGAIN

    @property
    def refused_by(self) -> NotCaughtUpError | None:
        """What the backend said when it refused a reply though everything unread was shown; of the last run."""
        return self._transmission.refused_by

    @property
    def unsaid(self) -> tuple[str, ...]:
        """By `repeat`: what the run before said too late. It is said as it was, unless this run says anything."""
        return self._late_words.contents

    def withdraw(self) -> None:
        """What the run before said too late is not said."""
        self._late_words.withdraw()

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
        self._transmission.forget_refusal()
        self._is_attended = is_attended
        self._late_words.begin_run()
        self.ledger.begin_run()
        self.ledger.show(messages)

    def begin_last_words(self) -> None:
        """
        The turn is given up, and what is said now tells so: once, over all runs of the delivery.

        It is dropped if somebody speaks first: what he says is the next turn's, which may fare better.
        """
        self._is_silent = False
        self._interrupt = None
        self._transmission.forget_refusal()
        self._late_words.forget()
        self._proof.drop_on_conflict()
        self.ledger.begin_last_words()

    def settle_unresolved(self) -> Awaitable[None]:
        """
        Find out what became of earlier runs' sends, before the handler is asked again.

        Raises:
            UnansweredError: It cannot be known now.

        Cancelling: what is not settled yet stays unresolved.
        """
        return self._settlement.settle_unresolved()

    async def send(self, content: str, mentions: Sequence[str] = (), *, is_told: bool = False) -> Sent:
        """
        Say something, once.

        Args:
            content: Not blank.
            mentions: User ids.
            is_told: Whoever speaks is told if he was overtaken, and decides anew: his words stand for nothing then.

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
            self._late_words.withdraw()
            async with self._one_at_a_time:
                sent = await self._send(ordinal, content, mentions)
        except BaseException as exc:
            spoken[place] = spoken[place]._replace(error=type(exc).__name__)
            if is_told and isinstance(exc, _OVERTAKEN):
                ordinals.give_back(ordinal, words)
                raise
            ordinals.leave(ordinal, words)
            if isinstance(exc, SupersededError) and self._proof.on_conflict == "repeat":
                self._late_words.add(ordinal, content, mentions)
            if isinstance(exc, UnansweredError | RefusedError):
                # These places refer to this turn, which would refer to itself.
                self._interrupt = exc.again()
            raise
        self._late_words.remove(ordinal)
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
            raise self._interrupt.again()
        await self._settlement.settle_unresolved()
        for ordinal, (content, mentions) in self._late_words.standing:
            _ = await self._settlement.said(ordinal) or await self._say(ordinal, content, mentions)
        self._late_words.withdraw()

    async def _send(self, ordinal: int, content: str, mentions: Sequence[str]) -> Sent:
        if self._interrupt is not None:
            raise self._interrupt.again()
        if self._is_silent:
            raise TurnEndedError
        return await self._settlement.said(ordinal) or await self._say(ordinal, content, mentions)

    async def _say(self, ordinal: int, content: str, mentions: Sequence[str]) -> Sent:
        await self._settlement.settle_unresolved()
        if self._may_speak is not None and not self._is_attended:
            await self._may_speak()
        return await self._transmission.send(ordinal, content, mentions, is_unattended=not self._is_attended)


def _words_of(content: str, mentions: Sequence[str]) -> str:
    """What tells one reply from another, also of what cannot be said and is no text."""
    try:
        return content_hash(content, mentions=mentions)
    except TypeError:
        return ""
