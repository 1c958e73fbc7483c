from __future__ import annotations

import pytest

from mycel_runtime.journal.turns import Decided, Done, DoneItem, DoneTimer, Said
from mycel_runtime.replay.comparison import Conduct, differences


def conduct(*, began_at=100.0, ended_at=100.0, now=100.0, said=(), raised="", **done):
    return Conduct(began_at=began_at, ended_at=ended_at, now=now, said=said, done=Done(**done), raised=raised)


def whats(was, would):
    return [(each.what, each.which) for each in differences(was, would)]


def timer(due_at, *, data="d", is_relative=True):
    return DoneTimer("t", "k", due_at, data, is_relative)


def test_the_same_words_and_deeds_do_not_differ():
    same = {
        "said": (Said("h", 1),),
        "items": (DoneItem(True, "k", "v", 1),),
        "timers": (timer(160.0),),
        "decided": (Decided("approve", True),),
    }
    assert not differences(conduct(**same), conduct(**same))


def test_each_word_and_deed_is_compared_in_its_place():
    was = conduct(
        said=(Said("a", 1), Said("b", 1)),
        items=(DoneItem(False, "k", "v", 1), DoneItem(True, "k", None, 0)),
        decided=(Decided("approve", True),),
    )
    would = conduct(
        said=(Said("a", 1), Said("c", 1), Said("d", 1)), items=(DoneItem(True, "k", "v", 1),), raised="E"
    )

    assert whats(was, would) == [
        ("end", ""),
        ("reply", "2"),
        ("reply", "3"),
        ("store", "k"),
        ("chat_store", "k"),
        ("decision", "1"),
    ]


def test_what_the_person_was_told_in_the_end_is_no_reason_of_its_own():
    assert not differences(
        conduct(raised="ValueError; and on_give_up failed: KeyError"), conduct(raised="ValueError")
    )


@pytest.mark.parametrize(("after", "is_same"), [(59.9, False), (60.0, True), (65.0, True), (65.1, False)])
def test_a_span_was_counted_from_some_time_within_the_run(after, is_same):
    was = conduct(began_at=100.0, ended_at=105.0, timers=(timer(165.0),))
    would = conduct(began_at=100.0, timers=(timer(100.0 + after),))

    assert (not differences(was, would)) == is_same


@pytest.mark.parametrize(
    ("due_at", "is_same"), [(160.0, True), (9_060.0, True), (9_100.0, False), (200.0, False)]
)
def test_a_time_of_the_clock_is_the_same_time_or_as_far_ahead(due_at, is_same):
    was = conduct(timers=(timer(160.0, is_relative=False),))
    would = conduct(now=9_000.0, timers=(timer(due_at, is_relative=False),))

    assert (not differences(was, would)) == is_same


@pytest.mark.parametrize(
    "other", [timer(160.0, data="e"), timer(160.0, is_relative=False), DoneTimer("t", "k")]
)
def test_a_timer_of_other_kind_or_data_is_another_one(other):
    assert differences(conduct(timers=(timer(160.0),)), conduct(timers=(other,)))
