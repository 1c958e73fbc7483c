"""What is larger than a packet hangs, what is not passes: told by sizes alone."""

from __future__ import annotations

from mycel_runtime.daemon.mtu_suspicion import ENOUGH, SMALL_BYTES, MtuSuspicion

LARGE = SMALL_BYTES + 1


def suspicion(*, hung=ENOUGH, passed=ENOUGH):
    """After so many large sends that hung, and small calls that passed meanwhile."""
    mtu = MtuSuspicion()
    for _ in range(hung):
        mtu.hung("/send", sent=LARGE)
    for number in range(passed):
        mtu.passed(f"/small/{number}", sent=0, received=20)
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
        mtu.passed(f"/small/{number}", sent=0, received=20)
    for _ in range(ENOUGH):
        mtu.hung("/send", sent=LARGE)
    assert not mtu.is_grave


def test_a_large_one_that_passes_ends_it():
    mtu = suspicion()
    mtu.passed("/chats", sent=0, received=LARGE)
    assert not mtu.is_grave


def test_answers_of_unknown_size_that_hang_count():
    mtu = suspicion(hung=0)
    for _ in range(ENOUGH):
        mtu.hung("/chats", sent=0)
    for _ in range(ENOUGH):
        mtu.passed("/me", sent=0, received=20)
    assert mtu.is_grave


def test_a_call_that_hangs_though_its_answer_is_small_is_the_backends():
    mtu = suspicion(hung=ENOUGH - 1)
    mtu.hung("/small/0", sent=0)
    mtu.hung("/send", sent=LARGE)
    assert not mtu.is_grave


def test_what_it_remembers_is_bounded():
    mtu = MtuSuspicion()
    for number in range(1000):
        mtu.passed(f"/small/{number}", sent=0, received=20)
    assert len(mtu._small_paths) <= 256
