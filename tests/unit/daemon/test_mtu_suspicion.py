"""What is larger than a packet hangs, what is not passes: told by sizes alone."""

from __future__ import annotations

import pytest

from mycel_runtime.daemon.mtu_suspicion import ENOUGH, SMALL_BYTES, MtuSuspicion

LARGE = SMALL_BYTES + 1


def suspicion(*, hung=ENOUGH, passed=ENOUGH):
    """After so many large sends that hung, and small calls that passed meanwhile."""
    mtu = MtuSuspicion()
    for _ in range(hung):
        mtu.hung("/send", sent=LARGE, is_list=False)
    for number in range(passed):
        mtu.passed(f"/small/{number}", sent=0, received=20, is_list=False)
    return mtu


def test_large_ones_that_hang_beside_small_ones_that_pass_are_suspect():
    assert suspicion().is_grave


def test_one_alone_is_chance():
    assert not suspicion(hung=ENOUGH - 1).is_grave


def test_a_backend_from_which_nothing_comes_is_no_matter_of_sizes():
    assert not suspicion(passed=0).is_grave


def test_small_ones_that_passed_before_prove_nothing():
    mtu = MtuSuspicion()
    for number in range(ENOUGH):
        mtu.passed(f"/small/{number}", sent=0, received=20, is_list=False)
    for _ in range(ENOUGH):
        mtu.hung("/send", sent=LARGE, is_list=False)
    assert not mtu.is_grave


def test_a_large_one_that_passes_ends_it():
    mtu = suspicion()
    mtu.passed("/chats", sent=0, received=LARGE, is_list=True)
    assert not mtu.is_grave


def test_answers_of_unknown_size_that_hang_count():
    mtu = suspicion(hung=0)
    for _ in range(ENOUGH):
        mtu.hung("/chats", sent=0, is_list=True)
    for _ in range(ENOUGH):
        mtu.passed("/me", sent=0, received=20, is_list=False)
    assert mtu.is_grave


def test_a_call_that_hangs_though_its_answer_is_small_is_the_backends():
    mtu = suspicion(hung=ENOUGH - 1)
    mtu.hung("/small/0", sent=0, is_list=False)
    mtu.hung("/send", sent=LARGE, is_list=False)
    assert not mtu.is_grave


def test_frames_are_small_and_prove_that_something_passes():
    mtu = suspicion(passed=0)
    for _ in range(ENOUGH):
        mtu.heard()
    assert mtu.is_grave


def test_frames_that_came_before_prove_nothing():
    mtu = MtuSuspicion()
    for _ in range(ENOUGH):
        mtu.heard()
    for _ in range(ENOUGH):
        mtu.hung("/send", sent=LARGE, is_list=False)
    assert not mtu.is_grave


def test_what_passes_while_the_first_call_hangs_counts():
    mtu = MtuSuspicion()
    mtu.waits()
    for _ in range(ENOUGH):
        mtu.heard()
    mtu.waits_no_more()
    for _ in range(ENOUGH):
        mtu.hung("/send", sent=LARGE, is_list=False)
    assert mtu.is_grave


def test_a_list_that_was_small_may_have_grown_by_what_a_frame_announces():
    """A chat begins with "hello"; then somebody writes four kilobytes, and its history comes no more."""
    mtu = MtuSuspicion()
    mtu.passed("/history", sent=0, received=200, is_list=True)
    for _ in range(ENOUGH):
        mtu.heard()
        mtu.hung("/history", sent=0, is_list=True)
    mtu.heard()
    assert mtu.is_grave


def test_a_list_that_hangs_though_no_frame_can_have_let_it_grow_is_the_backends():
    mtu = suspicion(hung=ENOUGH - 1)
    mtu.passed("/chats", sent=0, received=200, is_list=True)
    mtu.hung("/chats", sent=0, is_list=True)
    assert not mtu.is_grave


def test_an_object_stays_as_small_as_it_was():
    """Frames come, and a short reply hangs: it is not for its size."""
    mtu = suspicion()
    mtu.heard()
    mtu.hung("/small/0", sent=20, is_list=False)
    assert not mtu.is_grave


@pytest.mark.parametrize("is_list", [True, False])
def test_what_it_remembers_is_bounded(is_list):
    mtu = MtuSuspicion()
    for number in range(1000):
        mtu.passed(f"/small/{number}", sent=0, received=20, is_list=is_list)
    assert len(mtu._small_objects | mtu._small_lists) <= 256
