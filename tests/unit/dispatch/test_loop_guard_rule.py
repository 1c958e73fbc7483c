"""May this agent speak again?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mycel_runtime.dispatch.loop_guard_rule import reason_to_hold
from mycel_runtime.journal.own_sends import Unattended
from mycel_runtime.settings import GuardSettings

SETTINGS = GuardSettings(turns=6, window=60, chat_sends=10, plugin_sends=20)


def said(turns=0, chat_sends=0, plugin_sends=0):
    return Unattended(turns=turns, chat_sends=chat_sends, plugin_sends=plugin_sends)


def test_each_budget_holds_when_it_is_spent_and_says_which():
    assert reason_to_hold(said(turns=6), SETTINGS) == "6 turns without a human"
    assert reason_to_hold(said(chat_sends=10), SETTINGS) == "10 messages within 60 s without a human"
    assert reason_to_hold(said(plugin_sends=20), SETTINGS) == (
        "20 messages of the plugin within 60 s without a human"
    )


def test_turns_in_which_nobody_can_tell_whether_a_human_spoke_hold_nothing_and_a_flood_does():
    assert reason_to_hold(said(turns=600), SETTINGS, is_sender_unknown=True) is None
    assert reason_to_hold(said(chat_sends=10), SETTINGS, is_sender_unknown=True) is not None
    assert reason_to_hold(said(plugin_sends=20), SETTINGS, is_sender_unknown=True) is not None


@given(st.integers(0, 5), st.integers(0, 9), st.integers(0, 19))
def test_below_all_budgets_nothing_is_held(turns, chat_sends, plugin_sends):
    assert reason_to_hold(said(turns, chat_sends, plugin_sends), SETTINGS) is None
