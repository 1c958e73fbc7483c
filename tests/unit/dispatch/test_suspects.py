"""When a delivery may run that was running when a process died."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from mycel_runtime.dispatch.suspects import ALONE_SECONDS, DEATHS_LIMIT, IDLE_SECONDS, Suspects, given_up
from mycel_runtime.journal.cursor import STAY, CursorMove
from mycel_runtime.journal.delivery import ChatDelivery, EventDelivery
from mycel_runtime.journal.entry import Entry
from mycel_runtime.journal.hole import Hole
from mycel_runtime.journal.suspicion import Suspect, Suspicion

CLAIMED = {
    "delivery_id": 1,
    "claim": 1,
    "identity": "me",
    "handler": "p.h",
    "lane": "chat:c",
    "turn": 0,
    "attempts": 0,
    "due_at": 0.0,
    "chat_id": "c",
}


def suspect(number=1, deaths=0):
    return SimpleNamespace(delivery_id=number, suspicion=Suspicion(deaths=deaths))


@pytest.fixture
def clock():
    return SimpleNamespace(now=100.0)


@pytest.fixture
def suspects(clock):
    return Suspects(2, lambda: clock.now)


def test_without_any_nobody_waits():
    nobody = Suspects(0)

    assert (nobody.are_waiting, nobody.seconds_until_turn()) == (False, math.inf)


def test_one_waits_for_an_idle_moment_but_not_for_ever(suspects, clock):
    assert (suspects.are_waiting, suspects.seconds_until_turn()) == (True, IDLE_SECONDS)
    clock.now += IDLE_SECONDS + 1
    assert suspects.seconds_until_turn() == 0


def test_the_next_one_waits_until_the_first_has_ended_or_takes_long(suspects, clock):
    clock.now += IDLE_SECONDS
    suspects.start(suspect(1))
    assert suspects.seconds_until_turn() == ALONE_SECONDS
    clock.now += ALONE_SECONDS
    assert suspects.seconds_until_turn() == 0
    suspects.end(suspect(1))
    assert suspects.seconds_until_turn() == IDLE_SECONDS


def test_one_that_is_postponed_waits_again_and_one_that_is_cleared_does_not(suspects):
    for number in (1, 2):
        suspects.start(suspect(number))
        suspects.end(suspect(number))
        suspects.clear(suspect(number))
        assert suspects.are_waiting is (number == 1)


def test_those_of_a_process_that_has_died_beside_this_one_wait_for_an_idle_moment_from_then_on(clock):
    suspects = Suspects(0, lambda: clock.now)
    clock.now += 1000
    suspects.recount(1)
    assert (suspects.are_waiting, suspects.seconds_until_turn()) == (True, IDLE_SECONDS)
    suspects.start(suspect())
    suspects.recount(0)
    suspects.end(suspect())
    suspects.clear(suspect())

    assert not suspects.are_waiting


def test_a_suspect_is_told_of_once_and_again_after_another_death():
    suspects = Suspects(0)
    one, two = Suspect("p.h", "a", 0), Suspect("p.h", "b", 0)
    assert suspects.unheard_of([one]) == [one]
    assert suspects.unheard_of([one, two]) == [two]
    assert suspects.unheard_of([Suspect("p.h", "a", 1), two]) == [Suspect("p.h", "a", 1)]


def test_others_count_for_nothing(suspects):
    other = SimpleNamespace(delivery_id=9, suspicion=None)
    for verb in (suspects.start, suspects.end, suspects.clear):
        verb(other)

    assert suspects.seconds_until_turn() == IDLE_SECONDS


def test_too_many_deaths_bury_what_was_shown_and_no_more():
    hole = Hole(seq=2, noticed_at=1.0)
    suspicion = Suspicion(deaths=DEATHS_LIMIT, through_seq=7, message_ids=("m7",))
    delivery = ChatDelivery(
        **CLAIMED, handled_seq=5, wanted_seq=9, lane_is_anchored=True, holes=(hole,), suspicion=suspicion
    )

    failed = given_up(delivery)
    assert failed.is_permanent
    assert failed.move == CursorMove(handled_seq=7, wanted_seq=9)
    assert (failed.letter.message_ids, failed.letter.late) == (("m7",), (hole,))
    assert "died 3 times" in failed.letter.reason


def test_what_kills_before_anything_is_shown_is_not_due_again():
    suspicion = Suspicion(deaths=DEATHS_LIMIT)
    delivery = ChatDelivery(
        **CLAIMED, handled_seq=5, wanted_seq=9, lane_is_anchored=True, suspicion=suspicion
    )

    assert given_up(delivery).move == STAY


def test_an_event_is_given_up_whole():
    entry = Entry("me", 1, 1, "k", "f", None, "{}", 0.0)
    delivery = EventDelivery(**CLAIMED, entry=entry, suspicion=Suspicion(deaths=DEATHS_LIMIT))

    assert given_up(delivery).move == STAY


@pytest.mark.parametrize("suspicion", [None, Suspicion(deaths=DEATHS_LIMIT - 1)])
def test_fewer_deaths_do_not(suspicion):
    assert given_up(SimpleNamespace(suspicion=suspicion)) is None
