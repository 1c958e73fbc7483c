"""A reply's place in its run, whatever becomes of it."""

from __future__ import annotations

from mycel_runtime.speech.reply_ordinals import ReplyOrdinals


def test_replies_are_counted_when_they_are_asked_for():
    ordinals = ReplyOrdinals()

    assert [ordinals.take(words) for words in "aab"] == [0, 1, 2]


def test_a_reply_that_came_to_nothing_keeps_its_place_from_other_words():
    ordinals = ReplyOrdinals()
    ordinals.leave(ordinals.take("a"), "a")

    assert [ordinals.take(words) for words in "bab"] == [1, 0, 2]


def test_the_same_words_take_up_the_first_place_that_was_left_to_them_and_each_once():
    ordinals = ReplyOrdinals()
    left = [ordinals.take("a") for _ in range(3)]
    for place in reversed(left):
        ordinals.leave(place, "a")

    assert [ordinals.take("a") for _ in range(4)] == [0, 1, 2, 3]
