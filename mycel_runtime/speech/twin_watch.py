"""
Whether somebody else speaks as this agent: another daemon, or a program that uses the same token.

The sign is an own message that this journal has not sent. What stood in a chat at the first look of a start, and was
said by a journal that ours is an old copy of, or by somebody else meanwhile, is an answer: what lies before it is not
answered again. What comes later is a twin's: with `on_twin = "hold"` nothing is said from then on, until the operator
says that the agent is alone again.

A send of ours is one that an intent of this journal names. What speaks with the agent's token by other means, be it
the SDK in a script or `mycel-runtime send` with the agent's token, is somebody else.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, Literal

from mycel_runtime.errors import NotSentError
from mycel_runtime.journal.own_sends import OwnSends
from mycel_runtime.observe.facts import JournalOutdated, TwinDetected, TwinReleased
from mycel_runtime.speech.evidence import Operation
from mycel_runtime.speech.interrupts import UnansweredError
from mycel_runtime.speech.own_messages import own_messages, unexplained
from mycel_runtime.wire.ids import MessageSeq

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mycel_runtime.journal.intent import Intent
    from mycel_runtime.journal.port.speech import SpeechJournal
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.wire.ids import ChatId, UserId
    from mycel_runtime.wire.resources import Message

RESUME_NAME: Final = "twin"
"""What `mycel-runtime resume` calls the hold."""

SIGN: Final = "somebody else speaks as this agent"
"""How the problem begins that `status` tells then."""

_REMEMBERED_SECONDS: Final = 600.0
"""For which a sign that holds nothing is a problem in `status`."""


class TwinWatch:
    """
    The watch of one identity.

    Args:
        journal: Knows what it has sent.
        me: The identity.
        on_twin: As `[agent] on_twin`.
        observer: Told of a twin, and of what an old journal would have answered again.
        clock: Epoch seconds.
    """

    def __init__(
        self,
        *,
        journal: SpeechJournal,
        me: UserId,
        on_twin: Literal["hold", "warn"],
        observer: Observer,
        clock: Callable[[], float],
    ) -> None:
        self._journal = journal
        self._me = me
        self._on_twin = on_twin
        self._observer = observer
        self._clock = clock
        self._has_begun = False
        self._begun_at: dict[ChatId, MessageSeq] = {}
        self._noted: dict[ChatId, int] = {}
        self._lost: defaultdict[ChatId, dict[str, MessageSeq]] = defaultdict(dict)
        self._sign: tuple[float, ChatId, int] | None = None
        self._given_up: dict[ChatId, int] = {}
        self._given_up_told = 0
        self.is_holding = False

    @property
    def problem(self) -> str:
        """For `status`; empty without one."""
        if self._sign is None:
            return ""
        since, chat_id, seq = self._sign
        sign = f"{SIGN} (message {seq} of chat {chat_id})"
        if self.is_holding:
            return f"{sign}: stop the other one, then mycel-runtime resume {RESUME_NAME}; until then nothing is said"
        return sign if self._clock() - since < _REMEMBERED_SECONDS else ""

    def look(self, chats: Iterable[tuple[ChatId, MessageSeq | None]]) -> None:
        """
        The server's list, with each chat's newest seq; `None` where it does not say.

        The first one of a start tells an old journal from a twin. Later ones only tell how much was given up.
        """
        if not self._has_begun:
            self._has_begun = True
            for chat_id, seq in chats:
                if seq is not None:
                    self._begun_at.setdefault(chat_id, seq)
        messages = sum(self._given_up.values())
        if messages > self._given_up_told:
            self._given_up_told = messages
            self._observer.tell(JournalOutdated(chats=len(self._given_up), messages=messages))

    async def answered_through(
        self, chat_id: ChatId, history: Sequence[Message], *, handled_seq: MessageSeq
    ) -> MessageSeq | None:
        """
        Look for somebody else's words in our name.

        Args:
            chat_id: The chat.
            history: What was read of it, ascending.
            handled_seq: The handler's cursor.

        Returns:
            The newest own message that this journal has not sent and that stood there when we started: what lies
            before it was answered, by whomever. `None`: there is none.

        Raises:
            UnansweredError: Nothing may be said now.
        """
        begun_at = self._begun_at.get(chat_id)
        if begun_at is None:
            newest = max([handled_seq, *(message["seq"] for message in history)])
            begun_at = self._begun_at.setdefault(chat_id, MessageSeq(0 if self._has_begun else newest))
        own = own_messages(history, me=self._me, after_seq=handled_seq)
        strange = unexplained(own, await self._known(chat_id, handled_seq)) if own else []
        seqs = [message["seq"] for message in strange]
        self._note_twin(chat_id, max([seq for seq in seqs if seq > begun_at], default=0))
        self.require_alone()
        return max((MessageSeq(seq) for seq in seqs if seq <= begun_at), default=None)

    def require_alone(self) -> None:
        """
        Before anything is said.

        Raises:
            UnansweredError: Somebody else speaks as this agent, and speech is held.
        """
        if self.is_holding:
            raise UnansweredError(NotSentError(SIGN), Operation.SEND)

    def note_lost(self, intent: Intent) -> None:
        """Its request is not in the history and counts as lost; should it come late, it is ours all the same."""
        self._lost[intent.chat_id][intent.content_hash] = intent.base_seq

    def is_lost(self, intent: Intent) -> bool:
        """Whether this intent, or one of the same words in its chat, counted as lost since the start."""
        return intent.content_hash in self._lost.get(intent.chat_id, ())

    def note_given_up(self, chat_id: ChatId, messages: int) -> None:
        """So many messages become a dead letter, because somebody has answered them."""
        self._given_up[chat_id] = self._given_up.get(chat_id, 0) + messages

    def resume(self) -> bool:
        """
        The operator says that the agent is alone again: begin anew, as at a start. False: nothing was held.

        So what a twin has answered meanwhile is not answered again.
        """
        if not self.is_holding:
            return False
        self.is_holding = self._has_begun = False
        self._sign = None
        self._begun_at.clear()
        self._noted.clear()
        self._observer.tell(TwinReleased())
        return True

    def _note_twin(self, chat_id: ChatId, seq: int) -> None:
        """Each sign once, though its chat is read again and again."""
        if seq <= self._noted.get(chat_id, 0):
            return
        self._noted[chat_id] = seq
        self._sign = (self._clock(), chat_id, seq)
        self.is_holding = self._on_twin == "hold"
        self._observer.tell(TwinDetected(chat_id=chat_id, message_seq=seq, is_held=self.is_holding))

    async def _known(self, chat_id: ChatId, after_seq: MessageSeq) -> OwnSends:
        known = await self._journal.own_sends(self._me, chat_id=chat_id, after_seq=after_seq)
        return OwnSends(
            message_ids=known.message_ids,
            unplaced={**self._lost.get(chat_id, {}), **known.unplaced},
            through_seq=known.through_seq,
        )
