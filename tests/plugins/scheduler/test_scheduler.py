"""Posts are said when it is time, once, also over restarts and lost answers."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mycel_runtime.observe.facts import PluginStartFailed
from mycel_runtime_plugins.scheduler import plugin

pytestmark = pytest.mark.slow

PATIENCE = 60.0
"""Seconds of a busy machine: a retry after a fault is no matter of time here."""

BERLIN = ZoneInfo("Europe/Berlin")


async def posting(mycel, ada, **post):
    """An agent with one post for Ada: each day at nine, unless told."""
    when = {} if "every" in post else {"cron": "0 9 * * *", "timezone": "Europe/Berlin"}
    table = {"text": "{date} {time}", "user": ada.id, "name": "morning", **when, **post}
    return await mycel.agent(plugin, settings={"scheduler": {"posts": [table]}})


def next_nine(now):
    """The next nine o'clock in Berlin, as the post says it."""
    here = datetime.fromtimestamp(now, UTC).astimezone(BERLIN)
    day = here.date() if here.hour < 9 else here.date() + timedelta(days=1)
    return f"{day.isoformat()} 09:00"


@pytest.mark.parametrize("fault", ["none", "restart", "lost answer", "conflict", "before send", "after send"])
async def test_a_post_is_said_once_at_its_time(mycel, fault):
    ada = await mycel.human("Ada")
    agent = await posting(mycel, ada)
    expected = next_nine(mycel.clock())
    if fault == "restart":
        await agent.restart()
    elif fault == "lost answer":
        mycel.faults.lose_answer()
    elif fault == "conflict":
        mycel.faults.conflict_once()
    elif fault != "none":
        agent.die_at(fault)
    await ada.hears_nothing(within=PATIENCE)

    await ada.hears(expected, within=PATIENCE)
    await mycel.passes(hours=20)
    await ada.hears_nothing(within=PATIENCE)


async def test_what_a_downtime_has_missed_is_said_once_and_names_its_own_day(mycel):
    ada = await mycel.human("Ada")
    agent = await posting(mycel, ada)
    expected = next_nine(mycel.clock())
    await agent.stop()
    await mycel.passes(days=3)
    await agent.start()

    await ada.hears(expected, within=PATIENCE)
    await ada.hears_nothing(within=PATIENCE)
    await ada.hears(next_nine(mycel.clock()), within=PATIENCE)


async def test_or_it_is_let_pass(mycel):
    ada = await mycel.human("Ada")
    agent = await posting(mycel, ada, catch_up=False)
    await agent.stop()
    await mycel.passes(days=3)
    await agent.start()

    await ada.hears_nothing(within=PATIENCE)
    await ada.hears(next_nine(mycel.clock()), within=PATIENCE)


async def test_a_post_comes_again_and_again_in_a_group_once_the_agent_is_in_it(mycel):
    ada, bob = await mycel.human("Ada"), await mycel.human("Bob")
    kitchen = await mycel.group("Kitchen", ada, bob)
    place = {"user": None, "chat": kitchen.id}
    agent = await posting(mycel, ada, every={"minutes": 5}, text="Tea, {weekday}!", **place)
    await mycel.passes(minutes=30)
    await ada.hears_nothing(within=PATIENCE)

    await ada.sdk.chats.add_member(kitchen.id, agent.id)
    await agent.restart()
    for _ in range(2):
        await ada.hears(re.compile("^Tea, [A-Z]"), where=kitchen, within=PATIENCE)
        await bob.hears(re.compile("^Tea, [A-Z]"), where=kitchen, within=PATIENCE)
    assert not await agent.dead_letters()


@pytest.mark.parametrize(
    ("place", "key"), [({"user": "nobody"}, "user"), ({"user": None, "chat": "none"}, "chat")]
)
async def test_an_unknown_place_is_told_at_the_start(mycel, place, key):
    ada = await mycel.human("Ada")
    agent = await posting(mycel, ada, **place)
    await mycel.passes(minutes=10)

    (failed,) = [fact for fact in agent.facts if isinstance(fact, PluginStartFailed)]
    assert f"[[plugins.scheduler.posts]] morning: {key} is none" in failed.reason
