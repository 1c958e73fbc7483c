"""What the agent has asked, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from mycel_runtime.journal.ids import HandlerId, Lane
    from mycel_runtime.journal.questions import AskedPlace, KnownQuestions, Question
    from mycel_runtime.wire.ids import ChatId, MessageSeq, UserId


class QuestionJournal(Protocol):
    """The journal, for questions."""

    async def questions(
        self, identity: UserId, *, chat_id: ChatId, after_seq: MessageSeq
    ) -> Sequence[Question]:
        """Those of a chat to which an answer may still come, and those whose answer is above a number."""

    async def look_for_answers(self, identity: UserId, chats: Collection[ChatId]) -> int:
        """
        Make it due to look for the answers to what is open in these chats; what looks right now looks again.

        Returns:
            In how many of them something is.
        """

    async def answer(
        self, identity: UserId, question_id: int, *, seq: MessageSeq, asked: AskedPlace | None
    ) -> Question:
        """
        Decide that a question is answered, unless it is decided: its handler has work, due at once.

        Args:
            identity: Whose.
            question_id: The entry that it is.
            seq: The answer's number.
            asked: Where its words stand, if its utterance has not ended and they were found.

        Returns:
            The question as it stands.
        """

    async def time_out(
        self, identity: UserId, question_id: int, *, looked_seq: MessageSeq, asked: AskedPlace | None
    ) -> Question:
        """
        Decide that a question which is overdue is not answered, unless it is decided; as `answer`.

        If its words do not stand, they are not said any more.

        Args:
            identity: Whose.
            question_id: The entry that it is.
            looked_seq: How far the chat was looked at.
            asked: As of `answer`.
        """

    async def untold_answers(self, identity: UserId, lane: Lane) -> frozenset[HandlerId]:
        """Handlers that have not been told yet of an answer in this lane's chat."""

    async def adopt_questions(
        self,
        identity: UserId,
        *,
        handlers: Mapping[tuple[str, str], HandlerId],
        kept: Collection[str],
    ) -> KnownQuestions:
        """
        At a start: have everything looked at once that is open, and forget what nobody handles any more.

        Args:
            identity: Whose.
            handlers: Of answers, by plugin and name; a question goes on with the one that has its name.
            kept: Plugins that are only not to be had now: their questions stay as they are.
        """
