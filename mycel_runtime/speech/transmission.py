"""
A reply's way out: intent, proof, request, record; and again where that is safe.

The intent comes before the proof, whose read moves the server's cursor: when `intend` returns, the disk has all that
led here, the work as well that nobody would announce again. So one sync is enough on the way of a reply.

The backend's 500 may mean "done" (Q21), and so may whatever else is no answer of its own: nothing is sent again
before it is proven absent.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import ApiError, InvalidResponseError, NotCaughtUpError
from mycel_runtime.observe.facts import SendUnresolved
from mycel_runtime.observe.trace import span
from mycel_runtime.speech.caught_up import content_hash
from mycel_runtime.speech.conflict import CONFLICT
from mycel_runtime.speech.draft import Draft
from mycel_runtime.speech.evidence import Operation
from mycel_runtime.speech.interrupts import UNANSWERED, RefusedError, UnansweredError
from mycel_runtime.speech.request_limit import limit_ends_at, limit_pause
from mycel_runtime.speech.send_outcome import (
    TRIES,
    SendOutcome,
    grace_after,
    is_handlers_to_know,
    is_message,
    is_refusal,
    outcome_of,
    pause_before_repeat,
)
from mycel_runtime.speech.server_detail import forget_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.journal.ids import HandlerId
    from mycel_runtime.journal.intent import Intent
    from mycel_runtime.speech.proof import Proof
    from mycel_runtime.speech.send_dependencies import SendDependencies
    from mycel_runtime.speech.sent import Sent
    from mycel_runtime.speech.settlement import Settlement
    from mycel_runtime.wire.ids import ChatId
    from mycel_runtime.wire.resources import Message

_REFUSALS_IN_A_ROW: Final = 3
"""Generation A refuses once because of our own last message (Q29); more often means somebody else."""

_OK: Final = 200


class _AbsentError(Exception):
    """A message is proven not to be stored, though the backend itself has refused nothing; `cause` came `at` then."""

    def __init__(self, cause: ApiError, at: float) -> None:
        self.cause = cause
        self.at = at
        super().__init__(type(cause).__name__)


class Transmission:
    """
    One turn's.

    Attributes:
        refused_by: What the backend said when it refused a reply though everything unread was shown.
    """

    __slots__ = ("_chat_id", "_dependencies", "_handler", "_proof", "_settlement", "refused_by")

    def __init__(
        self,
        dependencies: SendDependencies,
        proof: Proof,
        settlement: Settlement,
        chat_id: ChatId,
        handler: HandlerId,
    ) -> None:
        self._dependencies = dependencies
        self._proof = proof
        self._settlement = settlement
        self._chat_id = chat_id
        self._handler = handler
        self.refused_by: NotCaughtUpError | None = None

    def forget_refusal(self) -> None:
        """The handler is about to be run again."""
        self.refused_by = None

    async def send(self, ordinal: int, content: str, mentions: Sequence[str], *, is_unattended: bool) -> Sent:
        """
        Prove, send, and prove again where the backend refuses for what is unread.

        Args:
            ordinal: Which reply of the turn.
            content: What it says.
            mentions: Whom it mentions.
            is_unattended: No human's message is among those that it answers.

        Raises:
            SupersededError, DroppedError, NotCaughtUpError, RefusedError: As of `Turn.send`.
            UnansweredError, ApiError: As of `Turn.send`.

        Cancelling: the intent stays unresolved.
        """
        refused_by = NotCaughtUpError(CONFLICT, "")
        draft = Draft(ordinal, content_hash(content, mentions=mentions), is_unattended)
        for refusals in range(_REFUSALS_IN_A_ROW):
            intent = await self._intend_and_prove(draft, is_refused=refusals > 0)
            try:
                return await self._send_until_told(intent, draft, content, mentions)
            except NotCaughtUpError as exc:
                self._proof.take_back()
                # Without the places that it came through: this is one of them, and would refer to itself.
                refused_by = exc.with_traceback(None)
        self.refused_by = refused_by
        raise RefusedError(refused_by) if self._proof.on_conflict == "drop" else self._proof.conflict()

    async def _intend_and_prove(self, draft: Draft, *, is_refused: bool) -> Intent:
        """
        The intent of what may be sent now.

        Nobody waits for its withdrawal, be it cancelled: whoever dies before that looks for it in vain.
        """
        await self._proof.look()
        intent = await self._intend(draft)
        try:
            await self._proof.give()
            if is_refused:
                await self._proof.mark_shown()
            self._require_speech()
        except BaseException:
            self._settlement.withdraw(intent)
            raise
        return intent

    async def _intend(self, draft: Draft) -> Intent:
        self._require_speech()
        return await self._settlement.intend(draft)

    def _require_speech(self) -> None:
        self._dependencies.twin_watch.require_alone()
        self._dependencies.pauses.require_speech(self._handler, self._chat_id)

    async def _send_until_told(
        self, intent: Intent, draft: Draft, content: str, mentions: Sequence[str]
    ) -> Sent:
        """
        What something in between has answered for is sent again once it is proven absent, a few times.

        A limit of requests costs no try: its refusals come to an end when our turn does.
        """
        tries_left, ends_at = TRIES, limit_ends_at()
        while True:
            try:
                return await self._send_once(intent, content, mentions)
            except _AbsentError as absent:
                pause = limit_pause(self._dependencies.sdk, absent.cause, ends_at, at=absent.at)
                tries_left -= pause is None
                if pause is None:
                    pause = _pause_or_raise(absent, tries_left)
                await asyncio.sleep(pause)
            intent = await self._intend(draft)

    async def _send_once(self, intent: Intent, content: str, mentions: Sequence[str]) -> Sent:
        """
        Send, and find out what became of it.

        Raises:
            _AbsentError: It is not stored, and the backend itself has not said why.
            UnansweredError: Whether it is stored cannot be known now.
            ApiError: The backend's refusal.
        """
        await self._settlement.require_claim()
        try:
            message = await self._post(content, mentions)
        except ApiError as exc:
            forget_words(exc, content)
            if outcome_of(exc) is not SendOutcome.NOT_STORED:
                return await self._look_for(intent, exc)
            await self._settlement.refuse(intent)
            if isinstance(exc, UNANSWERED):
                raise UnansweredError(exc, Operation.SEND) from exc
            raise
        self.refused_by = None
        self._dependencies.evidence.done(Operation.SEND, self._chat_id, self._dependencies.clock())
        return self._settlement.record(intent, message, recovered=False)

    async def _post(self, content: str, mentions: Sequence[str]) -> Message:
        # Without a scope, which generation A does not take; every server's default is broadcast.
        with span("reply.send"):
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

    async def _look_for(self, intent: Intent, exc: ApiError) -> Sent:
        """
        The backend itself has not said that nothing was stored.

        If the message is not there after the grace, it never will be.
        """
        self._dependencies.observer.tell(
            SendUnresolved(handler=intent.handler, chat_id=self._chat_id, error=type(exc).__name__)
        )
        at = asyncio.get_running_loop().time()
        grace = grace_after(exc, self._dependencies.settle_grace)
        if is_refusal(exc):
            await asyncio.sleep(grace)
        sent = await self._settlement.look_for(intent, not_before=at + grace)
        if sent is None:
            raise _AbsentError(exc, at)
        return sent


def _pause_or_raise(absent: _AbsentError, tries_left: int) -> float:
    """Seconds until a message that is not stored is sent again in this run; as of `_send_once` if it is not."""
    pause = pause_before_repeat(absent.cause)
    if tries_left and pause is not None:
        return max(0.0, absent.at + pause - asyncio.get_running_loop().time())
    if is_handlers_to_know(absent.cause):
        raise absent.cause
    raise UnansweredError(absent.cause, Operation.SEND) from absent.cause
