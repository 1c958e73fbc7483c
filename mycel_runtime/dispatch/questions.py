"""
What is asked, and which message is the answer.

A message is told apart when it is read, by whichever delivery of its chat reads it first, and what it answers is
written down before anybody is shown anything. Deliveries of a chat follow each other, so nobody decides at the same
time. Chats in which nothing was ever asked cost a look into a set.
"""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

from mycel_runtime.errors import ApiError
from mycel_runtime.journal.ids import plugin_of
from mycel_runtime.journal.questions import AskedPlace, QuestionState
from mycel_runtime.observe.facts import QuestionDecided, QuestionsForgotten
from mycel_runtime.plugin.answer_context import Question as QuestionView
from mycel_runtime.plugin.message import NOTIFICATION
from mycel_runtime.plugin.subscription import AnswerSubscription
from mycel_runtime.speech.caught_up import concerns, message_hash
from mycel_runtime.speech.history import messages_after
from mycel_runtime.wire.ids import MessageId, MessageSeq

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from mycel_runtime.journal.delivery import AnswerDelivery
    from mycel_runtime.journal.ids import HandlerId, Lane
    from mycel_runtime.journal.port.questions import QuestionJournal
    from mycel_runtime.journal.questions import Question
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.plugin.handler import Handler
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.wire.ids import ChatId, UserId
    from mycel_runtime.wire.resources import Message

_OUTCOMES: Final[dict[QuestionState, Literal["answered", "timed_out", "unsaid"]]] = {
    QuestionState.ANSWERED: "answered",
    QuestionState.TIMED_OUT: "timed_out",
    QuestionState.UNSAID: "unsaid",
}

NONE: Final[frozenset[int]] = frozenset()
"""No message is an answer."""


class Questions:
    """
    Of one identity.

    Args:
        journal: Where they are.
        sdk: As the identity.
        me: The identity.
        handlers: Of all plugins.
        observer: Told of what nobody handles any more.
        is_shared: Other processes may ask, too: in every chat something may have been asked.

    Attributes:
        handlers: Of answers, by plugin and name.
    """

    def __init__(
        self,
        *,
        journal: QuestionJournal,
        sdk: AsyncClient,
        me: UserId,
        handlers: Iterable[Handler],
        observer: Observer,
        is_shared: bool,
    ) -> None:
        self._is_shared = is_shared
        self._journal = journal
        self._sdk = sdk
        self._me = me
        self._observer = observer
        self._chats: set[ChatId] = set()
        self._news: set[ChatId] = set()
        self._looked: dict[ChatId, int] = {}
        self.handlers: Mapping[tuple[str, str], HandlerId] = dict(_by_name(handlers))

    async def adopt(self, kept: Collection[str] = ()) -> None:
        """
        Go on with what earlier processes have asked.

        Args:
            kept: Plugins that could not be imported: their questions wait for them.

        Raises:
            JournalError: The journal failed.

        Cancelling: it is done or not.
        """
        known = await self._journal.adopt_questions(self._me, handlers=self.handlers, kept=kept)
        self._chats |= known.chats
        for forgotten in known.forgotten:
            self._observer.tell(
                QuestionsForgotten(
                    plugin=forgotten.plugin, question=forgotten.name, questions=forgotten.questions
                )
            )

    def _may_be_asked(self, chat_id: ChatId) -> bool:
        return self._is_shared or chat_id in self._chats

    def note_asked(self, chat_id: ChatId) -> None:
        """Something is about to be asked there."""
        self._chats.add(chat_id)

    def note_news(self, chats: Collection[ChatId]) -> bool:
        """There may be something new in these; whether it is worth looking, by `look_for_news`."""
        news = set(chats) if self._is_shared else self._chats.intersection(chats)
        self._news |= news
        return bool(news)

    @property
    def has_news(self) -> bool:
        """Whether there is anything that nobody has begun to look at."""
        return bool(self._news)

    async def look_for_news(self) -> None:
        """
        Make it due to look for answers where there is something new, whether or not a handler of messages looks.

        Raises:
            JournalError: The journal failed.

        Cancelling: it is due or will be looked for again at the next start.
        """
        if self._news:
            news, self._news = self._news, set()
            await self._journal.look_for_answers(self._me, news)

    async def taken(self, chat_id: ChatId, messages: Sequence[Message], *, after_seq: int) -> frozenset[int]:
        """
        Numbers of those messages that are somebody's answers, and so nobody else's to be shown.

        Args:
            chat_id: The chat.
            messages: What was read of it, ascending.
            after_seq: It is all that there is above this number.

        Raises:
            ApiError: The chat cannot be read.
            JournalError: The journal failed.

        Cancelling: what was decided stands.
        """
        if not messages or not self._may_be_asked(chat_id):
            return NONE
        below = MessageSeq(messages[0]["seq"] - 1)
        known = await self._journal.questions(self._me, chat_id=chat_id, after_seq=below)
        return _answers(known) | await self._decide(chat_id, known, messages, after_seq=after_seq)

    async def decided(self, delivery: AnswerDelivery) -> AnswerDelivery | None:
        """
        The delivery of a question as it is decided now; `None`: its answer may still come.

        Raises:
            ApiError: The chat cannot be read.
            JournalError: The journal failed.

        Cancelling: what was decided stands.
        """
        question = delivery.question
        if question.is_undecided:
            question = await self._looked_for(question)
        if question.state is QuestionState.OVERDUE:
            question = await self._journal.time_out(
                self._me,
                question.entry_id,
                looked_seq=await self._looked_through(question),
                asked=question.asked,
            )
            self._tell(question)
        if question.is_undecided:
            return None
        closed_seq = question.closed_seq
        if closed_seq is None:
            # Its words are not to be said, and nobody has looked there for that.
            if not delivery.attempts:
                self._tell(question)
            closed_seq = await self._looked_through(question)
        return delivery.decided(dataclasses.replace(question, closed_seq=closed_seq))

    async def untold(self, chat_id: ChatId, lane: Lane) -> frozenset[str]:
        """
        Plugins that have not been told yet of an answer in this chat.

        Raises:
            JournalError: The journal failed.

        Cancelling: loses nothing.
        """
        if not self._may_be_asked(chat_id):
            return frozenset()
        return frozenset(map(plugin_of, await self._journal.untold_answers(self._me, lane)))

    async def _looked_for(self, question: Question) -> Question:
        """The question, after a look at all that has come since it was asked."""
        chat_id, asked_seq = question.chat_id, _asked_seq(question)
        if asked_seq is None:
            return question
        # Where its words stand is looked for as well, if nobody knows.
        after_seq = asked_seq if question.asked is None else max(asked_seq, self._looked.get(chat_id, 0))
        messages = await messages_after(self._sdk, chat_id, MessageSeq(after_seq))
        known = await self._journal.questions(self._me, chat_id=chat_id, after_seq=MessageSeq(asked_seq))
        await self._decide(chat_id, known, messages, after_seq=after_seq)
        known = await self._journal.questions(self._me, chat_id=chat_id, after_seq=MessageSeq(asked_seq))
        found = next((each for each in known if each.entry_id == question.entry_id), question)
        return dataclasses.replace(found, asked=_place(found, messages, self._me))

    async def _looked_through(self, question: Question) -> MessageSeq:
        """
        How far the chat was looked at; where nothing was asked, how far it goes.

        A chat that cannot be read must not keep it from its handler that nobody was asked there.
        """
        if (asked_seq := _asked_seq(question)) is not None:
            return MessageSeq(max(asked_seq, self._looked.get(question.chat_id, 0)))
        try:
            newest = await self._sdk.messages.list(question.chat_id, limit=1)
        except ApiError:
            return MessageSeq(0)
        return MessageSeq(newest[-1]["seq"] if newest else 0)

    async def _decide(
        self,
        chat_id: ChatId,
        known: Sequence[Question],
        messages: Sequence[Message],
        *,
        after_seq: int,
    ) -> frozenset[int]:
        """
        Write down which of the messages are answers; their numbers.

        Args:
            chat_id: The chat.
            known: What is undecided there, and what was answered by any of the messages.
            messages: Ascending.
            after_seq: They are all that there is above this number.
        """
        undecided = [each for each in known if each.is_undecided]
        placed = [dataclasses.replace(each, asked=_place(each, messages, self._me)) for each in undecided]
        asked = [each for each in placed if each.asked is not None]
        if not asked:
            return NONE
        looked = self._looked.get(chat_id, 0)
        since = MessageSeq(min(max(each.asked.seq, looked) for each in asked if each.asked is not None))
        if since < after_seq:
            # Nobody has looked at what lies between since this process began.
            messages = await messages_after(self._sdk, chat_id, since)
            known = await self._journal.questions(self._me, chat_id=chat_id, after_seq=since)
        numbers = set()
        for question, message in pairs(asked, messages, me=self._me, taken=_answers(known)):
            stands = await self._journal.answer(
                self._me, question.entry_id, seq=MessageSeq(message["seq"]), asked=question.asked
            )
            self._tell(stands)
            if stands.state is QuestionState.ANSWERED and stands.closed_seq is not None:
                numbers.add(stands.closed_seq)
        self._looked[chat_id] = max([looked, *(message["seq"] for message in messages)])
        return frozenset(numbers)

    def _tell(self, question: Question) -> None:
        """The observer, of an outcome."""
        if question.state in _OUTCOMES:
            self._observer.tell(
                QuestionDecided(
                    plugin=question.plugin,
                    question=question.name,
                    chat_id=question.chat_id,
                    outcome=_OUTCOMES[question.state],
                )
            )


def question_view(question: Question) -> QuestionView:
    """As its handler is shown it, once it is decided."""
    seq, message_id = (None, None) if question.asked is None else question.asked
    return QuestionView(
        name=question.name,
        data=json.loads(question.data or "null"),
        chat_id=question.chat_id,
        user_id=question.user_id,
        asked_at=datetime.fromtimestamp(question.made_at, UTC),
        outcome=_OUTCOMES[question.state],
        message_id=message_id,
        seq=seq,
    )


def pairs(
    questions: Iterable[Question], messages: Iterable[Message], *, me: UserId, taken: Collection[int]
) -> Iterator[tuple[Question, Message]]:
    """
    Which message answers which question.

    Each is the next one of whoever was asked, above the question's words; of several questions the first that stands
    takes the first message, and so on: who answers has read them in that order.

    Args:
        questions: Undecided; those without a place in the chat are answered by nothing.
        messages: Ascending.
        me: The identity.
        taken: Numbers of answers to others.
    """
    waiting = sorted(
        (each for each in questions if each.asked is not None),
        key=lambda each: (_asked_seq(each), each.entry_id),
    )
    for message in messages:
        if message["seq"] in taken or message["message_type"] == NOTIFICATION or not concerns(message, me):
            continue
        answered = next((each for each in waiting if _is_asked(each, message)), None)
        if answered is not None:
            waiting.remove(answered)
            yield answered, message


def _answers(questions: Iterable[Question]) -> frozenset[int]:
    """Their answers' numbers."""
    return frozenset(
        each.closed_seq
        for each in questions
        if each.state is QuestionState.ANSWERED and each.closed_seq is not None
    )


def _is_asked(question: Question, message: Message) -> bool:
    is_above = question.asked is not None and question.asked.seq < message["seq"]
    return is_above and question.user_id in {None, message["sender_id"]}


def _asked_seq(question: Question) -> int | None:
    """Where its words stand; where nobody knows yet whether they do, above which number."""
    return question.pending_seq if question.asked is None else question.asked.seq


def _place(question: Question, messages: Iterable[Message], me: UserId) -> AskedPlace | None:
    """
    Where its words stand.

    A process may have died when they were sent, before that was written down: then they are looked for.
    """
    if question.asked is not None or question.pending_hash is None:
        return question.asked
    for message in messages:
        is_own = message["sender_id"] == me and message["seq"] > (question.pending_seq or 0)
        if is_own and message_hash(message) == question.pending_hash:
            return AskedPlace(MessageSeq(message["seq"]), MessageId(message["id"]))
    return None


def _by_name(handlers: Iterable[Handler]) -> Iterator[tuple[tuple[str, str], HandlerId]]:
    for handler in handlers:
        if isinstance(handler.subscription, AnswerSubscription):
            yield (plugin_of(handler.id), handler.subscription.name), handler.id
