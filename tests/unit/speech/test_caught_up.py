"""Who has seen what."""

from __future__ import annotations

import pytest

from mycel_runtime.journal.hole import Hole
from mycel_runtime.speech.caught_up import (
    HOLES_LIMIT,
    concerns,
    content_hash,
    find_own,
    first_handled_seq,
    message_hash,
    missing,
    still_open,
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


def test_a_new_handler_starts_behind_what_is_read():
    assert first_handled_seq([message(7), message(8)]) == 8
    assert first_handled_seq([]) == 0


def test_hash_of_a_stored_message_is_the_hash_of_what_was_sent():
    stored = message(1, content="é", mentioned_ids=["b", "a"])

    assert message_hash(stored) == content_hash("é", mentions=["a", "b"])
    assert message_hash(stored) != content_hash("é")


def test_a_message_is_found_again_by_its_hash_though_its_lists_are_null():
    stored = message(
        1, "me", content="é", mentioned_ids=None, addressed_to_user_ids=None, delivery_scope=None
    )

    assert message_hash(stored) == content_hash("é")


def test_own_message_is_found_above_the_base_and_only_once():
    history = [message(3, "me"), message(4, "me"), message(5, "me"), message(6)]
    wanted = content_hash("hi")

    found = find_own(history, me="me", after_seq=3, wanted_hash=wanted, taken={"m4"})

    assert found is history[2]
    assert find_own(history, me="me", after_seq=5, wanted_hash=wanted, taken=()) is None
    assert find_own(history, me="me", after_seq=0, wanted_hash=content_hash("ho"), taken=()) is None


def test_q27_numbers_that_nobody_has_seen_below_the_newest_are_missing():
    assert missing({5, 7, 9}, after=3, through=9) == [4, 6, 8]
    assert missing({4}, after=3, through=4) == []
    assert missing(set(), after=3, through=3) == []


def test_of_a_large_gap_only_the_newest_numbers_are_looked_for():
    assert missing({10_000}, after=0, through=10_000) == list(range(9_744, 10_000))


def test_missing_numbers_that_are_far_apart_cost_no_more():
    """Each one in turn would keep the loop, and every agent of the process, for ever."""
    assert missing({3}, after=0, through=10**15)[-1] == 10**15 - 1
    assert len(missing({3}, after=0, through=10**15)) == HOLES_LIMIT


def test_a_hole_is_open_until_it_is_seen_or_was_read_empty_after_its_time():
    young, old, seen = (Hole(seq=seq, noticed_at=at) for seq, at in ((4, 9.0), (5, 1.0), (6, 9.0)))

    still = still_open([young, old, seen], [8], seen={6}, read_at=10.0, grace=5.0)

    assert still == (young, Hole(seq=8, noticed_at=10.0))


def test_a_hole_is_not_looked_for_longer_because_the_clock_was_set_back():
    (still,) = still_open([Hole(seq=4, noticed_at=3_600.0)], [], seen=(), read_at=10.0, grace=5.0)

    assert still.noticed_at == 10.0


def test_what_fills_a_hole_below_the_cursor_is_unseen():
    late = message(2)

    assert unseen([late], me="me", handled_seq=3, seen_ids=set(), holes={2}) == [late]
