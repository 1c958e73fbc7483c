"""At least so late is it at the server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mycel_runtime.inbox.server_clock import ServerClock


def test_nothing_is_known_of_a_server_that_has_stamped_nothing():
    assert ServerClock().earliest(10.0) is None


def test_time_passes_there_as_here():
    clock = ServerClock()
    clock.note(1000.0, now=10.0)

    assert clock.earliest(10.0) == 1000.0
    assert clock.earliest(20.0) == pytest.approx(1010.0, abs=0.01)


def test_an_old_stamp_takes_nothing_back():
    clock = ServerClock()
    clock.note(1000.0, now=10.0)
    clock.note(5.0, now=11.0)

    assert clock.earliest(11.0) == pytest.approx(1001.0, abs=0.01)


def test_a_server_whose_clock_may_have_been_set_back_is_forgotten():
    clock = ServerClock()
    clock.note(1000.0, now=10.0)
    clock.forget()
    clock.note(900.0, now=11.0)

    assert clock.earliest(11.0) == 900.0


@given(
    ahead=st.floats(-1e9, 1e9),
    drift=st.floats(-1e-4, 1e-4),
    stamps=st.lists(st.tuples(st.floats(0.0, 1e5), st.floats(0.0, 60.0)), min_size=1, max_size=20),
    then=st.floats(0.0, 1e6),
)
def test_it_is_never_too_late_whatever_the_clocks_and_the_ways_between_them(ahead, drift, stamps, then):
    """Stamps come so many seconds late; the server's clock runs a little fast or slow."""
    clock, now = ServerClock(), 0.0
    for pause, lateness in stamps:
        now += pause
        clock.note((now - lateness) * (1 + drift) + ahead, now=now)
    now += then

    assert clock.earliest(now) <= now * (1 + drift) + ahead + 1e-3
