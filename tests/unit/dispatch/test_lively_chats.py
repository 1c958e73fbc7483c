"""How often a handler is run in a chat that is never silent."""

from __future__ import annotations

import pytest

from mycel_runtime.dispatch.lively_chats import LONGEST_WAIT, LivelyChats
from mycel_runtime.settings import DispatchSettings

SETTINGS = DispatchSettings(retry_base=1.0, retry_cap=60.0, conflict_rounds=5)


class Case:
    """A clock and the chats."""

    def __init__(self):
        self.now = 1000.0
        self.chats = LivelyChats(SETTINGS, clock=lambda: self.now)

    def wait(self, newest_seq, *, quiet=2.0, seconds=0.0):
        self.now += seconds
        return self.chats.seconds_to_wait(1, newest_seq, quiet=quiet)


@pytest.fixture
def case():
    return Case()


def test_without_a_wish_for_silence_nothing_waits(case):
    assert case.wait(1, quiet=0.0) == 0.0


def test_silence_is_counted_from_the_newest_message(case):
    assert case.wait(1) == 2.0
    assert case.wait(1, seconds=0.5) == 1.5
    assert case.wait(2, seconds=1.0) == 2.0
    assert case.wait(2, seconds=2.0) == 0.0


def test_it_is_waited_for_anew_by_each_run(case):
    case.wait(1)
    assert case.wait(1, seconds=2.0) == 0.0
    assert case.wait(2) == 2.0


def test_a_chat_that_is_never_silent_is_waited_for_a_bounded_time(case):
    started = case.now
    for seq in range(1, 1000):
        if not case.wait(seq, seconds=0.5):
            break

    assert case.now - started <= LONGEST_WAIT * 2.0 + 0.5


def test_after_all_rounds_there_is_one_more_and_the_chat_is_to_be_silent_for_as_long_as_a_run_takes(case):
    assert (case.chats.rounds(1), case.chats.is_last_round(1)) == (5, False)
    case.chats.note_overtaken(1, seconds=3.0)

    assert (case.chats.rounds(1), case.chats.is_last_round(1)) == (1, True)
    assert (case.chats.rounds(2), case.chats.is_last_round(2)) == (5, False)
    assert case.wait(1, quiet=0.0) == 3.0
    case.chats.note_ended(1)
    assert case.chats.rounds(1) == 5


@pytest.mark.parametrize(("took", "silence"), [(0.001, 1.0), (7.0, 7.0), (500.0, 60.0)])
def test_the_silence_is_neither_nothing_nor_endless(case, took, silence):
    case.chats.note_overtaken(1, seconds=took)

    assert case.wait(1, quiet=0.0) == silence


def test_a_clock_that_is_set_back_makes_nobody_wait_longer(case):
    case.wait(1)

    assert case.wait(1, seconds=-5000.0) == 2.0
    assert case.wait(1, seconds=2.0) == 0.0
