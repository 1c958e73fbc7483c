"""Runs of other things than messages, without any server."""

from __future__ import annotations

import pytest

import mycel_runtime
from mycel_runtime.plugin.plain_context import PLAIN
from mycel_runtime.testing import (
    BareAnswer,
    BareChat,
    BareChatEvent,
    BareFrame,
    BareJoinRequest,
    BareRelationship,
    BareStart,
    BareStop,
    BareTimer,
    BareWorkflowEvent,
)

ALL = (
    BareRelationship,
    BareJoinRequest,
    BareChatEvent,
    BareWorkflowEvent,
    lambda **more: BareFrame("any", **more),
    lambda **more: BareTimer("tea", **more),
    BareStart,
    BareStop,
)


def test_every_kind_of_context_can_be_had():
    made = {type(bare().ctx) for bare in ALL} | {type(BareChat("hello").ctx), type(BareAnswer("q").ctx)}

    assert made == set(PLAIN)
    assert {kind.__name__ for kind in made} <= set(mycel_runtime.__all__)


@pytest.mark.parametrize("bare", ALL)
def test_what_the_plugin_remembers_and_plans_is_seen_by_both_colours(bare):
    run = bare(store={"n": 1}, timers=["tea"], settings="settings", attempt=3)

    run.ctx.store["n"] += 1
    run.sync_ctx.timers.set("tea", after=1, key="k")

    assert (run.sync_ctx.store["n"], run.ctx.settings, run.sync_ctx.attempt) == (2, "settings", 3)
    assert [timer.key for timer in run.planned] == ["k"]


@pytest.mark.parametrize("kind", [BareRelationship, BareJoinRequest])
async def test_a_request_is_decided_once(kind):
    asked = kind()

    assert asked.ctx.is_open
    assert await asked.ctx.approve()
    assert await asked.ctx.approve()
    assert not await asked.ctx.reject("too late")

    asked.assert_deeds("approve")


@pytest.mark.parametrize(
    ("asked", "is_granted"),
    [
        (BareRelationship("visit"), True),
        (BareRelationship("none"), False),
        (BareJoinRequest("approved"), True),
        (BareJoinRequest("rejected"), False),
    ],
)
async def test_what_is_decided_already_is_told_and_not_done_again(asked, is_granted):
    assert not asked.ctx.is_open
    assert (await asked.ctx.approve(), await asked.ctx.reject()) == (is_granted, not is_granted)

    asked.assert_deeds()


async def test_who_is_disappointed_is_shown_the_whole_run():
    asked = BareJoinRequest(message="let me in", store={"n": 1}, timers=["tea"])
    await asked.ctx.reject("no")
    asked.ctx.timers.set("tea", after=1, key="k")

    with pytest.raises(AssertionError) as failed:
        asked.assert_deeds("approve")

    assert str(failed.value).splitlines() == [
        "expected 'approve'",
        "shown:      request of ada to join: pending 'let me in'",
        "done:       'reject: no'",
        "remembered: {'n': 1}",
        "planned:    'tea k'",
    ]


async def test_who_is_disappointed_is_shown_the_whole_conversation():
    chat = BareChat("hello")
    await chat.ctx.reply("hi")

    with pytest.raises(AssertionError) as failed:
        chat.assert_replies("good day")

    assert str(failed.value).splitlines() == [
        "expected ['good day'], and there was:",
        "The chat:",
        "    1 Ada: hello",
        "    2 agent: hi",
    ]
