"""A person is asked whether the agent may use a tool; what she allows is done once, nobody else allows it."""

from __future__ import annotations

import json

import pytest

from mycel_runtime_plugins.acp import plugin
from mycel_runtime_plugins.acp.outcome import ALLOWED, ASKED, STOPPED_BY_PERSON, WANTS
from mycel_runtime_plugins.acp.wanted import Wanted
from tests.plugins.acp.conftest import PATIENCE

OPTIONS = [{"optionId": kind, "name": kind, "kind": kind} for kind in ("allow_once", "reject_once")]

CALL = {"toolCallId": "1", "kind": "execute", "title": "make", "rawInput": {"command": "make \u202etests"}}

ASK = ["ask", CALL, OPTIONS]


def is_question(message):
    return message.content.startswith(ASKED)


def answers(agent):
    return [line["answer"]["outcome"]["optionId"] for line in agent.record("answered")]


@pytest.mark.slow
async def test_what_she_allows_is_done_once_and_her_other_words_go_to_the_agent(mycel, agent, settings):
    agent.play([ASK, ["say", "I may not."]], [ASK, ASK, ["say", "Done."]], [ASK, ["say", "Pity."]])
    ada = await mycel.human("Ada")
    await mycel.agent(plugin, settings={"acp": settings | {"ask": ada.id}})

    await ada.says("run the tests")
    await ada.hears("I may not.", within=PATIENCE)
    question = await ada.hears(is_question, within=PATIENCE)
    assert '"command": "make \\u202etests"' in question.content
    await ada.says("Yes.")
    await ada.hears(ALLOWED, within=PATIENCE)
    await ada.hears("Done.", within=PATIENCE)
    await ada.hears(is_question, within=PATIENCE)
    await ada.says("yes, but later")
    await ada.hears("Pity.", within=PATIENCE)

    assert answers(agent) == ["reject_once", "allow_once", "reject_once", "reject_once"]
    assert "The person in charge allows now, this once" in agent.prompts[1]
    assert "The person in charge" not in agent.prompts[2]


@pytest.mark.slow
async def test_a_request_that_names_a_call_is_about_what_was_told_of_it(mycel, agent, settings):
    """As of vibe and gptme, whose requests hold the call's id and nothing else."""
    told = {"sessionId": "SESSION", "update": {"sessionUpdate": "tool_call", **CALL}}
    begun = ["raw", json.dumps({"jsonrpc": "2.0", "method": "session/update", "params": told})]
    bare = ["ask", {"toolCallId": CALL["toolCallId"]}, OPTIONS]
    agent.play([begun, bare, ["say", "I may not."]], [begun, bare, ["say", "Done."]])
    ada = await mycel.human("Ada")
    await mycel.agent(plugin, settings={"acp": settings | {"ask": ada.id}})

    await ada.says("run the tests")
    question = await ada.hears(is_question, within=PATIENCE)
    assert '"command": "make \\u202etests"' in question.content
    await ada.says("yes")
    await ada.hears("Done.", within=PATIENCE)
    assert answers(agent) == ["reject_once", "allow_once"]


@pytest.mark.slow
async def test_a_notice_of_the_vendors_is_no_answer_where_that_is_all_that_comes(mycel, agent, settings):
    """As of codex, which warns at the beginning of a turn and ends it, without a word, when it is refused."""
    agent.play([["say", "Warning: a vendor's."], ASK, ["stop", "cancelled"]])
    ada = await mycel.human("Ada")
    known = {"agent": "codex", "mode": "", "ask": ada.id}
    await mycel.agent(plugin, settings={"acp": settings | known})

    await ada.says("run the tests")
    await ada.hears(WANTS, within=PATIENCE)
    await ada.hears(is_question, within=PATIENCE)


@pytest.mark.slow
async def test_nobody_else_allows_anything(mycel, agent, settings):
    agent.play([ASK, ["say", "I may not."]], [["say", "You neither."]], [ASK, ["say", "Done."]])
    ada, bob = await mycel.human("Ada"), await mycel.human("Bob")
    runtime = await mycel.agent(plugin, settings={"acp": settings | {"ask": ada.id}})
    group = await mycel.group("Kitchen", ada, bob, runtime)

    await bob.says("run the tests", to=group, mentions=[runtime])
    await bob.hears(is_question, within=PATIENCE)
    await bob.says("yes", to=group, mentions=[runtime])
    await bob.hears("You neither.", within=PATIENCE)
    assert answers(agent) == ["reject_once"]
    await ada.says("yes", to=group)

    await bob.hears("Done.", within=PATIENCE)
    assert answers(agent) == ["reject_once", "allow_once"]


@pytest.mark.slow
async def test_where_she_is_not_nobody_is_asked(mycel, agent, settings):
    agent.play([ASK, ["say", "I may not."]])
    ada, bob = await mycel.human("Ada"), await mycel.human("Bob")
    await mycel.agent(plugin, settings={"acp": settings | {"ask": bob.id}})

    await ada.says("run the tests")

    await ada.hears("I may not.", within=PATIENCE)
    await ada.hears_nothing(within=PATIENCE)
    await bob.hears_nothing(within=PATIENCE)


@pytest.mark.slow
async def test_once_holds_when_the_agent_ends_in_the_turn_that_was_allowed(mycel, agent, settings):
    agent.play([ASK, ["stop", "cancelled"]], [ASK, ["exit"]], [ASK, ["say", "It is done."]])
    ada = await mycel.human("Ada")
    await mycel.agent(plugin, settings={"acp": settings | {"ask": ada.id}})

    await ada.says("run the tests")
    await ada.hears(WANTS, within=PATIENCE)
    await ada.hears(is_question, within=PATIENCE)
    await ada.says("yes")

    await ada.hears("It is done.", within=PATIENCE)
    assert answers(agent) == ["reject_once", "allow_once", "reject_once"]
    assert "and were interrupted then" in agent.prompts[2]


@pytest.mark.slow
@pytest.mark.parametrize("point", ["after send", "before finish"])
async def test_once_holds_when_the_runtime_is_killed(mycel, agent, settings, point):
    """By its first reply, which says that it is allowed, or when all is done."""
    agent.play([ASK, ["say", "I may not."]], [ASK, ["say", "Done."]])
    ada = await mycel.human("Ada")
    runtime = await mycel.agent(plugin, settings={"acp": settings | {"ask": ada.id}})
    await ada.says("run the tests")
    await ada.hears(is_question, within=PATIENCE)
    await mycel.settles(within=PATIENCE)
    runtime.die_at(point)

    await ada.says("yes")

    await ada.hears(ALLOWED, within=PATIENCE)
    await ada.hears("Done.", within=PATIENCE)
    assert answers(agent).count("allow_once") <= 1


@pytest.mark.slow
async def test_stop_ends_a_turn_that_was_allowed_and_the_leave_with_it(mycel, agent, settings):
    agent.play([ASK, ["say", "I may not."]], [["wait"]], [ASK, ["say", "Not again."]])
    ada = await mycel.human("Ada")
    await mycel.agent(plugin, settings={"acp": settings | {"ask": ada.id}})
    await ada.says("run the tests")
    await ada.hears(is_question, within=PATIENCE)
    await ada.says("yes")
    await ada.hears(ALLOWED, within=PATIENCE)
    await agent.happened("turn", times=2)

    await ada.says("stop")
    await ada.hears(STOPPED_BY_PERSON, within=PATIENCE)
    await ada.says("and now?")

    await ada.hears("Not again.", within=PATIENCE)
    await ada.hears(is_question, within=PATIENCE)
    await ada.hears_nothing(within=PATIENCE)
    assert answers(agent) == ["reject_once", "reject_once"]
    assert len(agent.record("session/cancel")) == 1
    assert "Your last turn was stopped" in agent.prompts[2]


@pytest.mark.parametrize(
    "call",
    [
        None,
        {},
        {"kind": "execute"},
        {"title": "x" * 2_000},
        CALL | {"_meta": "x" * 2_000},
    ],
    ids=["no call", "empty", "tells nothing", "too long", "hidden"],
)
def test_what_cannot_be_shown_as_a_whole_is_not_asked_about(call):
    assert Wanted.of({"toolCall": call}) is None


def test_a_request_that_may_have_been_cut_is_not_asked_about():
    assert Wanted.of({"toolCall": CALL, "options": ["x" * 20_000]}) is None


@pytest.mark.parametrize("change", [{"kind": "read"}, {"rawInput": {"command": "make all"}}, {"more": 1}])
def test_what_differs_is_something_else(change):
    wanted = Wanted.of({"toolCall": CALL})

    assert Wanted.of({"toolCall": CALL | {"toolCallId": "2"}}) == wanted
    assert Wanted.of({"toolCall": CALL | change}) not in {wanted, None}
