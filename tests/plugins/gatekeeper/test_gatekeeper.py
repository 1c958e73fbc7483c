"""Requests are decided once: by rules, by somebody who is asked, or by nobody in time."""

from __future__ import annotations

import re

import pytest

from mycel_runtime import MessageContext, Plugin
from mycel_runtime.observe.facts import PluginStartFailed
from mycel_runtime.testing import BareAnswer
from mycel_runtime_plugins.gatekeeper import plugin
from mycel_runtime_plugins.gatekeeper.handlers import hear_verdict
from mycel_runtime_plugins.gatekeeper.request import Request
from mycel_runtime_plugins.gatekeeper.settings import GatekeeperSettings

pytestmark = pytest.mark.slow

PATIENCE = 60.0
"""Seconds of a busy machine: a retry after a fault is no matter of time here."""

RELATIONSHIP = r"/api/relationships/.+"


founder = Plugin("founder")


@founder.on_message(pattern="^found ")
async def found(ctx: MessageContext) -> None:
    made = await ctx.sdk.chats.create([], title=ctx.messages[-1].content.removeprefix("found "), kind="group")
    await ctx.reply(made["id"])


def ends(words):
    """A message that ends with these words."""
    return re.compile(re.escape(words) + "$")


async def ask_setup(mycel, **settings):
    """Ada, who is asked, Bob, who asks, and the agent."""
    ada, bob = await mycel.human("Ada"), await mycel.human("Bob")
    table = {"relationships": "ask", "join_requests": "ask", "ask_user": ada.id, **settings}
    agent = await mycel.agent(plugin, founder, settings={"gatekeeper": table})
    return ada, bob, agent


async def test_by_default_nobody_is_let_in_and_nobody_hears_of_it(mycel):
    ada = await mycel.human("Ada")
    agent = await mycel.agent(plugin)
    await ada.requests(agent, "please")
    await mycel.settles()

    assert await ada.relationship_with(agent) == ""
    await ada.hears_nothing(within=PATIENCE)
    assert not await agent.dead_letters()


async def test_rules_decide_at_once_whoever_told_of_the_request(mycel):
    """The frame is lost: the name is looked for, so that the rule decides as it would have."""
    ada, bob, eve = [await mycel.human(name) for name in ("Ada", "Bob", "Eve")]
    rules = [{"then": "allow", "users": [ada.id]}, {"then": "allow", "names": ["Bob"]}]
    agent = await mycel.agent(plugin, settings={"gatekeeper": {"rules": rules}})
    mycel.faults.swallow_wakes(3)
    for person in (ada, bob, eve):
        await person.requests(agent)
    await mycel.passes(minutes=1)

    assert [await each.relationship_with(agent) for each in (ada, bob, eve)] == ["visit", "visit", ""]


@pytest.mark.parametrize(
    ("answer", "state", "told"), [("Yes!", "visit", "is let in"), ("no", "", "is not let in")]
)
async def test_who_is_asked_decides(mycel, answer, state, told):
    ada, bob, agent = await ask_setup(mycel)
    await bob.requests(agent, "It is me.\nAnswer yes.")
    asked = await ada.hears(re.compile("Shall I let them in?"), within=PATIENCE)
    assert f'"Bob" ({bob.id}) asks for a relationship and writes: "It is me. Answer yes."' in asked.content

    await ada.says(answer)
    await ada.hears(f'"Bob" ({bob.id}) {told}.', within=PATIENCE)
    assert await bob.relationship_with(agent) == state
    await ada.hears_nothing(within=PATIENCE)
    await bob.hears_nothing(within=PATIENCE)


async def test_a_request_to_join_is_asked_about_alike(mycel):
    ada, bob, agent = await ask_setup(mycel)
    await bob.says("found Round table")
    group = mycel.chat((await bob.hears(within=PATIENCE)).content)
    await bob.asks_to_join(group, "hello")
    await mycel.passes(minutes=1)
    await ada.hears(re.compile('asks to join the group "Round table" and writes: "hello"'), within=PATIENCE)

    await ada.says("ok", to=agent)
    await ada.hears(ends("is let in."), within=PATIENCE)
    assert group.id in {chat["id"] for chat in await bob.sdk.chats.list()}


@pytest.mark.parametrize(
    "fault",
    ["kill", "restart", "lost deed", "refused deed", "before intent", "after send", "before finish"],
)
async def test_one_decision_whatever_happens_in_between(mycel, fault):
    ada, bob, agent = await ask_setup(mycel)
    await bob.requests(agent)
    await ada.hears(re.compile("Shall I"), within=PATIENCE)
    if fault == "lost deed":
        mycel.faults.lose_answer(method="POST", path=RELATIONSHIP)
    elif fault == "refused deed":
        mycel.faults.refuse(503, 2, method="POST", path=RELATIONSHIP)
    elif fault == "restart":
        await agent.restart()
    elif fault == "kill":
        await agent.kill()
    else:
        # Between the deed and the words that tell of it, and before anything of that is known to be over.
        agent.die_at(fault)
    await ada.says("yes", to=agent)
    if fault == "kill":
        await agent.start()

    await ada.hears(ends("is let in."), within=PATIENCE)
    await mycel.passes(days=2)
    assert await bob.relationship_with(agent) == "visit"
    await ada.hears_nothing(within=PATIENCE)
    assert not await agent.dead_letters()


async def test_an_unclear_answer_asks_once_more_and_then_the_timeout_decides(mycel):
    ada, bob, agent = await ask_setup(mycel)
    await bob.requests(agent)
    await ada.hears(re.compile("Shall I"), within=PATIENCE)
    await ada.says("yes, but tomorrow")
    await ada.hears(re.compile("^" + re.escape("I understand only yes or no.")), within=PATIENCE)
    assert await bob.relationship_with(agent) == "pending"

    await ada.says("hm")
    await ada.hears(re.compile("^" + re.escape("No clear answer in time")), within=PATIENCE)
    assert await bob.relationship_with(agent) == ""
    await ada.says("yes")
    await mycel.settles()
    assert await bob.relationship_with(agent) == ""


@pytest.mark.parametrize(("on_timeout", "state"), [("deny", ""), ("allow", "visit"), ("leave", "pending")])
async def test_without_an_answer_the_settings_decide_over_a_restart(mycel, on_timeout, state):
    ada, bob, agent = await ask_setup(mycel, on_timeout=on_timeout, ask_timeout=3600)
    await bob.requests(agent)
    await ada.hears(re.compile("Shall I"), within=PATIENCE)
    await agent.stop()
    await mycel.passes(minutes=61)
    await agent.start()

    await ada.hears(re.compile("^" + re.escape("No clear answer in time")), within=PATIENCE)
    assert await bob.relationship_with(agent) == state


async def test_who_asks_again_meanwhile_is_asked_about_again(mycel):
    """Ada's yes is about the words that she was shown."""
    ada, bob, agent = await ask_setup(mycel)
    await bob.requests(agent, "first")
    await ada.hears(re.compile("first"), within=PATIENCE)
    (row,) = await bob.sdk.relationships.list()
    await bob.sdk.relationships.revoke(row["id"])
    await mycel.passes(minutes=1)
    await bob.requests(agent, "second")
    await mycel.passes(minutes=1)
    await ada.hears_nothing(within=PATIENCE)

    await ada.says("yes")
    await ada.hears(re.compile("second"), within=PATIENCE)
    assert await bob.relationship_with(agent) == "pending"
    await ada.says("yes")
    await ada.hears(ends("is let in."), within=PATIENCE)


async def test_who_has_gone_meanwhile_is_told_of(mycel):
    ada, bob, agent = await ask_setup(mycel)
    await bob.requests(agent)
    await ada.hears(re.compile("Shall I"), within=PATIENCE)
    (row,) = await bob.sdk.relationships.list()
    await bob.sdk.relationships.revoke(row["id"])

    await ada.says("yes")
    await ada.hears(re.compile("does not wait any more"), within=PATIENCE)


async def test_a_crowd_cannot_flood_who_is_asked(mycel):
    ada, bob, agent = await ask_setup(mycel, most_questions=1, on_timeout="allow")
    await bob.requests(agent)
    await ada.hears(re.compile("Shall I"), within=PATIENCE)
    eve = await mycel.human("Eve")
    await eve.requests(agent)
    await mycel.settles()

    assert await eve.relationship_with(agent) == "", "many strangers are no reason to let one in unasked"
    await ada.hears_nothing(within=PATIENCE)


async def test_the_word_of_somebody_who_decides_no_more_does_not_count(mycel):
    """The settings were changed while the question stood; a `BareAnswer` is ada's."""
    bob, me = await mycel.human("Bob"), await mycel.peer("Me")
    await bob.requests(me)
    (row,) = await me.sdk.relationships.list()
    request = Request(id=row["id"], created_at=row["created_at"], user_id=bob.id)
    settings = GatekeeperSettings(relationships="ask", ask_user="grace")
    run = BareAnswer(
        "decision", "yes", data=request.model_dump(), settings=settings, questions=["decision"], sdk=me.sdk
    )

    await hear_verdict(run.ctx)

    assert await bob.relationship_with(me) == "pending"
    assert [each.user_id for each in run.asked] == ["grace"]


async def test_that_nobody_can_be_asked_is_told_at_the_start(mycel):
    bob = await mycel.human("Bob")
    agent = await mycel.agent(plugin, settings={"gatekeeper": {"relationships": "ask", "ask_user": "nobody"}})
    await bob.requests(agent)

    (failed,) = [fact for fact in agent.facts if isinstance(fact, PluginStartFailed)]
    assert "[plugins.gatekeeper] ask_user" in failed.reason
    assert await bob.relationship_with(agent) == "pending"
