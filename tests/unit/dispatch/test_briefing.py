"""What a handler is shown of its chat, and what its run covers of it."""

from __future__ import annotations

import pytest

from mycel_runtime.dispatch.briefing import Reading, brief, covering, read_after
from mycel_runtime.dispatch.verdict import Failed, Outspoken, Returned
from mycel_runtime.journal.cursor import CursorMove
from mycel_runtime.journal.dead_letter import Letter
from mycel_runtime.journal.delivery import LetterDelivery
from mycel_runtime.journal.hole import Hole
from mycel_runtime.plugin.room import Room
from mycel_runtime.plugin.subscription import MessageSubscription
from mycel_runtime.speech.ledger import Ledger
from tests.unit.speech.test_caught_up import message
from tests.unit.speech.test_ledger import delivery

ROOM = Room(chat_type="group", types={"you": "human", "it": "agent"})


def reading(page, handled_seq=0, **values):
    return Reading.of(page, delivery(**values), handled_seq, me="me", read_at=10.0)


def api(seq, sender="you", **extra):
    return message(seq, sender, chat_id="c", message_type="human", created_at=0.0, **extra)


def test_a_chat_is_read_from_the_lowest_hole_on_and_only_holes_count_below_the_cursor():
    holes = (Hole(seq=2, noticed_at=0.0),)

    assert read_after(delivery(holes=holes), 5) == 1
    assert read_after(delivery(), 5) == 5
    read = reading([api(2), api(3), api(6)], handled_seq=5, holes=holes)
    assert [each["seq"] for each in read.history] == [2, 6]


def test_own_messages_and_those_addressed_to_others_are_read_and_not_shown():
    page = [api(1, "me"), api(2, delivery_scope="addressed", addressed_to_user_ids=["it"]), api(3)]

    assert [each["seq"] for each in reading(page).foreign] == [3]


@pytest.mark.parametrize(("others_seq", "expected"), [(None, None), (3, None), (2, 3)])
def test_what_no_hint_has_told_the_others_is_theirs_before_anybody_speaks(others_seq, expected):
    assert reading([api(3)], others_seq=others_seq).untold_seq == expected


def test_a_letter_ends_where_it_was_buried_and_is_overtaken_by_what_nobody_was_given_since():
    page = [api(1), api(2), api(3)]

    letter = reading(page, kind=LetterDelivery, wanted_seq=2, living_seq=3)
    assert [each["seq"] for each in letter.due] == [1, 2]
    assert not letter.is_overtaken
    assert reading(page, kind=LetterDelivery, wanted_seq=2, living_seq=2).is_overtaken
    assert not reading(page, wanted_seq=2).is_overtaken


def test_a_human_in_view_attends_and_filters_show_the_rest_to_nobody():
    briefing = brief(reading([api(1), api(2, "it")]), ROOM, MessageSubscription(sender="agent"), me="me")

    assert [each.seq for each in briefing.messages] == [2]
    assert (briefing.is_attended, briefing.is_sender_unknown) == (True, False)


def test_q20_a_sender_whom_nobody_knows_may_be_a_human():
    room = Room(chat_type="", types={}, is_whole=False)

    briefing = brief(reading([api(1)]), room, MessageSubscription(), me="me")

    assert (briefing.is_attended, briefing.is_sender_unknown) == (False, True)


def ledger_of(read, handled_seq=0):
    ledger = Ledger(read.delivery, "c", handled_seq, me="me")
    ledger.show(read.history)
    return ledger


def test_a_return_keeps_the_numbers_that_are_still_missing():
    read = reading([api(1), api(3)])

    covered = covering(Returned(move=CursorMove(handled_seq=3)), read, ledger_of(read), hole_grace=5.0)

    assert covered == Returned(move=CursorMove(handled_seq=3, holes=(Hole(seq=2, noticed_at=10.0),)))


def test_a_failure_covers_what_was_shown_and_the_late_ones_below_the_cursor():
    hole = Hole(seq=2, noticed_at=9.0)
    read = reading([api(2), api(6)], handled_seq=5, holes=(hole,))

    covered = covering(Failed(letter=Letter(reason="x")), read, ledger_of(read, 5), hole_grace=5.0)

    assert (covered.move, covered.letter.late) == (CursorMove(handled_seq=6), (hole,))


def test_a_failure_before_anything_was_read_covers_nothing():
    read = reading([], handled_seq=5)
    failed = Failed(letter=Letter(reason="x"))

    assert covering(failed, read, ledger_of(read, 5), hole_grace=5.0) is failed


def test_what_cannot_be_made_sense_of_is_covered_though_it_was_not_shown():
    read = reading([api(4)])
    unshown = Ledger(read.delivery, "c", 0, me="me")

    failed = covering(Failed(letter=Letter(reason="x"), is_nonsense=True), read, unshown, hole_grace=5.0)

    assert failed.move.handled_seq == 4


def test_other_results_cover_nothing():
    read, result = reading([api(1)]), Outspoken(rounds=5)

    assert covering(result, read, ledger_of(read), hole_grace=5.0) is result
