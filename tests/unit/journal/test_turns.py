"""What the log of turns says of a turn is what can be read from it again."""

from __future__ import annotations

import json

import pytest

from mycel_runtime.journal.changes import UNCHANGED, Changes, ItemChange, NewTimer, TimerKey
from mycel_runtime.journal.turns import (
    Decided,
    Done,
    TurnRecord,
    Uttered,
    done_from,
    done_of,
    done_text,
    row_of,
)
from mycel_runtime.wire.ids import ChatId

CHAT = ChatId("c-1")
SOON = NewTimer(name="idle", key="ada", due_at=1_796_024_735.123_456_7, data="null", is_relative=True)
DEEDS = [
    pytest.param(UNCHANGED, (), (), id="nothing"),
    pytest.param(Changes(items=(ItemChange(CHAT, "count", "17", 5),)), (), (), id="an item"),
    pytest.param(Changes(timers=(SOON,)), (), (), id="a timer"),
    pytest.param(
        Changes(
            items=(
                ItemChange(CHAT, "b", None, None),
                ItemChange(None, "b", '"x"', 0),
                ItemChange(CHAT, "a", "1", 2),
            ),
            timers=(SOON._replace(key="zoe", data='{"of":"ada"}'), SOON),
            cancelled=(TimerKey("idle", "ada"), TimerKey("again", "")),
        ),
        (Decided("approve", is_done=True),),
        (Uttered("c-2", "hash", 4),),
        id="everything",
    ),
]


@pytest.mark.parametrize(("changes", "decided", "uttered"), DEEDS)
def test_deeds_are_read_as_they_were_written(changes, decided, uttered):
    assert done_from(done_text(changes, decided, uttered)) == done_of(changes, decided, uttered)


def test_nothing_done_takes_no_room():
    assert done_text(UNCHANGED) == ""
    assert done_of(UNCHANGED) == Done()


def test_deeds_have_an_order_of_their_own():
    """A handler that does the same in another order does the same."""
    changes = Changes(
        items=(ItemChange(CHAT, "a", "1", 0), ItemChange(None, "b", "2", 0), ItemChange(None, "a", "3", 0)),
        timers=(SOON, SOON._replace(name="again")),
    )
    reversed_ = Changes(items=changes.items[::-1], timers=changes.timers[::-1])

    assert done_text(changes) == done_text(reversed_)


def test_a_timer_that_is_cancelled_and_set_anew_is_both():
    done = done_of(Changes(timers=(SOON,), cancelled=(TimerKey("idle", "ada"),)))

    assert [timer.due_at for timer in done.timers] == [None, SOON.due_at]


def test_an_id_that_is_no_text_in_any_encoding_is_logged_all_the_same():
    shown = {"messages": [(1, "m-\ud800")]}

    row = row_of(TurnRecord(kind="message", attempt=1, began_at=0.0, shown=shown))

    assert json.loads(row["shown"]) == {"messages": [[1, "m-\ud800"]]}
    row["shown"].encode()  # what SQLite would refuse
