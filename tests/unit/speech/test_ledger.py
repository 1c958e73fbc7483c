"""What a turn has been shown and what it has said."""

from __future__ import annotations

from mycel_runtime.journal.delivery import ChatDelivery
from mycel_runtime.journal.hole import Hole
from mycel_runtime.journal.intent import IntentState
from mycel_runtime.speech.draft import Draft
from mycel_runtime.speech.ledger import Ledger
from tests.unit.speech.test_caught_up import message


def delivery(kind=ChatDelivery, **values):
    return kind(
        **{
            "delivery_id": 1,
            "claim": 1,
            "identity": "me",
            "handler": "p.answer",
            "lane": "chat:c",
            "chat_id": "c",
            "handled_seq": 0,
            "wanted_seq": 3,
            "turn": 0,
            "attempts": 0,
            "lane_is_anchored": True,
            "due_at": 0.0,
        }
        | values
    )


def ledger(handled_seq=0, **values):
    return Ledger(delivery(**values), "c", handled_seq, me="me")


def intended(ledger, ordinal=0):
    intent = ledger.intend(Draft(ordinal, "hash", is_unattended=False), now=1.0)
    ledger.keep(intent)
    return intent


def test_what_was_read_and_not_shown_stays_in_the_way_until_it_is_shown():
    told = ledger()
    told.show([message(1)])

    assert told.note_read([message(1), message(2), message(3, sender="me")]) == 2
    assert told.note_read([]) is None
    assert [each["seq"] for each in told.unshown] == [2]
    told.show([message(1), message(2)])
    assert told.unshown == ()


def test_a_send_next_to_what_was_shown_is_covered_by_it():
    told = ledger()
    told.show([message(1)])

    recorded, others_seq = told.record(intended(told), message(2, sender="me"))

    assert (recorded.state, recorded.message_seq, others_seq) == (IntentState.SENT, 2, None)
    assert (told.through_seq, told.gap_seq, told.wanted_seq, told.sends) == (2, None, None, 1)


def test_q28_a_send_beyond_a_gap_is_looked_behind_before_the_next():
    told = ledger()
    told.show([message(1)])

    _, others_seq = told.record(intended(told), message(3, sender="me"))

    assert (others_seq, told.gap_seq, told.wanted_seq, told.through_seq) == (3, 3, 3, 1)
    told.show([message(1), message(2), message(3, sender="me")])
    assert (told.gap_seq, told.through_seq) == (None, 3)


def test_a_refused_send_is_said_again_and_an_unresolved_one_is_not():
    told = ledger()
    intent = intended(told)

    assert told.said(0) == intent
    assert told.unresolved == [intent]
    told.keep(told.record(intent, message(1, sender="me"))[0])
    assert told.unresolved == []
    assert told.said(1) is None


def test_each_run_counts_its_replies_from_the_first():
    told = ledger()

    assert [told.ordinals.take("a"), told.ordinals.take("b")] == [0, 1]
    told.begin_run()
    assert told.ordinals.take("c") == 0


def test_q27_a_number_in_a_hole_is_unshown_though_the_cursor_is_beyond_it():
    told = ledger(5, holes=(Hole(seq=3, noticed_at=0.0),))

    assert told.note_read([message(2), message(3)]) == 3


def test_what_is_left_unshown_is_wanted():
    told = ledger()
    told.show([message(1)])
    told.leave_unshown()
    assert told.wanted_seq == 2

    told.note_read([message(4)])
    told.leave_unshown()
    assert told.wanted_seq == 4
