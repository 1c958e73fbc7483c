"""Which message answers which question."""

from __future__ import annotations

import dataclasses

import pytest

from mycel_runtime.dispatch.questions import pairs
from mycel_runtime.journal.questions import AskedPlace, Question, QuestionState

ME = "me"


def question(number, *, user_id=None, seq=None):
    return Question(
        entry_id=number,
        identity=ME,
        plugin="p",
        name="q",
        handler="p.answered",
        lane="chat:c",
        chat_id="c",
        user_id=user_id,
        data=None,
        made_at=1.0,
        state=QuestionState.OPEN,
        asked=AskedPlace(number if seq is None else seq, "m"),
    )


def message(seq, sender="ada", **more):
    return {"id": f"m{seq}", "seq": seq, "sender_id": sender, "message_type": "human"} | more


def answers(questions, messages, taken=()):
    found = pairs(questions, messages, me=ME, taken=taken)
    return [(asked.entry_id, answer["seq"]) for asked, answer in found]


def test_the_next_message_above_its_words_answers():
    assert answers([question(5)], [message(4), message(6), message(7)]) == [(5, 6)]


@pytest.mark.parametrize(
    "nobodys",
    [
        message(6, ME),
        message(6, message_type="notification"),
        message(6, delivery_scope="addressed", addressed_to_user_ids=["eve"]),
    ],
    ids=["own", "notification", "to somebody else"],
)
def test_what_is_not_said_to_the_agent_answers_nothing(nobodys):
    assert answers([question(5)], [nobodys, message(7)]) == [(5, 7)]


def test_only_who_was_asked_answers():
    questions = [question(1, user_id="ada"), question(2, user_id="eve")]
    assert answers(questions, [message(3, "eve"), message(4, "bob"), message(5)]) == [(2, 3), (1, 5)]


def test_several_are_answered_in_the_order_of_their_words_one_by_each_message():
    questions = [question(1, seq=9), question(2, seq=8), question(3, seq=12)]
    assert answers(questions, [message(10), message(11), message(13)]) == [(2, 10), (1, 11), (3, 13)]


def test_an_answer_answers_nothing_else():
    assert answers([question(5)], [message(6), message(7)], taken={6}) == [(5, 7)]


def test_what_does_not_stand_in_the_chat_is_answered_by_nothing():
    assert answers([dataclasses.replace(question(5), asked=None)], [message(6)]) == []
