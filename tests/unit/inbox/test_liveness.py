"""Deaf is what the server holds and no frame told though it must have; quiet is not."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mycel_runtime.inbox.liveness import StreamLiveness, wakes

GRACE_SECONDS = 5.0


def message(seq, **extra):
    return {
        "id": f"m{seq}",
        "seq": seq,
        "sender_id": "you",
        "mentioned_ids": [],
        "addressed_to_user_ids": [],
        "message_type": "human",
    } | extra


def look(liveness, unread, messages=(), *, now, server_now=None):
    candidates = liveness.unannounced(unread)
    for chat_id in candidates:
        liveness.find(chat_id, messages, me="me", now=now, server_now=server_now)
    return bool(liveness.looked(candidates, now=now))


def test_nothing_unread_is_a_proof_of_hearing():
    liveness = StreamLiveness(GRACE_SECONDS)

    assert not look(liveness, [], now=100.0)
    assert liveness.heard_at == 100.0


def test_unread_and_unannounced_beyond_the_grace_is_deaf():
    liveness = StreamLiveness(GRACE_SECONDS)

    assert not look(liveness, [("c", 3)], [message(3)], now=100.0)
    assert not look(liveness, [("c", 3)], [message(3)], now=104.9)
    assert look(liveness, [("c", 3)], [message(3)], now=105.0)


def test_what_may_still_be_announced_is_held_until_the_grace_is_over():
    liveness = StreamLiveness(GRACE_SECONDS)
    look(liveness, [("c", 3)], [message(3)], now=100.0)

    assert liveness.is_held("c", 104.9)
    assert not liveness.is_held("c", 105.0)
    assert not liveness.is_held("d", 100.0)


def test_a_frame_within_the_grace_settles_it():
    liveness = StreamLiveness(GRACE_SECONDS)
    look(liveness, [("c", 3)], [message(3)], now=100.0)

    liveness.announce("c", 3, now=101.0)

    assert liveness.unannounced_chats == frozenset()
    assert not look(liveness, [("c", 3)], [message(3)], now=200.0)


def test_a_frame_of_something_older_in_the_chat_settles_nothing():
    """As of a replay, or of another drain."""
    liveness = StreamLiveness(GRACE_SECONDS)
    look(liveness, [("c", 3)], [message(3)], now=100.0)

    liveness.announce("c", 2, now=101.0)

    assert look(liveness, [("c", 3)], [message(3)], now=105.0)


def found_old(liveness, *, now=100.0):
    """Sent at 1000 by the server's clock, found unread six seconds later."""
    return look(liveness, [("c", 3)], [message(3, created_at=1000.0)], now=now, server_now=1006.0)


def test_what_was_unread_long_enough_stays_owed_though_it_is_read_and_answered_at_once():
    liveness = StreamLiveness(GRACE_SECONDS)
    assert not found_old(liveness)

    assert not liveness.is_held("c", 100.0)
    assert not look(liveness, [], now=102.0)
    assert look(liveness, [], now=105.0)
    assert not look(liveness, [], now=200.0)


def test_what_is_read_before_its_frame_is_due_is_no_alarm():
    """The server announces only what is unread when it processes the wake."""
    liveness = StreamLiveness(GRACE_SECONDS)
    look(liveness, [("c", 3)], [message(3, created_at=1000.0)], now=100.0, server_now=1004.9)

    assert liveness.is_held("c", 100.0)
    assert not look(liveness, [], now=105.0)
    assert liveness.unannounced_chats == frozenset()


def test_another_message_that_was_just_sent_is_not_as_old_as_the_one_that_was_read():
    liveness = StreamLiveness(GRACE_SECONDS)
    look(liveness, [("c", 3)], [message(3)], now=100.0)

    assert not look(liveness, [("c", 4)], [message(4)], now=105.0)
    assert liveness.is_held("c", 109.9)
    assert look(liveness, [("c", 4)], [message(4)], now=110.0)


def test_one_that_is_still_unread_counts_though_an_older_one_was_read():
    liveness = StreamLiveness(GRACE_SECONDS)
    look(liveness, [("c", 4)], [message(3), message(4)], now=100.0)

    assert look(liveness, [("c", 5)], [message(4), message(5)], now=105.0)


@pytest.mark.parametrize(("sent_at", "deaf"), [(1006.5, False), (999.0, True), (1000.0, True)])
def test_a_later_frame_of_any_chat_proves_that_the_subscription_hears(sent_at, deaf):
    """An older one is a replay's, or was under way before the subscription was lost."""
    liveness = StreamLiveness(GRACE_SECONDS)
    found_old(liveness)

    liveness.announce("d", 1, now=101.0)
    liveness.hear(sent_at)

    assert look(liveness, [("c", 3)], [message(3, created_at=1000.0)], now=105.0) is deaf


def test_a_new_connection_owes_nothing_of_what_the_old_one_owed():
    liveness = StreamLiveness(GRACE_SECONDS)
    found_old(liveness)

    liveness.begin([])

    assert not look(liveness, [], now=105.0)


def test_a_chat_that_could_not_be_asked_stays_as_it_was():
    liveness = StreamLiveness(GRACE_SECONDS)
    look(liveness, [("c", 3)], [message(3)], now=100.0)

    assert not liveness.looked(["c"], now=105.0)
    assert look(liveness, [("c", 3)], [message(3)], now=106.0)


def test_what_was_unread_at_the_connect_need_not_be_announced():
    liveness = StreamLiveness(0.0)
    liveness.begin([("c", 3), ("d", None)])

    assert not look(liveness, [("c", 3), ("d", None)], now=1e9)
    assert look(liveness, [("c", 4)], [message(4)], now=1e9)


def test_an_alarm_is_raised_once_per_message():
    liveness = StreamLiveness(0.0)
    assert look(liveness, [("c", 3)], [message(3)], now=100.0)

    liveness.begin([("c", 3)])

    assert not look(liveness, [("c", 3)], [message(3)], now=200.0)


def alarms(liveness, messages, *, every):
    """When they raise an alarm, if each comes alone and no frame tells of it."""
    raised = []
    for number in range(1, messages + 1):
        now = number * every
        if look(liveness, [("c", number)], [message(number)], now=now):
            raised.append(now)
            liveness.begin([("c", number)])
    return raised


def test_q33_alarms_that_a_new_connection_does_not_end_become_rare():
    """At last one an hour; each in between is due work all the same."""
    assert alarms(StreamLiveness(0.0), 60, every=10.0) == [10, 20, 80, 200, 440]

    late = alarms(StreamLiveness(0.0), 24 * 60, every=60.0)[-3:]
    assert [after - before for before, after in pairwise(late)] == [3600, 3600]


def test_q51_an_alarm_that_is_not_believed_holds_nothing():
    liveness = StreamLiveness(0.0)
    alarms(liveness, 2, every=10.0)

    assert not look(liveness, [("c", 3)], [message(3)], now=30.0)
    assert liveness.unannounced_chats == frozenset()


def test_a_frame_that_tells_something_new_makes_the_chats_alarms_believed_again():
    liveness = StreamLiveness(0.0)
    alarms(liveness, 2, every=10.0)

    liveness.announce("c", 2, now=21.0)  # the ring's, replayed
    assert not look(liveness, [("c", 3)], [message(3)], now=22.0)

    liveness.announce("c", 4, now=23.0)
    assert look(liveness, [("c", 5)], [message(5)], now=24.0)


def test_a_frame_without_a_number_tells_of_whatever_the_next_look_finds():
    liveness = StreamLiveness(0.0)
    liveness.announce("c", None, now=1.0)

    assert not look(liveness, [("c", 3)], [message(3)], now=2.0)
    assert look(liveness, [("c", 4)], [message(4)], now=3.0)


def test_a_chat_whose_list_gives_no_number_is_judged_by_its_messages():
    liveness = StreamLiveness(0.0)
    liveness.begin([("c", None)])

    assert not look(liveness, [("c", None)], [message(3)], now=1.0)
    assert look(liveness, [("c", None)], [message(3), message(4)], now=2.0)


def test_a_debt_matures_though_the_clock_is_set_back():
    liveness = StreamLiveness(GRACE_SECONDS)
    look(liveness, [("c", 3)], [message(3)], now=1000.0)

    assert look(liveness, [("c", 3)], [message(3)], now=10.0)


def test_one_chats_alarms_say_nothing_about_another():
    liveness = StreamLiveness(0.0)
    alarms(liveness, 2, every=10.0)

    assert look(liveness, [("d", 1)], [message(1)], now=30.0)


def test_an_own_newest_message_is_no_alarm():
    """The chat's newest seq may be mine, or somebody's who does not concern me (Q34)."""
    liveness = StreamLiveness(0.0)
    liveness.announce("c", 3, now=1.0)

    assert not look(liveness, [("c", 4)], [message(3)], now=100.0)


@given(
    gaps=st.lists(st.integers(1, 12), min_size=1, max_size=20),
    lags=st.lists(st.integers(0, 4), min_size=20, max_size=20),
    reads=st.lists(st.booleans(), min_size=60, max_size=60),
    every=st.integers(1, 30),
    knows_time=st.booleans(),
)
def test_a_stream_that_hears_is_never_called_deaf_whoever_reads_what_and_when(
    gaps, lags, reads, every, knows_time
):
    """Wakes come up to four seconds late, the grace is five; chats are read at any time, also before their wake."""
    assert simulate(gaps, lags, reads, every, knows_time=knows_time, is_deaf=False) == []


@given(
    gaps=st.lists(st.integers(1, 12), min_size=1, max_size=20),
    every=st.integers(1, 30),
    knows_time=st.booleans(),
)
def test_a_stream_that_tells_nothing_is_called_deaf_within_one_interval_and_grace(gaps, every, knows_time):
    """What a look hands out is answered in that second; nothing else is read."""
    called = simulate(gaps, [0] * 20, [], every, knows_time=knows_time, is_deaf=True)

    assert called != []
    assert called[0] <= gaps[0] + every + GRACE_SECONDS


class Chat:
    """A chat, its wakes and its stream, second by second, and the machine that has to find out about them."""

    def __init__(self, lags, *, is_deaf):
        self.liveness = StreamLiveness(GRACE_SECONDS)
        self.liveness.begin([])
        self.lags = lags
        self.is_deaf = is_deaf
        self.unread = []
        self.wakes_at = set()

    def send(self, seq, now):
        self.unread.append(message(seq, created_at=float(now)))
        self.wakes_at.add(now + self.lags[seq - 1])

    def wake(self, now):
        """A frame names what is unread when the wake is processed; nothing is unread, no frame."""
        if now in self.wakes_at and self.unread and not self.is_deaf:
            self.liveness.announce("c", self.unread[-1]["seq"], now=float(now))
            self.liveness.hear(float(now))

    def look(self, now, *, server_now):
        """Whether it is called deaf. What is handed out is answered in the same second."""
        listed = [("c", self.unread[-1]["seq"])] if self.unread else []
        is_deaf = look(self.liveness, listed, self.unread, now=float(now), server_now=server_now)
        if not self.liveness.is_held("c", float(now)):
            self.unread = []
        return is_deaf


def simulate(gaps, lags, reads, every, *, knows_time, is_deaf):
    """The seconds at which it is called deaf; a look at each interval, and one more a grace time after it."""
    chat, alarms = Chat(lags, is_deaf=is_deaf), []
    sent_at = {sum(gaps[: number + 1]): number + 1 for number in range(len(gaps))}
    looks_at = set(range(0, 400, every))
    for now in range(1, max(sent_at) + every + 10):
        if seq := sent_at.get(now):
            chat.send(seq, now)
        chat.wake(now)
        if now < len(reads) and reads[now]:
            chat.unread = []
        if now in looks_at and chat.look(now, server_now=float(now) if knows_time else None):
            alarms.append(now)
        if now in looks_at and chat.liveness.unannounced_chats:
            looks_at.add(now + int(GRACE_SECONDS))
    return alarms


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
