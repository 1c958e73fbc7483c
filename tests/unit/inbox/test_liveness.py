"""Deaf is what the server holds and no frame told; quiet is not."""

from __future__ import annotations

from itertools import pairwise

import pytest

from mycel_runtime.inbox.liveness import StreamLiveness, wakes


def message(seq, **extra):
    return {
        "id": f"m{seq}",
        "seq": seq,
        "sender_id": "you",
        "mentioned_ids": [],
        "addressed_to_user_ids": [],
        "message_type": "human",
    } | extra


def look(liveness, unread, messages=(), *, now, grace=5.0):
    candidates = liveness.unannounced(unread)
    for chat_id in candidates:
        liveness.suspect(chat_id, messages, me="me", now=now)
    return liveness.looked(candidates, now=now, grace=grace)


def test_nothing_unread_is_a_proof_of_hearing():
    liveness = StreamLiveness()

    assert not look(liveness, [], now=100.0)
    assert liveness.heard_at == 100.0


def test_unread_and_unannounced_beyond_the_grace_is_deaf():
    liveness = StreamLiveness()

    assert not look(liveness, [("c", 3)], [message(3)], now=100.0)
    assert not look(liveness, [("c", 3)], [message(3)], now=104.9)
    assert look(liveness, [("c", 3)], [message(3)], now=105.0)


def test_a_frame_within_the_grace_settles_the_doubt():
    liveness = StreamLiveness()
    look(liveness, [("c", 3)], [message(3)], now=100.0)

    liveness.announce("c", 3, now=101.0)

    assert not look(liveness, [("c", 3)], [message(3)], now=200.0)
    assert liveness.unannounced_chats == {}


def test_what_was_unread_at_the_connect_need_not_be_announced():
    liveness = StreamLiveness()
    liveness.begin([("c", 3), ("d", None)])

    assert not look(liveness, [("c", 3), ("d", None)], now=1e9)
    assert look(liveness, [("c", 4)], [message(4)], now=1e9, grace=0.0)


def test_an_alarm_is_raised_once_per_message():
    liveness = StreamLiveness()
    assert look(liveness, [("c", 3)], [message(3)], now=100.0, grace=0.0)

    liveness.begin([("c", 3)])

    assert not look(liveness, [("c", 3)], [message(3)], now=200.0, grace=0.0)


def alarms(liveness, messages, *, every):
    """When they raise an alarm, if each comes alone and no frame tells of it."""
    raised = []
    for number in range(1, messages + 1):
        now = number * every
        if look(liveness, [("c", number)], [message(number)], now=now, grace=0.0):
            raised.append(now)
            liveness.begin([("c", number)])
    return raised


def test_q33_alarms_that_a_new_connection_does_not_end_become_rare():
    """At last one an hour; each in between is due work all the same."""
    assert alarms(StreamLiveness(), 60, every=10.0) == [10, 20, 80, 200, 440]

    late = alarms(StreamLiveness(), 24 * 60, every=60.0)[-3:]
    assert [after - before for before, after in pairwise(late)] == [3600, 3600]


def test_q51_an_alarm_that_is_not_believed_is_no_doubt():
    liveness = StreamLiveness()
    alarms(liveness, 2, every=10.0)

    assert not look(liveness, [("c", 3)], [message(3)], now=30.0)
    assert liveness.unannounced_chats == {}


def test_a_frame_that_tells_something_new_makes_the_chats_alarms_believed_again():
    liveness = StreamLiveness()
    alarms(liveness, 2, every=10.0)

    liveness.announce("c", 2, now=21.0)  # the ring's, replayed
    assert not look(liveness, [("c", 3)], [message(3)], now=22.0, grace=0.0)

    liveness.announce("c", 4, now=23.0)
    assert look(liveness, [("c", 5)], [message(5)], now=24.0, grace=0.0)


def test_a_frame_without_a_number_tells_of_whatever_the_next_look_finds():
    liveness = StreamLiveness()
    liveness.announce("c", None, now=1.0)

    assert not look(liveness, [("c", 3)], [message(3)], now=2.0, grace=0.0)
    assert look(liveness, [("c", 4)], [message(4)], now=3.0, grace=0.0)


def test_a_chat_whose_list_gives_no_number_is_judged_by_its_messages():
    liveness = StreamLiveness()
    liveness.begin([("c", None)])

    assert not look(liveness, [("c", None)], [message(3)], now=1.0, grace=0.0)
    assert look(liveness, [("c", None)], [message(3), message(4)], now=2.0, grace=0.0)


def test_a_doubt_matures_though_the_clock_is_set_back():
    liveness = StreamLiveness()
    look(liveness, [("c", 3)], [message(3)], now=1000.0)

    assert look(liveness, [("c", 3)], [message(3)], now=10.0)


def test_one_chats_alarms_say_nothing_about_another():
    liveness = StreamLiveness()
    alarms(liveness, 2, every=10.0)

    assert look(liveness, [("d", 1)], [message(1)], now=30.0, grace=0.0)


def test_what_somebody_else_has_read_meanwhile_is_no_doubt_any_more():
    liveness = StreamLiveness()
    look(liveness, [("c", 3)], [message(3)], now=100.0)

    assert not look(liveness, [], now=200.0)


def test_an_own_newest_message_is_no_alarm():
    """The chat's newest seq may be mine, or somebody's who does not concern me (Q34)."""
    liveness = StreamLiveness()
    liveness.announce("c", 3, now=1.0)

    assert not look(liveness, [("c", 4)], [message(3)], now=100.0, grace=0.0)


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({}, True),
        ({"message_type": "ai"}, True),
        ({"mentioned_ids": ["me"]}, True),
        ({"mentioned_ids": ["you"]}, False),
        ({"addressed_to_user_ids": ["me"], "mentioned_ids": ["you"]}, True),
        ({"message_type": "notification"}, False),
        ({"message_type": "notification", "mentioned_ids": ["me"]}, True),
    ],
)
def test_only_what_must_wake_is_an_alarm(extra, expected):
    assert wakes(message(1, **extra), "me") is expected
