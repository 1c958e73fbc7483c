"""Who has seen what."""

from __future__ import annotations

import pytest

from mycel_runtime.speech.caught_up import (
    concerns,
    content_hash,
    find_own,
    first_handled_seq,
    message_hash,
    unseen,
)


def message(seq, sender="you", content="hi", **extra):
    return {
        "id": f"m{seq}",
        "seq": seq,
        "sender_id": sender,
        "content": content,
        "mentioned_ids": [],
        "delivery_scope": "broadcast",
        "addressed_to_user_ids": [],
    } | extra


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (message(1), True),
        (message(1, sender="me"), False),
        (message(1, delivery_scope="addressed", addressed_to_user_ids=["me"]), True),
        (message(1, delivery_scope="addressed", addressed_to_user_ids=["else"]), False),
        ({"id": "m", "seq": 1, "sender_id": "you", "content": "", "mentioned_ids": []}, True),
    ],
)
def test_a_message_concerns_me_as_it_would_be_unread(stored, expected):
    assert concerns(stored, "me") is expected


def test_q27_a_lower_number_that_appears_late_is_unseen():
    late, shown, mine = message(4), message(5), message(6, sender="me")

    assert unseen([late, shown, mine], me="me", handled_seq=3, seen_ids={"m5"}) == [late]


def test_what_the_handler_dealt_with_in_an_earlier_turn_is_not_unseen():
    assert unseen([message(2)], me="me", handled_seq=3, seen_ids=set()) == []


def test_a_new_handler_starts_before_the_first_unread_message():
    assert first_handled_seq([message(7), message(8)], []) == 6
    assert first_handled_seq([], [message(8)]) == 8
    assert first_handled_seq([], []) == 0


def test_hash_of_a_stored_message_is_the_hash_of_what_was_sent():
    stored = message(1, content="é", mentioned_ids=["b", "a"])

    assert message_hash(stored) == content_hash("é", mentions=["a", "b"])
    assert message_hash(stored) != content_hash("é")


def test_own_message_is_found_above_the_base_and_only_once():
    history = [message(3, "me"), message(4, "me"), message(5, "me"), message(6)]
    wanted = content_hash("hi")

    found = find_own(history, me="me", after_seq=3, wanted_hash=wanted, taken={"m4"})

    assert found is history[2]
    assert find_own(history, me="me", after_seq=5, wanted_hash=wanted, taken=()) is None
    assert find_own(history, me="me", after_seq=0, wanted_hash=content_hash("ho"), taken=()) is None
