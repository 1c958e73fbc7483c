"""What a plugin remembers and plans, on its way to its own process and back."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter

from mycel_runtime.journal.changes import Changes, Item, ItemChange, NewTimer, TimerKey
from mycel_runtime.plugin.isolation.messages import (
    ChangedItem,
    MadeChanges,
    PlannedTimer,
    ProtocolError,
    decode,
    encode,
)
from mycel_runtime.plugin.isolation.state import changes_from, changes_said, state_from, state_said
from mycel_runtime.plugin.plugin_state import PluginState
from mycel_runtime.plugin.stored_items import StoredItems

STATE = PluginState(
    items=StoredItems({"a": Item('"\\ud800"', 3)}),
    chat_id="c",
    chat_items=StoredItems({"b": Item("[1]", 4)}),
    timer_names=frozenset({"remind", "other"}),
    clock=lambda: 1_000.0,
)
OF_NO_CHAT = PluginState(timer_names=STATE.timer_names)


def over_the_line(message):
    return decode(encode(message), TypeAdapter(type(message)))


def planned(**more):
    fields = {"name": "remind", "key": "k", "due_at": 5.0, "data": "null", "is_relative": True}
    return PlannedTimer(**fields | more)


def test_a_run_is_given_there_what_it_would_be_given_here():
    given = state_from(over_the_line(state_said(STATE)), "c")

    assert (given.items, given.chat_id, given.chat_items) == (STATE.items, "c", STATE.chat_items)
    assert given.timer_names == STATE.timer_names
    assert 1_000.0 <= given.clock() < 1_100.0


def test_what_it_changes_there_is_changed_here():
    changes = Changes(
        items=(
            ItemChange(chat_id=None, key="a", value="1", made_from=3),
            ItemChange(chat_id="c", key="b", value=None, made_from=0),
            ItemChange(chat_id=None, key="n", value="2", made_from=None),
        ),
        timers=(NewTimer(name="remind", key="", due_at=5.0, data="{}", is_relative=False),),
        cancelled=(TimerKey("other", "x"),),
    )

    assert changes_from(over_the_line(changes_said(changes)), STATE) == changes


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        (MadeChanges(items=(ChangedItem(is_of_chat=True, key="a", value="1", made_from=None),)), OF_NO_CHAT),
        (MadeChanges(items=(ChangedItem(is_of_chat=False, key="a", value="{", made_from=None),)), STATE),
        (MadeChanges(timers=(planned(data="["),)), STATE),
        (MadeChanges(timers=(planned(name="@often"),)), STATE),
        (MadeChanges(cancelled=(("@often", ""),)), STATE),
    ],
)
def test_a_process_that_changes_what_is_not_its_runs_is_refused(changes, state):
    with pytest.raises(ProtocolError):
        changes_from(changes, state)


@pytest.mark.parametrize(
    "made",
    [
        {"items": [{"is_of_chat": False, "key": "", "value": "1", "made_from": None}]},
        {"items": [{"is_of_chat": False, "key": "x" * 257, "value": "1", "made_from": None}]},
        {"items": [{"is_of_chat": False, "key": "x", "value": "x" * 65_537, "made_from": None}]},
        {"timers": [{"name": "t", "key": "", "due_at": "soon", "data": "1", "is_relative": True}]},
    ],
)
def test_what_no_run_can_have_changed_is_no_line(made):
    with pytest.raises(ProtocolError):
        decode(str(made).replace("'", '"').encode(), TypeAdapter(MadeChanges))
