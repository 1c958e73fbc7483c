"""How long it has been in vain."""

from __future__ import annotations

from mycel_runtime.dispatch.outage_timer import OutageTimer
from mycel_runtime.dispatch.verdict import Failed, Overtaken, Quarantined, Returned, Unanswered
from mycel_runtime.journal.dead_letter import Letter

IN_VAIN = Unanswered(letter=Letter(reason="ServerError"))


class Clock:
    def __init__(self):
        self.now = 1_000.0

    def __call__(self):
        return self.now


def test_it_grows_for_a_delivery_while_others_are_answered():
    clock = Clock()
    timer, seen = OutageTimer(clock), []
    for _ in range(3):
        seen.append(timer.note(1, IN_VAIN))
        clock.now += 5
        assert timer.note(2, Returned()) == 0
        clock.now += 5

    assert seen == [0, 10, 20]


def test_a_delivery_that_is_new_to_an_outage_waits_as_long_as_all():
    clock = Clock()
    timer = OutageTimer(clock)
    clock.now += 40

    assert timer.note(1, IN_VAIN) == 40


def test_it_begins_anew_after_any_answer():
    clock = Clock()
    timer = OutageTimer(clock)
    for result in (Returned(), Failed(letter=Letter(reason="ValueError"))):
        timer.note(1, IN_VAIN)
        clock.now += 10
        timer.note(1, result)

        assert timer.note(1, IN_VAIN) == 0


def test_a_plugin_that_is_left_alone_has_asked_nobody():
    clock = Clock()
    timer = OutageTimer(clock)
    clock.now += 40
    timer.note(2, Quarantined(plugin="p", retry_after=1.0))

    assert timer.note(1, IN_VAIN) == 40


def test_a_letter_that_waits_for_its_chat_waits_alone():
    clock = Clock()
    timer = OutageTimer(clock)
    clock.now += 40

    assert timer.note(1, Overtaken()) == 0
    clock.now += 5
    assert timer.note(1, Overtaken()) == 5
