"""Sessions over restarts, losses and time: a hint where they can be had again, and nothing of them repeated."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path

import pytest

from mycel_runtime_plugins.acp import plugin
from mycel_runtime_plugins.acp.hosts import close_hosts
from tests.plugins.acp.conftest import PATIENCE

pytestmark = pytest.mark.slow


async def talk(mycel, settings):
    """Somebody has had an answer; the agent's process, and the runtime's, are others now."""
    ada = await mycel.human("Ada")
    runtime = await mycel.agent(plugin, settings={"acp": settings})
    await ada.says("the first")
    await ada.hears("Hello.", within=PATIENCE)
    await runtime.restart()
    return ada


async def test_a_session_goes_on_after_a_restart(mycel, agent, settings):
    ada = await talk(mycel, settings)

    await ada.says("the second")

    await ada.hears("Hello.", within=PATIENCE)
    await ada.hears_nothing(within=PATIENCE)
    assert len(agent.record("started")) == 2
    assert len(agent.record("session/new")) == 1
    assert "the first" not in agent.prompts[1]


@pytest.mark.parametrize(
    "script",
    [{"loads": "none"}, {"loads": "never"}, {"loads": "any", "replay": "none"}, {"version": "2.0.0"}],
    ids=["cannot load", "fails to load", "loads what it does not know", "another version"],
)
async def test_a_session_that_is_gone_is_replaced_by_a_new_one_with_the_history(
    mycel, agent, settings, script
):
    ada = await talk(mycel, settings)
    agent.play(**script)
    await close_hosts()

    await ada.says("the second")

    await ada.hears("Hello.", within=PATIENCE)
    await ada.hears_nothing(within=PATIENCE)
    assert len(agent.record("session/new")) == 2
    assert '"Ada" wrote:\n    the first\n\nYou wrote:\n    Hello.' in agent.prompts[1]


async def test_a_session_that_loads_too_slowly_is_replaced(mycel, agent, settings):
    ada = await talk(mycel, settings | {"load_timeout": 0.1})
    agent.play(loads="slow")

    await ada.says("the second")

    await ada.hears("Hello.", within=PATIENCE)
    assert len(agent.record("session/new")) == 2


async def test_old_text_that_comes_after_the_load_is_waited_for(mycel, agent, settings):
    agent.play([["say", "Hello."]], [["say", "New."]], replay="after", replay_seconds=0.05)
    ada = await talk(mycel, settings | {"load_quiet": 0.5})

    await ada.says("the second")

    await ada.hears("New.", within=PATIENCE)
    assert len(agent.record("session/new")) == 1


async def test_old_text_that_comes_after_the_prompt_is_never_an_answer(mycel, agent, settings):
    agent.play(
        [["say", "Hello."]],
        [["old", "the first"], ["say", "Hello."], ["say", "New."]],
        [["say", "Newer."]],
    )
    ada = await talk(mycel, settings)

    await ada.says("the second")

    await ada.hears("Newer.", within=PATIENCE)
    await ada.hears_nothing(within=PATIENCE)
    assert len(agent.record("session/new")) == 2


async def test_an_agent_that_says_the_prompt_back_is_believed(mycel, agent, settings):
    agent.play([["say", "Hello."]], [["old", "the second"], ["say", "New."]])
    ada = await talk(mycel, settings)

    await ada.says("the second")

    await ada.hears("New.", within=PATIENCE)


async def test_the_mode_is_set_at_the_beginning_of_each_session(mycel, agent, settings):
    ada = await talk(mycel, settings)
    await ada.says("the second")
    await ada.hears("Hello.", within=PATIENCE)

    assert [line["params"]["modeId"] for line in agent.record("session/set_mode")] == ["default", "default"]


async def test_a_mode_that_is_an_option_of_the_session_is_set_as_one(mycel, agent, settings):
    agent.play(modes=[], config_modes=["build", "default"])
    ada = await mycel.human("Ada")
    await mycel.agent(plugin, settings={"acp": settings})

    await ada.says("hello")

    await ada.hears("Hello.", within=PATIENCE)
    [line] = agent.record("session/set_config_option")
    assert (line["params"]["configId"], line["params"]["value"]) == ("the-mode", "default")


async def test_a_session_that_is_idle_is_closed_and_its_process_ended(mycel, agent, settings):
    ada = await mycel.human("Ada")
    await mycel.agent(plugin, settings={"acp": settings | {"idle_timeout": 0.05}})

    await ada.says("hello")
    await ada.hears("Hello.", within=PATIENCE)

    [line] = agent.record("started")
    await gone(line["pid"])


async def test_the_session_that_was_quiet_for_longest_gives_way(mycel, agent, settings):
    people = [await mycel.human(name) for name in ("Ada", "Bob", "Cleo")]
    await mycel.agent(plugin, settings={"acp": settings | {"sessions": 2}})

    for person in people:
        await person.says("hello")
        await person.hears("Hello.", within=PATIENCE)

    await agent.happened("session/close")
    [closed] = agent.record("session/close")
    first = agent.record("session/prompt")[0]
    assert closed["params"] == {"sessionId": first["params"]["sessionId"]}


async def test_an_agent_that_heeds_no_cancel_is_replaced(mycel, agent, settings):
    agent.play([["wait"]], [["say", "Hello."]], heeds_cancel=False)
    ada = await mycel.human("Ada")
    await mycel.agent(plugin, settings={"acp": settings | {"cancel_grace": 0.1}})

    await ada.says("count")
    await agent.happened("turn")
    await ada.says("stop")
    await ada.hears("[Stopped.]", within=PATIENCE)
    await ada.says("hello")

    await ada.hears("Hello.", within=PATIENCE)
    assert agent.record("second") == []
    await gone(agent.record("started")[0]["pid"])


async def test_nothing_is_left_when_the_agent_stops(mycel, agent, settings):
    agent.play([["child"], ["say", "Hello."]])
    ada = await mycel.human("Ada")
    runtime = await mycel.agent(plugin, settings={"acp": settings})
    await ada.says("hello")
    await ada.hears("Hello.", within=PATIENCE)

    await runtime.stop()

    assert [pid for pid in processes(agent) if is_alive(pid)] == []


def processes(agent):
    return [line["pid"] for line in agent.record("started")] + [
        line["child"] for line in agent.record("child")
    ]


async def gone(pid, within=PATIENCE):
    deadline = time.monotonic() + within
    while is_alive(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        await asyncio.sleep(0.01)


def is_alive(pid):
    with suppress(OSError):
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False
