"""When a cursor may move."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mycel_runtime.inbox.checkpoint import Progress
from mycel_runtime.wire.limits import RING_FRAMES


def test_checkpoint_moves_over_adjacent_numbers():
    progress = Progress(3)

    progress.hold(4)
    progress.hold(5)

    assert progress.since_seq == 5
    assert not progress.has_gap


def test_q55_checkpoint_never_moves_over_a_number_that_is_not_held():
    progress = Progress(9)

    for seq in (13, 14, 15):
        progress.hold(seq)
    assert progress.since_seq == 9
    assert progress.has_gap

    for seq in (10, 12, 11):
        progress.hold(seq)
    assert progress.since_seq == 15
    assert not progress.has_gap


def test_a_hole_that_no_replay_can_fill_is_given_up():
    """The ring has 256 places: what is further back cannot be had from the stream any more (Q3)."""
    progress = Progress(0)

    for seq in range(2, 2 + RING_FRAMES):
        progress.hold(seq)

    assert progress.since_seq == 1 + RING_FRAMES
    assert not progress.has_gap
    assert progress.given_up == 1


def test_overflow_moves_to_where_the_ring_begins_and_keeps_what_is_held_beyond():
    progress = Progress(3)
    progress.hold(100)

    progress.start_at(56)
    progress.hold(57)

    assert progress.since_seq == 57
    assert progress.above == {100}


@given(st.permutations(range(1, 60)))
def test_any_order_of_arrival_ends_at_the_same_place(order):
    progress = Progress(0)
    held = set()
    for seq in order:
        progress.hold(seq)
        held.add(seq)
        assert set(range(1, progress.since_seq + 1)) <= held

    assert progress.since_seq == 59
    assert progress.above == set()


@given(st.lists(st.integers(0, 2000)))
def test_checkpoint_never_goes_back(seqs):
    progress = Progress(10)
    highest = 10
    for seq in seqs:
        progress.hold(seq)
        assert progress.since_seq >= highest
        highest = progress.since_seq
