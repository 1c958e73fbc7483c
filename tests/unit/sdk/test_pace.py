"""Whose turn it is, how long everybody waits, and what is learnt from a refusal."""

from __future__ import annotations

import pytest

from mycel_runtime.sdk.pace import (
    FIRST_INTERVAL_SECONDS,
    FORGET_SECONDS,
    LONGEST_INTERVAL_SECONDS,
    OUTAGE_SECONDS,
    Pace,
    Ticket,
    Worth,
)


def limited(asked=None, now=0.0):
    pace = Pace()
    pace.refused(None, asked=asked, now=now, draw=0.0)
    return pace


def ticket(worth=Worth.HISTORY):
    return Ticket(worth=worth, wake=lambda: None)


def go(pace, now):
    """A call that is made as soon as it may be, from `now` on; its ticket and its time."""
    mine = ticket()
    pace.enter(mine)
    now += pace.pause(now)
    pace.grant(now)
    assert mine.is_granted
    return mine, now


def test_a_pace_that_was_never_refused_keeps_nobody():
    pace = Pace()
    waiting = [ticket(worth) for worth in Worth]
    for each in waiting:
        pace.enter(each)

    pace.grant(0.0)

    assert all(each.is_granted for each in waiting)
    assert not pace.is_limited


def test_calls_go_in_the_order_of_their_worth_and_then_of_their_coming():
    pace, went = limited(), []
    waiting = [ticket(worth) for worth in reversed(Worth) for _ in range(1)] + [ticket(Worth.READ)]
    for each in waiting:
        pace.enter(each)
    now = 0.0
    for _ in waiting:
        now += pace.pause(now)
        before = {id(each) for each in waiting if each.is_granted}
        pace.grant(now)
        went += [each.worth for each in waiting if each.is_granted and id(each) not in before]

    in_order, eldest = [Worth.SEND, Worth.READ, Worth.READ, Worth.HISTORY], Worth.DRAIN
    assert went == [*in_order, eldest, Worth.LOOK]


def test_the_least_of_calls_is_late_and_never_left_out():
    pace, look, now = limited(), ticket(Worth.DRAIN), 0.0
    pace.enter(look)
    sends = [ticket(Worth.SEND) for _ in range(20)]
    for send in sends:
        pace.enter(send)
        now += pace.pause(now)
        pace.grant(now)
        if look.is_granted:
            break

    assert sum(send.is_granted for send in sends) == 4


@pytest.mark.parametrize("asked", [1.0, 7.0, 600.0])
def test_whoever_is_told_when_to_come_back_probes_with_one_call_and_then_goes_on_as_before(asked):
    """`Retry-After` says nothing of a rate: 50 calls that wait take a second and not 50 twentieths of the pause."""
    pace, answered = limited(asked), 0
    waiting = [ticket() for _ in range(50)]
    for each in waiting:
        pace.enter(each)
    pace.grant(asked)
    assert [each.is_granted for each in waiting] == [True] + 49 * [False]
    pace.grant(asked + 0.3)
    assert sum(each.is_granted for each in waiting) == 1, "its answer is waited for"

    now, went = asked + 0.3, waiting[:1]
    while went:
        answered += len(went)
        for each in went:
            pace.accepted(each, now=now)
        before = {id(each) for each in waiting if each.is_granted}
        now += pace.pause(now)
        pace.grant(now)
        went = [each for each in waiting if each.is_granted and id(each) not in before]

    assert answered == 50
    assert now - asked < 2.0
    assert not pace.is_limited


def test_a_probe_that_nobody_answers_does_not_keep_the_others_for_ever():
    pace = limited(2.0)
    go(pace, 2.0)

    _, now = go(pace, 2.0)

    assert 2.0 < now <= 4.0


def test_a_maintenance_that_lasts_longer_than_it_said_teaches_no_rate():
    pace, now, told = limited(7.0), 0.0, 0.0
    for _ in range(5):
        mine, now = go(pace, now)
        told = now + 7.0
        pace.refused(mine, asked=7.0, now=now, draw=0.9)

    mine, now = go(pace, now)
    pace.accepted(mine, now=now)
    assert now <= told + 1.0
    assert pace.pause(now) <= 0.5


def test_a_refusal_that_follows_answered_calls_teaches_a_rate():
    pace, now = limited(1.0), 0.0
    for _ in range(4):
        mine, now = go(pace, now)
        pace.accepted(mine, now=now)
    mine, now = go(pace, now)
    before = pace.interval
    pace.refused(mine, asked=1.0, now=now, draw=0.0)
    mine, now = go(pace, now)
    pace.accepted(mine, now=now)

    assert pace.interval > before


@pytest.mark.parametrize(("asked", "pause"), [(2.0, 2.0), (None, FIRST_INTERVAL_SECONDS), (1e300, 3600.0)])
def test_nobody_goes_before_the_server_wants_it(asked, pause):
    pace = limited(asked)
    pace.enter(mine := ticket(Worth.SEND))

    pace.grant(pause * 0.99)
    assert not mine.is_granted
    pace.grant(pause)
    assert mine.is_granted


def test_refusals_of_calls_that_went_together_slow_us_down_once():
    pace = limited()
    for _ in range(8):
        pace.refused(None, asked=None, now=0.0, draw=0.0)

    assert (pace.interval, pace.refusals) == (FIRST_INTERVAL_SECONDS, 9)


def test_refused_again_and_again_the_interval_doubles_up_to_a_bound():
    pace, now, intervals = limited(), 0.0, []
    for _ in range(14):
        mine, now = go(pace, now)
        pace.refused(mine, asked=None, now=now, draw=0.0)
        intervals.append(pace.interval)

    assert intervals[:3] == [0.04, 0.08, 0.16]
    assert intervals[-1] == LONGEST_INTERVAL_SECONDS


def test_calls_that_come_now_and_then_tell_nothing_of_the_limit():
    """They would be let through at any pace, and each would make us faster until the next is refused."""
    pace, now = limited(), 0.0
    for _ in range(6):
        mine, now = go(pace, now)
        pace.refused(mine, asked=None, now=now, draw=0.0)
    before = pace.interval
    for _ in range(50):
        mine, now = go(pace, now + 10.0)
        pace.accepted(mine, now=now)

    assert pace.interval == before


def test_a_limit_that_is_lifted_is_forgotten_after_some_calls():
    pace, now, calls = limited(asked=1.0), 0.0, 0
    while pace.is_limited:
        mine, now = go(pace, now)
        pace.accepted(mine, now=now)
        calls += 1

    assert calls < 300


def test_a_limit_that_is_not_met_any_more_is_forgotten_after_some_minutes():
    pace = limited()
    go(pace, FORGET_SECONDS - 1)
    assert pace.is_limited
    go(pace, FORGET_SECONDS + 1)
    assert not pace.is_limited


def test_what_lets_nothing_through_is_an_outage_and_no_limit():
    pace = limited(now=100.0)
    assert not pace.is_outage(100.0 + OUTAGE_SECONDS * 0.9)
    assert pace.is_outage(100.0 + OUTAGE_SECONDS)

    pace.accepted(None, now=104.0)
    pace.refused(None, asked=None, now=300.0, draw=0.0)
    assert not pace.is_outage(302.0), "nobody asked meanwhile"


def test_what_lasts_and_lets_something_through_is_a_limit_and_no_outage():
    pace = limited(now=100.0)
    mine, now = go(pace, 100.0)
    assert not pace.is_proven(100.0 + OUTAGE_SECONDS)
    pace.accepted(mine, now=now)

    assert not pace.is_proven(100.0 + OUTAGE_SECONDS * 0.9)
    assert pace.is_proven(100.0 + OUTAGE_SECONDS)


def test_what_refuses_again_after_it_has_let_something_through_is_a_limit_and_no_outage():
    pace = limited(now=100.0)
    mine, now = go(pace, 100.0)
    pace.refused(mine, asked=None, now=now, draw=0.0)
    mine, now = go(pace, now)
    pace.accepted(mine, now=now)
    assert not pace.is_proven(now), "a restart of a moment looks alike"

    mine, now = go(pace, now)
    pace.refused(mine, asked=None, now=now, draw=0.0)
    assert not pace.is_proven(now)
    mine, now = go(pace, now)
    pace.accepted(mine, now=now)
    assert pace.is_proven(now)


def test_whoever_stops_waiting_is_in_nobodys_way():
    pace, impatient, other = limited(), ticket(Worth.SEND), ticket()
    pace.enter(impatient)
    pace.enter(other)

    pace.leave(impatient)
    pace.grant(1.0)

    assert other.is_granted
