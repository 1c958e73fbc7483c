"""What is handed out of a chat, and what of it counts."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mycel_runtime.dispatch.plugin_reader import PluginReader
from mycel_runtime.dispatch.reading_place import ReadingPlace
from mycel_runtime.journal.changes import ReadCursor
from mycel_runtime.journal.cursor import ChatCursor
from mycel_runtime.journal.hole import Hole
from mycel_runtime.plugin.pattern import ContentPattern
from mycel_runtime.plugin.room import Room
from mycel_runtime.plugin.subscription import MessageSubscription
from mycel_runtime.testing import said
from mycel_runtime.testing.bare_message import with_seq
from tests.integration.dispatch.no_questions import NoQuestions


def message(seq, text="x"):
    return with_seq(said(text), seq)


def place(*seqs, begun=0, version=1, holes=(), late=(), theirs=()):
    """At the end of a chat, of which these messages are to be handed out."""
    made = ReadingPlace(
        chat_id="c",
        begun=ReadCursor(begun, holes, version),
        read_seq=max([begun, *seqs]),
        holes=holes,
        theirs=theirs,
        cursors={},
    )
    made.ahead, made.late = [message(seq) for seq in seqs], late
    return made


def page(place, limit):
    return [each.seq for each in place.hand_out(limit)]


def test_what_has_come_to_the_handler_counts_and_nothing_behind_what_has_not():
    made = place(1, 3, 4, 6)
    assert (page(made, 2), page(made, 2), page(made, 2)) == ([1, 3], [4, 6], [])
    assert made.move is None
    made.counted.add(6)
    assert made.move is None
    made.counted.add(3)
    assert made.move.read_seq == 6


def test_a_page_counts_up_to_what_still_waits():
    made = place(1, 5)
    page(made, 1)
    made.counted.add(1)
    assert made.move.read_seq == 4


def test_nothing_is_written_down_where_nothing_has_changed_but_the_first_time():
    for version, is_moved in ((1, False), (0, True)):
        made = place(begun=7, version=version)
        page(made, 5)
        assert (made.move is not None) is is_moved


def test_a_hole_whose_message_waits_stays_a_hole():
    hole, open_ = Hole(seq=2, noticed_at=1.0), Hole(seq=3, noticed_at=1.0)
    made = place(2, 9, begun=7, holes=(open_,), late=(hole,))
    assert page(made, 1) == [2]
    made.counted.add(2)
    assert (made.move.read_seq, made.move.holes) == (8, (open_,))

    made = place(2, 4, begun=7, holes=(open_,), late=(hole, Hole(seq=4, noticed_at=1.0)))
    page(made, 1)
    made.counted.add(2)
    assert [each.seq for each in made.move.holes] == [4, 3]
    assert made.move.read_seq == 7


@pytest.mark.parametrize(
    ("subscription", "is_passed"),
    [
        (MessageSubscription(), True),
        (MessageSubscription(notifications=True), True),
        (MessageSubscription(notifications="only"), False),
        (MessageSubscription(mention=True), False),
        (MessageSubscription(chat="group"), False),
        (MessageSubscription(sender="human"), False),
        (MessageSubscription(pattern=ContentPattern("x")), False),
    ],
)
def test_what_a_handler_wants_whatever_it_is_is_passed_over(subscription, is_passed):
    cursor = ChatCursor(handled_seq=9, wanted_seq=9, given_up_seq=0, start_seq=5)
    later = place(begun=6, theirs=[(subscription, cursor)])
    assert (later.pass_over_theirs(), later.read_seq) == ((True, 9) if is_passed else (False, 6))
    # What was there before it is none of its.
    earlier = place(begun=3, theirs=[(subscription, cursor)])
    assert (earlier.pass_over_theirs(), earlier.read_seq) == (False, 3)
    assert not earlier.is_theirs(message(5), "direct")


class FarApart:
    """A chat whose numbers leave many out."""

    def __init__(self, *seqs):
        self.seqs, self.messages, self.calls = seqs, self, 0

    async def list(self, chat_id, *, limit=50, before=None):
        self.calls += 1
        below = [seq for seq in self.seqs if before is None or seq < int(before)]
        return [dict(message(seq).raw) for seq in below[-limit:]]

    async def cursors(self, chat_id):
        return {}

    async def read_cursor(self, me, plugin, *, chat_id):
        return ReadCursor(0, (), 1)

    async def room(self, chat_id, speakers):
        return Room(chat_type="group", types={})


async def test_numbers_that_are_far_apart_cost_few_calls():
    chat = FarApart(1, 100_000, *range(200_000, 200_250))
    chat.handlers = {}
    reader = PluginReader(
        journal=chat,
        sdk=chat,
        roster=chat,
        listeners=chat,
        questions=NoQuestions(),
        me="agent",
        evidence=SimpleNamespace(done=lambda *_: None),
        clock=lambda: 0.0,
        hole_grace=1.0,
        wake=lambda: None,
    )
    reading, seqs = reader.reading("p.h"), []
    while found := await reading.read("c", 200):
        seqs += [each.seq for each in found]

    assert seqs == list(chat.seqs)
    assert chat.calls < 40
