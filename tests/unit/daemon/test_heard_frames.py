"""A delivery's trace begins with the frame that made its work due, by whichever clock the store stamps it."""

from __future__ import annotations

import pytest

from mycel_runtime.daemon.tracing import heard_frames
from mycel_runtime.daemon.tracing.heard_frames import HeardFrame, HeardFrames


@pytest.fixture
def frames():
    return HeardFrames()


def test_work_is_owed_to_the_frame_after_which_it_was_stamped(frames):
    frames.hear(["c", "d"], 1.0)
    frames.note_journalled(["c", "d"], 1.0, 1.5)
    frames.hear(["c"], 2.0)

    assert frames.of_delivery("c", 1.2) == HeardFrame(1.0, 1.5)
    assert frames.of_delivery("d", 1.2) == HeardFrame(1.0, 1.5)


def test_a_delivery_may_begin_before_the_commit_is_told(frames):
    frames.hear(["c"], 1.0)

    assert frames.of_delivery("c", 1.2) == HeardFrame(1.0)
    frames.note_journalled(["c"], 1.0, 1.5)
    assert frames.of_delivery("c", 9.0) is None


def test_a_chats_handlers_owe_theirs_to_the_same_frame_and_a_later_one_to_the_next(frames):
    frames.hear(["c"], 1.0)
    first = frames.of_delivery("c", 1.2)
    frames.hear(["c"], 3.0)

    assert frames.of_delivery("c", 1.2) == first == HeardFrame(1.0)
    assert frames.of_delivery("c", 3.5) == HeardFrame(3.0)


def test_what_was_told_before_a_run_is_not_owed_to_it_later(frames):
    """The run is shown what all of them tell of; what makes the chat due afterwards is no frame."""
    for heard_at in (1.0, 2.0, 3.0):
        frames.hear(["c"], heard_at)
    frames.of_delivery("c", 1.2)

    assert frames.of_delivery("c", 8.0) is None


def test_however_many_frames_come_the_first_and_the_newest_are_known(frames):
    for heard_at in range(100):
        frames.hear(["c", "d"], float(heard_at))

    assert frames.of_delivery("c", 0.5) == HeardFrame(0.0)
    assert frames.of_delivery("d", 99.5) == HeardFrame(99.0)


def test_the_oldest_are_forgotten(frames, monkeypatch):
    monkeypatch.setattr(heard_frames, "REMEMBERED", 2)
    for number in range(4):
        frames.hear([f"c{number}"], 1.0)
    owed = [frames.of_delivery(f"c{number}", 1.5) for number in range(4)]

    assert owed == [None, None, HeardFrame(1.0), HeardFrame(1.0)]
