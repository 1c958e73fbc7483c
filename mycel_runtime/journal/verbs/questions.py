"""Verbs about what is asked."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from mycel_runtime.journal.changes import NewTimer, TimerKey
from mycel_runtime.journal.delivery import AnswerDelivery
from mycel_runtime.journal.questions import (
    QUESTION,
    QUESTION_KIND,
    AskedPlace,
    ForgottenQuestions,
    KnownQuestions,
    Question,
    QuestionState,
)
from mycel_runtime.journal.verbs.made_entry import insert_made_entry
from mycel_runtime.journal.verbs.speech import SpeechVerbs
from mycel_runtime.journal.verbs.timers import set_timers

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from mycel_runtime.journal.delivery import Delivery, UtteranceDelivery
    from mycel_runtime.journal.ids import HandlerId, Lane
    from mycel_runtime.journal.questions import NewQuestion
    from mycel_runtime.journal.utterance import Utterance
    from mycel_runtime.journal.verbs.connection import Connection, Row
    from mycel_runtime.wire.ids import ChatId, MessageSeq, UserId


class QuestionVerbs(SpeechVerbs):
    """Base of the journal; its owner opens the writer."""

    @override
    async def questions(
        self, identity: UserId, *, chat_id: ChatId, after_seq: MessageSeq
    ) -> Sequence[Question]:
        key = {"identity": identity, "chat_id": chat_id, "after_seq": after_seq}
        return [_question_of(row) for row in await self._rows("questions_of_chat", key)]

    @override
    async def untold_answers(self, identity: UserId, lane: Lane) -> frozenset[HandlerId]:
        rows = await self._rows("untold_answers", {"identity": identity, "lane": lane})
        return frozenset(row["handler"] for row in rows)

    @override
    async def look_for_answers(self, identity: UserId, chats: Collection[ChatId]) -> int:
        def write(connection: Connection) -> int:
            now = self._clock()
            return sum(_look(connection, identity, chat_id, now) for chat_id in chats)

        return await self._writer.commit(write)

    @override
    async def answer(
        self, identity: UserId, question_id: int, *, seq: MessageSeq, asked: AskedPlace | None
    ) -> Question:
        return await self._decide(identity, question_id, "answer_question", seq, asked)

    @override
    async def time_out(
        self, identity: UserId, question_id: int, *, looked_seq: MessageSeq, asked: AskedPlace | None
    ) -> Question:
        return await self._decide(identity, question_id, "time_question_out", looked_seq, asked)

    async def _decide(
        self,
        identity: UserId,
        question_id: int,
        statement: str,
        seq: MessageSeq,
        asked: AskedPlace | None,
    ) -> Question:
        place = {"asked_seq": None, "message_id": None} if asked is None else _columns(asked)

        def write(connection: Connection) -> Question:
            values = {"identity": identity, "entry_id": question_id, "closed_seq": seq} | place
            if connection.run(statement, values).rowcount:
                _close(connection, question_id, self._clock())
            return question_of(connection, question_id)

        return await self._make_due(write)

    @override
    async def adopt_questions(
        self,
        identity: UserId,
        *,
        handlers: Mapping[tuple[str, str], HandlerId],
        kept: Collection[str],
    ) -> KnownQuestions:
        def write(connection: Connection) -> KnownQuestions:
            now = self._clock()
            forgotten: Counter[tuple[str, str]] = Counter()
            for row in connection.run("undecided_questions", {"identity": identity}).fetchall():
                handler = handlers.get((row["plugin"], row["name"]))
                if handler is not None:
                    _adopt(connection, row, handler, now)
                elif row["plugin"] not in kept:
                    forgotten[row["plugin"], row["name"]] += 1
                    _forget(connection, row)
            chats = connection.run("chats_with_questions", {"identity": identity})
            return KnownQuestions(
                chats=frozenset(row["chat_id"] for row in chats),
                forgotten=[ForgottenQuestions(*name, count) for name, count in sorted(forgotten.items())],
            )

        return await self._writer.submit(write)


def ask(connection: Connection, utterance: Utterance, question: NewQuestion, now: float) -> int:
    """Before its utterance, so that the answer's work never waits behind that; the entry that it is."""
    # Without words and data: an entry stays.
    return insert_made_entry(
        connection,
        identity=utterance.identity,
        kind=QUESTION_KIND,
        made_at=utterance.made_at,
        told={"question": question.handler, "chat_id": utterance.chat_id},
        now=now,
    )


def note_utterance(
    connection: Connection,
    utterance: Utterance,
    question: NewQuestion,
    question_id: int,
    utterance_id: int,
) -> None:
    """Said by this one; and the time at which nobody waits any more."""
    values = {
        "identity": utterance.identity,
        "plugin": question.plugin,
        "name": question.name,
        "handler": question.handler,
        "lane": utterance.lane,
        "chat_id": utterance.chat_id,
        "user_id": question.user_id,
        "data": question.data,
        "made_at": utterance.made_at,
        "entry_id": question_id,
        "utterance_id": utterance_id,
    }
    connection.run("insert_question", values)
    timer = NewTimer(
        *_timer_key(question.name, question_id),
        due_at=utterance.made_at + question.seconds,
        data="null",
        is_relative=True,
    )
    set_timers(connection, utterance.identity, question.plugin, (timer,))


def question_of(connection: Connection, entry_id: int) -> Question:
    """What an entry of `QUESTION_KIND` is."""
    return _question_of(connection.run("read_question", {"entry_id": entry_id}).fetchone())


def note_said(connection: Connection, delivery: UtteranceDelivery, now: float) -> None:
    """
    When an utterance's delivery ends: what it asked is open, and is looked at once, for what came meanwhile.

    If its words do not stand, they never will.
    """
    asked = connection.run("question_of_utterance", {"utterance_id": delivery.entry_id}).fetchone()
    if asked is None:
        return
    turn = {"delivery_id": delivery.delivery_id, "turn": delivery.turn}
    sent = connection.run("sent_of_turn", turn).fetchone()
    values = dict(asked) | {"now": now}
    if sent is not None:
        connection.run("open_question", values | dict(sent))
        if asked["state"] == QuestionState.MADE:
            connection.run("insert_answer", values)
    elif connection.run("leave_unsaid", values).rowcount:
        _close(connection, asked["entry_id"], now)


def note_dropped(connection: Connection, dead_letter_id: int) -> None:
    """A letter is dropped: what it would have asked is not asked any more, what it would have told is told nobody."""
    key = {"dead_letter_id": dead_letter_id}
    connection.run("forget_answer_of_letter", key)
    row = connection.run("question_of_letter", key).fetchone()
    if row is not None and connection.run("leave_unsaid", dict(row)).rowcount:
        _close(connection, row["entry_id"], row["buried_at"])


def note_overdue(connection: Connection, question_id: int, now: float) -> None:
    """Its time is over: whoever looks now decides."""
    if connection.run("question_overdue", {"entry_id": question_id}).rowcount:
        connection.run("insert_answer", {"entry_id": question_id, "now": now})


def look_on(connection: Connection, delivery: Delivery, now: float) -> bool:
    """Whether a look that found nothing has to be made again, for what came while it was made."""
    key = {"delivery_id": delivery.delivery_id, "claim": delivery.claim, "now": now}
    return isinstance(delivery, AnswerDelivery) and connection.run("look_on", key).rowcount > 0


def is_look(connection: Connection, delivery: Delivery) -> bool:
    """Whether it only looks for an answer that may still come."""
    if not isinstance(delivery, AnswerDelivery):
        return False
    state = question_of(connection, delivery.question.entry_id).state
    return state in {QuestionState.MADE, QuestionState.OPEN}


def note_told(connection: Connection, delivery: Delivery) -> None:
    """Its handler is done with it."""
    if isinstance(delivery, AnswerDelivery):
        connection.run("erase_question", {"entry_id": delivery.question.entry_id})


def _look(connection: Connection, identity: UserId, chat_id: ChatId, now: float) -> bool:
    key = {"identity": identity, "chat_id": chat_id}
    row = connection.run("first_open_question", key).fetchone()
    if row is None:
        return False
    connection.run("insert_answer", {"entry_id": row["entry_id"], "now": now})
    return True


def _close(connection: Connection, question_id: int, now: float) -> None:
    """It is decided: its handler is told, no time ends it any more, and no letter says that it could not be."""
    question = question_of(connection, question_id)
    _cancel_timer(connection, question.identity, question.plugin, _timer_key(question.name, question_id))
    connection.run("delete_letters_of_question", {"entry_id": question_id})
    connection.run("insert_answer", {"entry_id": question_id, "now": now})
    if question.state is QuestionState.UNSAID:
        connection.run("erase_utterance_of_question", {"entry_id": question_id})


def _adopt(connection: Connection, row: Row, handler: HandlerId, now: float) -> None:
    """Its handler may be called otherwise by now; and what came while nobody ran is looked for."""
    values = {"entry_id": row["entry_id"], "handler": handler, "now": now}
    is_renamed = handler != row["handler"]
    if is_renamed:
        connection.run("delete_work_of_question", values)
        connection.run("delete_letters_of_question", values)
        connection.run("rename_question_handler", values)
    if row["state"] == QuestionState.OPEN or (is_renamed and row["state"] == QuestionState.OVERDUE):
        connection.run("insert_answer", values)


def _forget(connection: Connection, row: Row) -> None:
    values = {"entry_id": row["entry_id"]}
    _cancel_timer(connection, row["identity"], row["plugin"], _timer_key(row["name"], row["entry_id"]))
    connection.run("delete_work_of_question", values)
    connection.run("forget_question", values)
    connection.run("erase_utterance_of_question", values)


def _timer_key(name: str, question_id: int) -> TimerKey:
    return TimerKey(f"{QUESTION}{name}", str(question_id))


def _cancel_timer(connection: Connection, identity: UserId, plugin: str, key: TimerKey) -> None:
    connection.run("cancel_timer", {"identity": identity, "plugin": plugin} | key._asdict())


def _columns(asked: AskedPlace) -> dict[str, Any]:
    return {"asked_seq": asked.seq, "message_id": asked.message_id}


def _question_of(row: Row) -> Question:
    fields = dict(row)
    seq, message_id = fields.pop("asked_seq"), fields.pop("message_id")
    sent_seq, sent_id = fields.pop("sent_seq"), fields.pop("sent_id")
    if seq is None and fields.pop("intent_state") == "sent":
        # Its turn has not ended yet.
        seq, message_id = sent_seq, sent_id
        fields |= {"pending_hash": None, "pending_seq": None}
    fields.pop("intent_state", None)
    return Question(
        **fields | {"state": QuestionState(fields["state"])},
        asked=None if seq is None else AskedPlace(seq, message_id),
    )
