"""What is told again and again has a line a second, and none of it is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mycel_runtime.observe.repeats import INTERVAL_SECONDS, MOST_KINDS, Repeats


@given(st.lists(st.tuples(st.integers(0, 400), st.floats(0, 0.7), st.booleans()), max_size=600))
def test_each_first_is_told_and_lines_add_up_to_what_happened(happenings):
    repeats, now, told, happened, firsts = Repeats(), 0.0, [], [], []
    for key, seconds, is_looked in happenings:
        now += seconds
        if is_looked:
            told.extend((what, left_out) for what, left_out in repeats.due(now))
        if key not in happened:
            firsts.append(key)
        happened.append(key)
        left_out = repeats.admit(key, key, now)
        if left_out is not None:
            told.append((key, left_out))
        assert len(repeats._kinds) <= MOST_KINDS
    told.extend(repeats.due(now + 2 * INTERVAL_SECONDS))

    assert repeats.next_due() is None
    assert list(dict.fromkeys(key for key, _ in told)) == firsts
    for key in firsts:
        assert sum(1 + left_out for name, left_out in told if name == key) == happened.count(key)
