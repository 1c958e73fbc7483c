"""Who is to hear what, before something is said first."""

from __future__ import annotations

import pytest

from mycel_runtime.dispatch.audience import Audience
from mycel_runtime.journal.cursor import ChatCursor
from mycel_runtime.journal.hole import Hole


def cursor(handled_seq, wanted_seq=0, *, given_up_seq=0, holes=()):
    return ChatCursor(
        handled_seq, wanted_seq, given_up_seq, tuple(Hole(seq=seq, noticed_at=1.0) for seq in holes)
    )


def audience(*, left_alone=(), **cursors):
    return Audience(cursors=cursors, left_alone=left_alone)


def messages(*seqs):
    return [{"seq": seq} for seq in seqs]


@pytest.mark.parametrize(
    ("who", "read_after", "unshown"),
    [
        (audience(a=cursor(5), b=cursor(5)), 5, []),
        (audience(a=cursor(5), b=cursor(3)), 3, [4, 5]),
        (audience(a=cursor(5), b=cursor(3, given_up_seq=4)), 4, [5]),
        (audience(a=cursor(5, holes=[2])), 1, [2]),
        (audience(a=cursor(5), b=cursor(0), left_alone={"b"}), 5, []),
        (audience(b=cursor(0), left_alone={"b"}), None, []),
        (audience(), None, []),
    ],
)
def test_what_is_above_a_cursor_or_in_a_hole_was_not_shown(who, read_after, unshown):
    """Buried is as good as shown, and nobody waits for who is left alone."""
    assert who.read_after == read_after
    assert [message["seq"] for message in who.unshown(messages(1, 2, 3, 4, 5))][
        -len(unshown) or 9 :
    ] == unshown


def test_whoever_does_not_look_so_far_is_told_also_if_he_is_left_alone():
    who = audience(a=cursor(5), b=cursor(3, wanted_seq=6), c=cursor(2, wanted_seq=4), left_alone={"c"})

    assert who.untold(6) == ["a", "c"]
    assert who.untold(5) == ["c"]


def test_a_handler_without_a_start_is_new_and_one_that_is_gone_is_nobody():
    who = Audience.of({"a": cursor(5), "b": cursor(None), "gone": cursor(0)}, ["a", "b", "c"], ())

    assert who.newcomers(["a", "b", "c"]) == ["b", "c"]
    assert who.read_after == 0
    assert Audience.of({"gone": cursor(0)}, ["a"], ()).read_after is None
