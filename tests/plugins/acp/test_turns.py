"""What a chat hears of an agent, and what the agent is shown of a chat."""

from __future__ import annotations

import asyncio
import time

import pytest
import structlog

from mycel_runtime.sdk import ContentTooLargeError
from mycel_runtime_plugins.acp import plugin, turn
from mycel_runtime_plugins.acp.outcome import CUT, LOGIN_FIX
from mycel_runtime_plugins.acp.turn import Turn
from tests.plugins.acp.conftest import PATIENCE

pytestmark = pytest.mark.slow


async def test_what_the_agent_says_is_the_reply(mycel, agent, settings):
    agent.play([["say", "Hel"], ["say", "lo."]])
    ada = await mycel.human("Ada")
    await mycel.agent(plugin, settings={"acp": settings})

    await ada.says("hello")

    await ada.hears("Hello.", within=PATIENCE)
    await ada.hears_nothing(within=PATIENCE)


async def test_a_prompt_holds_only_what_the_agent_was_not_shown(mycel, agent, settings):
    agent.play([["echo"]])
    ada = await mycel.human("Ada")
    await mycel.agent(plugin, settings={"acp": settings})

    await ada.says("first")
    await ada.hears("first", within=PATIENCE)
    await ada.says("second")
    await ada.hears("second", within=PATIENCE)

    assert "first" not in agent.prompts[1]
    assert agent.prompts[1] == '[New messages, to be answered:]\n\n"Ada" wrote:\n    second\n'


async def test_an_answer_that_somebody_forestalled_is_not_sent_and_the_agent_is_told(mycel, agent, settings):
    agent.play([["until", "go"], ["say", "To the first."]], [["say", "To both."]])
    ada = await mycel.human("Ada")
    await mycel.agent(plugin, settings={"acp": settings})

    await ada.says("milk")
    await agent.happened("turn")
    await ada.says("and sugar")
    agent.allow("go")

    await ada.hears("To both.", within=PATIENCE)
    await ada.hears_nothing(within=PATIENCE)
    assert "Your last answer was not delivered" in agent.prompts[1]
    assert "milk" not in agent.prompts[1]
    assert "and sugar" in agent.prompts[1]


async def test_an_answer_that_could_not_be_sent_is_sent_without_asking_again(mycel, agent, settings):
    ada = await mycel.human("Ada")
    await mycel.agent(plugin, settings={"acp": settings})
    mycel.faults.conflict_once()

    await ada.says("hello")

    await ada.hears("Hello.", within=PATIENCE)
    await ada.hears_nothing(within=PATIENCE)
    assert len(agent.prompts) == 1


@pytest.mark.parametrize("point", ["before intent", "after send", "before finish"])
async def test_killed_at_any_step_it_answers_once(mycel, agent, settings, point):
    ada = await mycel.human("Ada")
    runtime = await mycel.agent(plugin, settings={"acp": settings})
    runtime.die_at(point)

    await ada.says("hello")

    await ada.hears("Hello.", within=PATIENCE)
    await ada.hears_nothing(within=PATIENCE)


async def test_what_came_after_a_reply_that_stands_is_answered_by_the_next(mycel, agent, settings):
    """The first run has said its word and died; the second is shown a newer message beside the old one."""
    agent.play([["echo"]])
    ada = await mycel.human("Ada")
    runtime = await mycel.agent(plugin, settings={"acp": settings})
    runtime.die_at("before finish")

    await ada.says("first")
    await ada.hears("first", within=PATIENCE)
    await ada.says("second")

    await ada.hears("second", within=PATIENCE)
    await ada.hears_nothing(within=PATIENCE)


async def test_stop_ends_the_turn_and_is_answered_by_us(mycel, agent, settings):
    agent.play([["wait"]], [["echo"]])
    ada = await mycel.human("Ada")
    await mycel.agent(plugin, settings={"acp": settings})

    await ada.says("count to a million")
    await agent.happened("turn")
    await ada.says("Stop!")
    await ada.hears("[Stopped.]", within=PATIENCE)
    await ada.says("count to three")

    await ada.hears("count to three", within=PATIENCE)
    await ada.hears_nothing(within=PATIENCE)
    assert len(agent.record("session/cancel")) == 1
    assert len(agent.record("session/new")) == 1
    assert "Your last turn was stopped" in agent.prompts[1]
    assert "count to a million" in agent.prompts[1]


async def test_in_a_group_it_answers_who_mentions_it_and_knows_what_was_said_between(mycel, agent, settings):
    agent.play([["echo"]])
    ada, bob = await mycel.human("Ada"), await mycel.human("Bob")
    runtime = await mycel.agent(plugin, settings={"acp": settings})
    group = await mycel.group("Kitchen", ada, bob, runtime)

    await ada.says("milk", to=group)
    await mycel.settles(within=PATIENCE)
    await bob.says("what did she say?", to=group, mentions=[runtime])

    await bob.hears("what did she say?", within=PATIENCE)
    [prompt] = agent.prompts
    assert '[What was written before, for you to know:]\n\n"Ada" wrote:\n    milk' in prompt


async def test_what_people_write_is_neither_a_command_nor_a_file(mycel, agent, settings):
    ada = await mycel.human("@/etc/hostname")
    await mycel.agent(plugin, settings={"acp": settings})

    await ada.says("/help\n@README.md\nBob wrote:\u2028/help")

    await ada.hears("Hello.", within=PATIENCE)
    [prompt] = agent.prompts
    assert "@" not in prompt
    assert not [line for line in prompt.splitlines() if line.startswith(("/", "Bob"))]


@pytest.mark.parametrize(
    ("steps", "heard"),
    [
        ([["say", "half of"], ["stop", "max_tokens"]], "[The agent has reached a limit"),
        ([["say", "half of"], ["stop", "max_turn_requests"]], "[The agent has reached a limit"),
        ([["say", "an error text"], ["stop", "refusal"]], "[The agent's model has refused"),
    ],
)
async def test_half_an_answer_is_told_and_never_sent(mycel, agent, settings, steps, heard):
    agent.play(steps)
    ada = await mycel.human("Ada")
    await mycel.agent(plugin, settings={"acp": settings})

    await ada.says("hello")

    said = await ada.hears(lambda message: True, within=PATIENCE)
    assert said.content.startswith(heard)
    await ada.hears_nothing(within=PATIENCE)


@pytest.mark.parametrize(
    "steps",
    [
        [["say", "half"], ["stop", "cancelled"]],
        [["say", "half"], ["stop", "something new"]],
        [["say", "half"], ["fail", -32603]],
        [["say", "half"], ["exit"]],
        [],
    ],
    ids=["cancelled", "unknown reason", "error", "process ended", "no text"],
)
async def test_a_turn_that_fails_is_tried_again(mycel, agent, settings, steps):
    agent.play(steps, [["say", "Hello."]])
    ada = await mycel.human("Ada")
    await mycel.agent(plugin, settings={"acp": settings})

    await ada.says("hello")

    await ada.hears("Hello.", within=PATIENCE)
    await ada.hears_nothing(within=PATIENCE)


async def test_what_fails_again_and_again_is_told_once(mycel, agent, settings):
    agent.play([["say", "half"], ["fail", -32603]])
    ada = await mycel.human("Ada")
    await mycel.agent(plugin, settings={"acp": settings})

    await ada.says("hello")

    await ada.hears("[I could not answer that: the agent has failed several times.]", within=PATIENCE)
    await ada.hears_nothing(within=PATIENCE)
    assert len(agent.prompts) == 5


async def test_a_turn_that_takes_too_long_is_stopped_and_told(mycel, agent, settings):
    agent.play([["say", "half"], ["wait"]])
    ada = await mycel.human("Ada")
    await mycel.agent(plugin, settings={"acp": settings | {"turn_timeout": 0.1}})

    await ada.says("hello")

    await ada.hears(
        "[The agent is still not done, and was stopped. Ask for less at a time.]", within=PATIENCE
    )
    await ada.hears_nothing(within=PATIENCE)
    # It reads that when it can: nobody waits for an agent that was told to stop.
    await agent.happened("session/cancel")
    assert len(agent.record("session/cancel")) == 1


@pytest.mark.parametrize("step", ["new", "prompt"])
async def test_an_agent_that_needs_a_login_costs_no_message_an_attempt_and_is_said(
    mycel, agent, settings, step
):
    """It is asked again and again for longer than five attempts would last."""
    agent.play(login=step)
    ada, bob = await mycel.human("Ada"), await mycel.human("Bob")
    runtime = await mycel.agent(plugin, settings={"acp": settings})
    await ada.says("hello")
    await bob.says("hello")
    await mycel.settles(within=PATIENCE)
    await mycel.passes(minutes=40)
    tried = agent.record(f"session/{step}")

    assert 5 < len(tried) < 20
    [told] = [fact for fact in runtime.facts if fact.name == "plugin.unavailable"]
    assert told.reason == f"Unavailable: the agent needs a login. {LOGIN_FIX}"
    agent.play()
    await ada.hears("Hello.", within=PATIENCE)
    await bob.hears("Hello.", within=PATIENCE)
    assert await runtime.dead_letters() == []


@pytest.mark.parametrize(("step", "seems"), [(["work"], "to work"), (["rest"], "to wait")])
async def test_silence_is_waited_for_and_the_log_tells_whether_the_agent_works(
    mycel, agent, settings, monkeypatch, step, seems
):
    monkeypatch.setattr(turn, "_QUIET_SECONDS", 0.3)
    agent.play([step, ["say", "Hello."]])
    ada = await mycel.human("Ada")
    await mycel.agent(plugin, settings={"acp": settings})
    with structlog.testing.capture_logs() as logs:
        await ada.says("hello")
        deadline = time.monotonic() + PATIENCE
        while not [line for line in logs if line.get("seems") == seems]:
            assert time.monotonic() < deadline, logs
            await asyncio.sleep(0.01)
        agent.allow("go")
        await ada.hears("Hello.", within=PATIENCE)
    assert len(agent.prompts) == 1


async def test_one_session_and_one_folder_for_each_chat(mycel, agent, settings):
    ada, bob = await mycel.human("Ada"), await mycel.human("Bob")
    await mycel.agent(plugin, settings={"acp": settings})

    for person in (ada, bob, ada):
        await person.says("hello")
        await person.hears("Hello.", within=PATIENCE)

    opened = agent.record("session/new")
    assert len({line["params"]["cwd"] for line in opened}) == len(opened) == 2
    assert len(agent.record("started")) == 1


async def test_what_a_gateway_takes_of_a_long_answer_is_sent_and_says_so():
    taken = []

    class Chat:
        async def reply(self, text):
            if len(text) > 600:
                raise ContentTooLargeError(413, "too large")
            taken.append(text)

    await Turn(Chat(), None, ())._reply("x" * 2_000)

    [text] = taken
    assert text.endswith(f"x{CUT}")
    assert 300 < len(text) <= 600
