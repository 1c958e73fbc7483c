"""Which of what an agent sends are the model's words."""

from __future__ import annotations

import pytest

from mycel_runtime_plugins.acp.answer import Answer, storable


def chunk(text, message_id=None, kind="agent_message_chunk"):
    return {"sessionUpdate": kind, "content": {"type": "text", "text": text}, "messageId": message_id}


def said(*updates, **options):
    answer = Answer("the prompt", 1_000, **options)
    for update in updates:
        answer.add(update)
    return answer


TOOL = {"sessionUpdate": "tool_call", "toolCallId": "1"}


def model_error(*, will_retry):
    """As codex-acp tells of a model's connection that was cut."""
    error = {"message": "Reconnecting... 1/5", "willRetry": will_retry}
    return {"sessionUpdate": "session_info_update", "_meta": {"codex": {"error": error}}}


AGAIN = model_error(will_retry=True)


@pytest.mark.parametrize(
    ("updates", "text"),
    [
        ([chunk("Hel"), chunk("lo")], "Hello"),
        ([chunk("thinking", kind="agent_thought_chunk"), chunk("Hello")], "Hello"),
        ([chunk("A notice."), chunk("Hello", "m1")], "Hello"),
        ([chunk("Hello", "m1"), chunk("A notice.")], "Hello"),
        ([chunk("Let me see.", "m1"), TOOL, chunk("Done.", "m1")], "Let me see.\n\nDone."),
        ([chunk("One.", "m1"), chunk("Two.", "m2")], "One.\n\nTwo."),
        ([TOOL], ""),
        ([chunk(" \n ")], ""),
    ],
)
def test_the_models_words_and_nothing_else(updates, text):
    assert said(*updates).text == text


def test_of_an_agent_that_is_known_to_mark_them_what_is_unmarked_is_no_answer():
    assert said(chunk("An error."), has_message_ids=True).text == ""


@pytest.mark.parametrize(
    ("updates", "text"),
    [
        ([chunk("Hel", "m1"), AGAIN, chunk("Hello.", "m2")], "Hello."),
        ([chunk("Hel", "m1"), chunk("A notice."), AGAIN, AGAIN, chunk("Hello.", "m2")], "Hello."),
        ([chunk("One.", "m1"), chunk("Tw", "m2"), AGAIN, chunk("Two.", "m3")], "One.\n\nTwo."),
        ([chunk("Let me see.", "m1"), TOOL, AGAIN, chunk("Done.", "m2")], "Let me see.\n\nDone."),
        ([chunk("Hel", "m1"), model_error(will_retry=False)], "Hel"),
        ([chunk("Hello.", "m1"), {"sessionUpdate": "session_info_update", "_meta": {"codex": 1}}], "Hello."),
    ],
)
def test_what_the_model_began_before_it_is_asked_again_is_no_answer(updates, text):
    assert said(*updates).text == text


def test_what_was_taken_back_has_no_length():
    answer = said(chunk("x" * 2_000, "m1"), AGAIN, chunk("Hello.", "m2"))

    assert (answer.text, answer.length, answer.is_cut) == ("Hello.", 6, False)


@pytest.mark.parametrize(
    "update", [{}, {"sessionUpdate": 3}, {"sessionUpdate": "new"}, {"sessionUpdate": "agent_message_chunk"}]
)
def test_an_update_that_nobody_knows_is_counted(update):
    assert sum(said(update, chunk("Hello")).passed_over.values()) == 1


def test_what_is_too_long_is_cut_and_known_to_be():
    whole, cut = said(chunk("x" * 1_000)), said(chunk("x" * 600), chunk("y" * 401))

    assert (whole.is_cut, cut.is_cut) == (False, True)
    assert cut.text == "x" * 600 + "y" * 400


def test_what_was_cut_on_its_way_is_known_to_be():
    answer = Answer("", 1_000)
    answer.add(chunk("x"), is_cut=True)

    assert answer.is_cut


def test_halves_of_a_character_find_each_other():
    assert said(chunk("\ud83d"), chunk("\ude00")).text == "\N{GRINNING FACE}"
    assert storable("a\0b\ud83d") == "ab\ufffd"
