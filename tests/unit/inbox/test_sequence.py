"""What a frame means: replay, new, gap, overflow, another epoch."""

from __future__ import annotations

from mycel_runtime.inbox.sequence import (
    KIND_MALFORMED,
    KIND_UNKNOWN,
    Received,
    SequenceTracker,
    first_checkpoint,
)
from mycel_runtime.journal.checkpoint import Checkpoint
from mycel_runtime.journal.entry import Mark
from mycel_runtime.journal.work import EventWork
from mycel_runtime.wire.codec import decode_frame, decode_item, encode_notify, fingerprint
from mycel_runtime.wire.frames import Notify, Overflow


def checkpoint(since_seq=0, epoch=1, server="s", identity="me"):
    return Checkpoint(identity=identity, server=server, epoch=epoch, since_seq=since_seq)


def notify(seq, text="x", ts=1.0):
    metadata = {"event_type": "chat.message", "chat_id": "c", "sender_name": text}
    frame = Notify(seq=seq, fingerprint=fingerprint(metadata), ts=ts, metadata=metadata)
    return Received(frame=frame, raw=encode_notify(frame))


def item(seq, text="x"):
    return Received(
        frame=decode_item({"seq": seq, "event_type": "chat.message", "chat_id": "c", "sender_name": text}),
        raw="{}",
    )


def tracker(since_seq=0, marks=None):
    return SequenceTracker(checkpoint(since_seq), marks or {})


def names(step):
    return [fact.name for fact in step.facts]


def test_frames_and_the_checkpoint_that_covers_them_are_one_step():
    step = tracker().receive([notify(1), notify(2)], now=5.0)

    assert [heard.entry.seq for heard in step.heard] == [1, 2]
    assert step.checkpoint == checkpoint(2)
    assert step.heard[0].entry.received_at == 5.0
    assert not step.reconcile


def test_replay_of_a_known_frame_begins_no_epoch():
    listening = tracker()
    listening.receive([notify(1), notify(2)], now=0)

    step = listening.receive([notify(1), notify(2), notify(3)], now=0)

    assert step.checkpoint == checkpoint(3)
    assert names(step) == []


def test_replay_after_a_restart_of_ours_is_known_from_the_journal():
    frame = notify(7)
    marks = {7: Mark(fingerprint=frame.frame.fingerprint, ts=1.0)}

    step = tracker(7, marks).receive([frame], now=0)

    assert step.checkpoint == checkpoint(7)


def test_drained_item_and_its_replay_are_the_same_frame():
    """An HTTP item has no time; the fingerprint must do (contract 5.4)."""
    listening = tracker()
    listening.receive([item(1)], now=0)

    assert listening.receive([notify(1, ts=9.0)], now=0).checkpoint.epoch == 1


def test_q1_a_lower_number_with_other_content_is_a_new_epoch():
    listening = tracker(500)

    step = listening.receive([notify(1)], now=0)

    assert step.checkpoint == checkpoint(1, epoch=2)
    assert step.reconcile == "epoch"
    assert names(step) == ["epoch.changed"]
    assert step.heard[0].entry.epoch == 2


def test_q2_the_same_number_with_other_content_is_a_new_epoch():
    listening = tracker()
    listening.receive([notify(1, "a")], now=0)

    assert listening.receive([notify(1, "b")], now=0).checkpoint.epoch == 2


def test_q47_the_same_number_and_text_at_another_time_is_a_new_epoch():
    listening = tracker()
    listening.receive([notify(1, ts=1.0)], now=0)

    assert listening.receive([notify(1, ts=2.0)], now=0).checkpoint.epoch == 2


def test_q9_a_gap_asks_for_a_reconcile_once_and_holds_the_checkpoint():
    listening = tracker(3)

    first = listening.receive([notify(6)], now=0)
    second = listening.receive([notify(7)], now=0)

    assert (first.checkpoint.since_seq, first.reconcile) == (3, "gap")
    assert (second.checkpoint.since_seq, second.reconcile) == (3, "")
    assert listening.receive([item(4), item(5)], now=0).checkpoint.since_seq == 7


def test_q4_an_overflow_asks_for_the_ring_and_for_a_reconcile():
    overflow = Received(frame=Overflow(since_seq=3, oldest_seq=57), raw="{}")

    step = tracker(3).receive([overflow], now=0)

    assert step.reconnect
    assert step.reconcile == "overflow"
    assert step.checkpoint.since_seq == 56


def test_what_is_no_frame_is_kept_and_told_and_moves_nothing():
    raws, routed = ["{", "[]", '{"type":"hello"}'], []
    received = [Received(frame=decode_frame(raw), raw=raw) for raw in raws]

    step = tracker(3).receive(received, now=0, route=lambda notify: (routed.append(notify),))

    assert [heard.entry.kind for heard in step.heard] == [KIND_MALFORMED, KIND_MALFORMED, KIND_UNKNOWN]
    assert [heard.entry.raw for heard in step.heard] == raws
    assert [heard.events for heard in step.heard] == [(), (), ()]
    assert routed == []
    assert names(step) == ["frame.rejected"] * 3
    assert step.checkpoint == checkpoint(3)


def test_each_notification_is_routed_when_it_comes_and_its_work_stands_beside_it():
    frames = [notify(1), notify(2), notify(2)]
    told = []

    def coming():
        for frame in frames:
            told.append("came")
            yield frame

    def route(event):
        told.append(event.seq)
        return (EventWork(handler="h", lane=f"{event.seq}", chat_id=None),)

    step = tracker(0).receive(coming(), now=0, route=route)

    assert told == ["came", 1, "came", 2, "came", 2]
    assert [(heard.entry.seq, heard.events[0].lane) for heard in step.heard] == [(1, "1"), (2, "2"), (2, "2")]


def test_entries_beyond_a_gap_survive_a_restart_of_ours():
    """They are journaled: only the hole is missing when the ring fills it."""
    frame = notify(6)
    marks = {6: Mark(fingerprint=frame.frame.fingerprint, ts=1.0)}

    step = tracker(4, marks).receive([notify(5)], now=0)

    assert step.checkpoint.since_seq == 6


def test_foreign_checkpoint_begins_at_zero_of_a_new_epoch():
    mine = checkpoint()

    assert first_checkpoint(None, mine) == mine
    assert first_checkpoint(checkpoint(9, epoch=4), mine) == checkpoint(9, epoch=4)
    assert first_checkpoint(checkpoint(9, epoch=4, server="other"), mine) == checkpoint(0, epoch=5)


def test_memory_is_bounded():
    listening = tracker()
    for start in range(1, 20_000, 500):
        listening.receive([notify(seq) for seq in range(start, start + 500)], now=0)

    assert len(listening._marks) < 4096


def connected(since_seq):
    """A tracker that holds the frame at its checkpoint, on a connection of its own."""
    frame = notify(since_seq)
    listening = tracker(since_seq, {since_seq: Mark(fingerprint=frame.frame.fingerprint, ts=1.0)})
    assert listening.resume() == since_seq - 1
    return listening


def test_the_checkpoints_own_frame_is_asked_for_and_shows_the_epoch():
    listening = connected(7)

    step = listening.receive([notify(7), notify(8)], now=0)

    assert step.checkpoint == checkpoint(8)
    assert not step.reconnect


def test_q14_a_wake_before_the_resume_costs_one_more_connection():
    listening = connected(7)

    first = listening.receive([notify(8)], now=0)
    assert listening.resume() == 6
    second = listening.receive([notify(7), notify(8), notify(9)], now=0)

    assert first.reconnect
    assert first.checkpoint == checkpoint(8)
    assert not second.reconnect
    assert second.checkpoint == checkpoint(9)


def test_q1_numbers_that_have_passed_the_checkpoint_after_a_restart_are_a_new_epoch():
    listening = connected(7)

    listening.receive([notify(9)], now=0)
    assert listening.resume() == 6
    step = listening.receive([notify(10)], now=0)

    assert step.checkpoint.epoch == 2
    assert step.reconcile == "epoch"


def test_q4_after_an_overflow_the_ring_is_asked_for_exactly():
    """The frame before the ring is gone; asking for it would overflow for ever."""
    listening = connected(100)

    step = listening.receive([Received(frame=Overflow(since_seq=99, oldest_seq=101), raw="{}")], now=0)
    assert step.reconnect

    assert listening.resume() == 100
    assert listening.receive([notify(101)], now=0).checkpoint == checkpoint(101)
    assert listening.resume() == 100


def test_a_drain_says_nothing_about_the_replay():
    listening = connected(7)

    assert not listening.drained([item(8)], asked_at=listening.checkpoint, now=0).reconnect
    assert not listening.receive([notify(7)], now=0).reconnect


def test_q1_what_a_drain_moved_the_checkpoint_to_is_no_anchor():
    """It may come from a server that counts anew, and would be the very frame that this server begins with."""
    listening = connected(7)
    listening.receive([notify(7)], now=0)

    listening.drained([item(8, "of the restarted server")], asked_at=checkpoint(7), now=0)
    assert listening.checkpoint == checkpoint(8)
    assert listening.resume() == 6

    step = listening.receive([notify(7, "of the restarted server")], now=0)
    assert (step.checkpoint.epoch, step.reconcile) == (2, "epoch")


def test_q14_what_a_wake_before_the_resume_moved_the_checkpoint_to_is_no_anchor():
    listening = connected(7)

    listening.receive([notify(8), notify(9)], now=0)

    assert listening.checkpoint == checkpoint(9)
    assert listening.resume() == 6


def test_q14_where_everything_was_asked_for_and_nothing_came_a_wake_proves_nothing():
    """It may be the number that follows ours, of a server that counts anew and has not read our resume."""
    listening = tracker()
    listening.drained([item(1), item(2)], asked_at=checkpoint(), now=0)
    assert listening.resume() == 0

    step = listening.receive([notify(3, "anew")], now=0)
    assert (step.reconnect, step.checkpoint) == (True, checkpoint(3))
    assert [heard.entry.ts for heard in step.heard] == [None]
    marks = {heard.entry.seq: Mark(heard.entry.fingerprint, heard.entry.ts) for heard in step.heard}

    assert listening.resume() == tracker(3, marks).resume() == 0
    replayed = listening.receive([notify(1, "other"), notify(2, "words"), notify(3, "anew")], now=0)
    assert replayed.checkpoint == checkpoint(3, epoch=2)


def test_an_anchor_near_the_end_of_the_ring_is_given_up_and_all_is_asked_for():
    listening = connected(7)
    listening.receive([notify(7)], now=0)

    listening.drained([item(seq) for seq in range(8, 200)], asked_at=checkpoint(7), now=0)

    assert listening.resume() == 0


def test_q4_after_each_overflow_in_a_row_less_is_compared_of_what_is_known_of_the_ring():
    """It may be a server's that counts anew; but a ring that moves on as fast as we connect must not hold us up."""
    listening = connected(7)
    listening.receive([notify(7)], now=0)
    listening.drained([item(seq) for seq in range(8, 400)], asked_at=checkpoint(7), now=0)

    assert listening.resume() == 0
    listening.receive([Received(frame=Overflow(since_seq=0, oldest_seq=150), raw="{}")], now=0)
    assert listening.resume() == 149
    listening.receive([Received(frame=Overflow(since_seq=149, oldest_seq=250), raw="{}")], now=0)
    assert listening.resume() == 249 + 64
    listening.receive([Received(frame=Overflow(since_seq=313, oldest_seq=380), raw="{}")], now=0)
    assert listening.resume() == 399 - 1


def test_q4_after_an_overflow_the_anchor_is_asked_for_if_the_ring_still_has_it():
    listening = tracker(200, {200: Mark(fingerprint=notify(200).frame.fingerprint, ts=1.0)})
    listening.drained([item(seq) for seq in range(201, 400)], asked_at=checkpoint(200), now=0)

    assert listening.resume() == 0
    listening.receive([Received(frame=Overflow(since_seq=0, oldest_seq=150), raw="{}")], now=0)
    assert listening.resume() == 199


def test_q1_part_of_a_ring_that_only_drains_have_told_proves_nothing():
    """The drains may have been answered by a server that counts anew, as the stream is."""
    listening = tracker()
    listening.drained([item(seq) for seq in range(1, 400)], asked_at=checkpoint(), now=0)
    listening.resume()
    for oldest in (150, 160):
        listening.receive([Received(frame=Overflow(since_seq=0, oldest_seq=oldest), raw="{}")], now=0)
        asked = listening.resume()
    assert asked == 159 + 64
    listening.receive([notify(seq) for seq in range(224, 400)], now=0)

    assert listening.resume() == 0


def test_q1_the_checkpoints_own_frame_proves_nothing_if_only_a_drain_has_told_it():
    """The drain may have been answered by a server that counts anew, as the stream is."""
    listening = tracker()
    listening.drained([item(seq) for seq in range(1, 400)], asked_at=checkpoint(), now=0)
    listening.resume()
    for oldest in (150, 250, 350, 390):
        listening.receive([Received(frame=Overflow(since_seq=0, oldest_seq=oldest), raw="{}")], now=0)
        asked = listening.resume()
    assert asked == 399 - 1
    listening.receive([notify(399)], now=0)

    assert listening.resume() == 0


def test_what_the_stream_tells_of_a_drained_frame_is_its_time_too():
    listening = tracker()
    listening.drained([item(1)], asked_at=checkpoint(0), now=0)
    listening.receive([notify(1, ts=2.0)], now=0)

    assert listening.receive([notify(1, ts=3.0)], now=0).checkpoint.epoch == 2


def test_q55_numbers_that_an_overflow_gave_up_may_still_come_with_a_drain_that_was_under_way():
    listening = tracker()
    listening.receive([Received(frame=Overflow(since_seq=0, oldest_seq=5), raw="{}")], now=0)

    late = listening.drained([item(4), item(5)], asked_at=checkpoint(0), now=0)

    assert late.checkpoint == checkpoint(5)
    assert [heard.entry.seq for heard in late.heard] == [4, 5]


def test_q55_numbers_that_a_drain_of_more_than_a_ring_gave_up_may_still_come_down_the_socket():
    listening = connected(10)
    listening.receive([notify(10)], now=0)
    drain = [item(seq) for seq in range(14, 14 + 300)]
    listening.drained(drain, asked_at=checkpoint(10), now=0)

    late = listening.receive([notify(11), notify(12), notify(13)], now=0)

    assert late.checkpoint == checkpoint(313)
    assert [heard.entry.seq for heard in late.heard] == [11, 12, 13]

    assert listening.resume() == 0
    assert listening.receive([notify(9)], now=0).checkpoint.epoch == 2


def test_q1_numbers_below_the_checkpoint_of_a_drain_that_was_asked_for_later_are_a_new_epoch():
    listening = tracker()
    listening.receive([Received(frame=Overflow(since_seq=0, oldest_seq=5), raw="{}")], now=0)

    assert listening.drained([item(4)], asked_at=checkpoint(4), now=0).checkpoint.epoch == 2


def test_q1_where_nothing_is_known_everything_is_asked_for():
    """A server that counts anew then shows its first number, which is below the checkpoint."""
    assert tracker(56).resume() == 0

    given_up = tracker()
    given_up.receive([notify(1000)], now=0)
    assert given_up.checkpoint == checkpoint(744)
    assert given_up.resume() == 0


def hint(seq, chat_id, message_seq):
    metadata = {"event_type": "chat.message", "chat_id": chat_id, "message_seq": message_seq}
    notify = Notify(seq=seq, fingerprint=fingerprint(metadata), ts=1.0, metadata=metadata)
    return Received(frame=notify, raw=encode_notify(notify))


def test_a_chat_is_announced_with_the_highest_number_that_its_hints_name():
    step = tracker(0).receive([hint(1, "c", 4), hint(2, "c", 9), hint(3, "d", 1), hint(4, "c", 7)], now=0)

    assert step.announced == {"c": 9, "d": 1}


def test_q34_a_hint_without_a_number_outranks_those_with_one():
    step = tracker(0).receive([hint(1, "c", 4), hint(2, "c", None), hint(3, "c", 7)], now=0)

    assert step.announced == {"c": None}


def test_only_hints_of_messages_announce_a_chat():
    raws = ['{"type":"notify","seq":1,"metadata":{"event_type":"chat.message"}}']
    raws += ['{"type":"notify","seq":2,"metadata":{"event_type":"chat.joined","chat_id":"c"}}', "[]"]
    step = tracker(0).receive([Received(frame=decode_frame(raw), raw=raw) for raw in raws], now=0)

    assert step.announced == {}
