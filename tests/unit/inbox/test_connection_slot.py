"""The stream makes way for calls only where it is in their way, and comes back where it is not any more."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mycel_runtime.inbox.connection_slot import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    ConnectionSlot,
)


def looked(slot, *, is_reached, has_stream=False):
    slot.looked(is_reached=is_reached, has_stream=has_stream)


def starved(slot):
    """A stream stands, no call gets through; it is ended, and the look without it gets through."""
    looked(slot, is_reached=False, has_stream=True)
    is_ended = slot.starve()
    looked(slot, is_reached=True)
    return is_ended


def test_a_stream_that_keeps_all_calls_out_is_ended_and_kept_away():
    slot = ConnectionSlot()

    assert starved(slot)
    assert slot.is_taken
    assert slot.pause == FIRST_PAUSE_SECONDS


def test_a_server_that_answers_nothing_without_a_stream_either_gets_its_stream_back_and_is_not_tried_again():
    slot = ConnectionSlot()
    assert slot.starve()

    looked(slot, is_reached=False)

    assert not slot.is_taken
    assert slot.pause == 0.0
    assert not slot.starve(), "until a call has got through without a stream"


def test_the_pauses_grow_up_to_a_bound():
    slot, pauses = ConnectionSlot(), []
    for _ in range(6):
        assert starved(slot)
        pauses.append(slot.pause)

    assert pauses == [60.0, 120.0, 240.0, 480.0, LONGEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS]


def test_it_explains_refusals_while_the_server_is_up():
    slot = ConnectionSlot()
    assert not slot.explains_refusals
    starved(slot)
    assert slot.explains_refusals
    looked(slot, is_reached=False, has_stream=True)
    assert slot.explains_refusals, "the stream was tried again"
    looked(slot, is_reached=False)
    assert not slot.explains_refusals, "no call gets through without it either"


def test_looks_during_a_pause_make_it_no_longer():
    slot = ConnectionSlot()
    starved(slot)
    for is_reached in (True, False, True):
        looked(slot, is_reached=is_reached)

    assert slot.pause == FIRST_PAUSE_SECONDS


def test_one_call_beside_the_stream_shows_that_there_is_more_than_one_connection():
    slot = ConnectionSlot()
    starved(slot)

    looked(slot, is_reached=True, has_stream=True)

    assert not slot.is_taken
    assert slot.pause == 0.0


@given(st.lists(st.tuples(st.sampled_from(["looked", "starve"]), st.booleans(), st.booleans())))
def test_only_a_look_without_a_stream_that_has_just_made_way_shows_that_it_was_in_the_way(steps):
    slot, has_made_way = ConnectionSlot(), False
    for step, is_reached, has_stream in steps:
        was_taken = slot.is_taken
        if step == "starve":
            has_made_way = slot.starve()
        else:
            looked(slot, is_reached=is_reached, has_stream=has_stream)
            assert slot.is_taken <= (was_taken or (has_made_way and is_reached and not has_stream))
            has_made_way = has_made_way and has_stream and not is_reached
        assert slot.is_taken == (slot.pause > 0)
