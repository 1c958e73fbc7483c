"""Whoever asks is decided once, whatever becomes of frames, answers and processes; and each state is told once."""

from __future__ import annotations

import json

import pytest

from mycel_runtime.inbox.sequence import Received
from mycel_runtime.plugin.plugin import Plugin
from mycel_runtime.plugin.registry import load_plugins
from mycel_runtime.wire.codec import decode_item

pytestmark = pytest.mark.slow

DECISIONS = r"/api/(relationships|chats/[^/]+/join-requests)/[^/]+/(approve|reject)"


both = pytest.mark.parametrize("options", [{"generation": "a"}, {"generation": "b"}], ids=["a", "b"])
"""Generations of the server."""


class Gatekeeper:
    """A plugin that decides, and what it has been told and has done."""

    def __init__(self, decide="approve", before=None, **options):
        self.plugin, self.told, self.outcomes, self.shown = Plugin("gate"), [], [], []
        self._decide, self._before = decide, before

        @self.plugin.on_relationship(**options)
        async def relationship(ctx):
            await self._handle(ctx)

        @self.plugin.on_join_request(**options)
        async def join(ctx):
            await self._handle(ctx)

    async def _handle(self, ctx):
        self.told.append((ctx.event_type, ctx.state))
        self.shown.append(ctx)
        if ctx.is_open and self._decide is not None:
            if self._before is not None:
                await self._before(ctx)
            self.outcomes.append(await getattr(ctx, self._decide)())


async def look(agent):
    """What the timer does; then whatever is due, retries too."""
    await agent.parts.reconciler.run("test")
    await deliver(agent)


async def deliver(agent):
    for _ in range(5):
        agent.clock.ahead += 1.0
        await agent.deliver()


class Suitor:
    """Somebody who asks the agent for something, and hears what becomes of it."""

    def __init__(self, sdk, agent, kind, chat_id):
        self._sdk, self._agent, self._kind, self._chat_id = sdk, agent, kind, chat_id
        self._heard = []

    async def ask(self, message="please"):
        if self._kind == "relationship":
            return await self._sdk.relationships.request(self._agent.me, message)
        return await self._sdk.chats.request_join(self._chat_id, message=message)

    async def withdraw(self):
        """Only a relationship can be."""
        (row,) = await self._sdk.relationships.list()
        await self._sdk.relationships.revoke(row["id"])

    async def ask_again(self):
        """So that it is another request."""
        if self._kind == "relationship":
            await self.withdraw()
        await self.ask()

    async def state(self):
        if self._kind == "relationship":
            return next((row["state"] for row in await self._sdk.relationships.list()), "none")
        return (await self._sdk.chats.join_target(self._chat_id))["current_request"]["state"]

    async def decisions(self):
        """Each that the server has carried out so far."""
        if self._kind == "join_request":
            page = await self._agent.sdk.messages.list(self._chat_id)
            own = [each["content"] for each in page if each["sender_id"] == self._agent.me]
            return [word for text in own for word in ("approved", "rejected") if f" {word} the join" in text]
        self._heard += (await self._sdk.notifications.drain())["notifications"]
        events = [each["event_type"].partition(".") for each in self._heard]
        return [event for place, _, event in events if place == "relationship"]


@pytest.fixture(params=["relationship", "join_request"])
def kind(request):
    return request.param


async def suitor_of(world, agent, kind):
    """The lists have been read once by then."""
    await world.user("bob")
    members = [(await world.owner.me.whoami())["id"], "bob"]  # generation A makes groups of three and more
    chat_id = (await agent.sdk.chats.create(members, title="a group"))["id"]
    await look(agent)
    return Suitor(await world.user("eve"), agent, kind, chat_id)


GRANTED = {"relationship": "visit", "join_request": "approved"}
DENIED = {"relationship": "none", "join_request": "rejected"}


@both
@pytest.mark.parametrize("decide", ["approve", "reject"])
async def test_each_request_is_decided_once_and_each_state_is_told_once(world, kind, decide):
    gate = Gatekeeper(decide)
    agent = await world.agent("a", gate.plugin)
    suitor = await suitor_of(world, agent, kind)
    after = (GRANTED if decide == "approve" else DENIED)[kind]

    await suitor.ask()
    for _ in range(3):
        await look(agent)

    assert [state for _, state in gate.told] == ["pending", after]
    assert gate.outcomes == [True]
    assert await suitor.state() == after
    assert await suitor.decisions() == ["approved" if decide == "approve" else "rejected"]
    (decided,) = agent.memory.named("request.decided")
    assert decided.decision == decide
    assert (gate.shown[0].other_user_id, gate.shown[0].message) == ("eve", "please")


@both
async def test_what_a_lost_frame_would_have_said_is_found_by_a_look_and_told_once(world):
    gate = Gatekeeper()
    agent = await world.agent("a", gate.plugin)
    suitor = await suitor_of(world, agent, "relationship")

    await suitor.ask()
    lost = (await agent.sdk.notifications.drain())["notifications"]
    await look(agent)
    assert gate.told == [("relationship.changed", "pending")]

    # The frame comes late: nothing was lost after all.
    await agent.parts.intake.take_drained(
        [Received(frame=decode_item(item), raw=json.dumps(item)) for item in lost],
        asked_at=agent.parts.intake.checkpoint,
    )
    for _ in range(2):
        await look(agent)
    assert [state for _, state in gate.told] == ["pending", "visit"]
    assert await suitor.decisions() == ["approved"]


@both
async def test_what_was_told_before_a_restart_is_not_told_again(world, kind):
    gate, again = Gatekeeper(), Gatekeeper()
    agent = await world.agent("a", gate.plugin)
    suitor = await suitor_of(world, agent, kind)
    await suitor.ask()
    await agent.parts.reconciler.run("test")
    await agent.journal.close()

    agent = await world.agent("a", again.plugin)
    for _ in range(3):
        await look(agent)

    assert gate.told == []
    assert [state for _, state in again.told] == ["pending", GRANTED[kind]]
    assert await suitor.decisions() == ["approved"]


async def test_a_handler_that_is_new_or_comes_back_is_told_of_what_waits(world, kind):
    """The lists have not changed since they were looked at: no difference tells of it."""
    agent = await world.agent("a", Plugin("gate"))
    suitor = await suitor_of(world, agent, kind)
    await suitor.ask()
    await look(agent)
    await agent.journal.close()

    new = Gatekeeper(decide=None)
    agent = await world.agent("a", new.plugin)
    for _ in range(2):
        await look(agent)
    assert [state for _, state in new.told] == ["pending"]
    await agent.journal.close()

    away = await world.agent("a", Plugin("gate"))
    await look(away)
    await suitor.ask_again()
    await look(away)
    await away.journal.close()

    back = Gatekeeper()
    agent = await world.agent("a", back.plugin)
    for _ in range(2):
        await look(agent)
    assert [state for _, state in back.told] == ["pending", GRANTED[kind]]
    assert await suitor.decisions() == ["approved"]


@both
@pytest.mark.parametrize("decide", ["approve", "reject"])
async def test_a_decision_whose_answer_is_lost_counts_as_made(world, kind, decide):
    gate = Gatekeeper(decide)
    agent = await world.agent("a", gate.plugin)
    suitor = await suitor_of(world, agent, kind)
    world.backend.faults.lose_answer(path=DECISIONS)

    await suitor.ask()
    await look(agent)

    assert gate.outcomes == [True]
    assert await suitor.decisions() == ["approved" if decide == "approve" else "rejected"]
    assert await agent.journal.dead_letters("a") == []


async def test_a_decision_that_never_arrived_is_made_by_the_next_run(world, kind):
    gate = Gatekeeper()
    agent = await world.agent("a", gate.plugin)
    suitor = await suitor_of(world, agent, kind)
    world.backend.faults.drop_request(path=DECISIONS)

    await suitor.ask()
    await look(agent)

    assert gate.outcomes == [True]
    assert await suitor.decisions() == ["approved"]


@both
@pytest.mark.parametrize("decide", ["approve", "reject"])
async def test_q21_a_500_after_the_decision_was_stored_counts_as_made(world, decide):
    gate = Gatekeeper(decide)
    agent = await world.agent("a", gate.plugin)
    suitor = await suitor_of(world, agent, "relationship")
    await suitor.ask()

    world.backend.faults.fail_delivery()
    await look(agent)

    assert gate.outcomes == [True]
    assert await suitor.state() == (GRANTED if decide == "approve" else DENIED)["relationship"]


@both
@pytest.mark.parametrize("comes_back", [False, True])
async def test_a_request_that_was_withdrawn_is_not_decided_and_the_next_one_is_told_by_itself(
    world, comes_back
):
    asked = []

    async def withdraw(_):
        if not asked:
            await suitor.withdraw()
            asked.append(comes_back and await suitor.ask("again"))

    gate = Gatekeeper(before=withdraw)
    agent = await world.agent("a", gate.plugin)
    suitor = await suitor_of(world, agent, "relationship")
    await suitor.ask()
    for _ in range(2):
        await look(agent)

    assert gate.outcomes == ([False, True] if comes_back else [False])
    assert [ctx.message for ctx in gate.shown if ctx.is_open] == ["please"] + ["again"] * comes_back
    await look(agent)
    assert await suitor.decisions() == ["approved"] * comes_back
    assert [state for _, state in gate.told] == (
        ["pending"] * 2 + ["visit"] if comes_back else ["pending", "none"]
    )


@both
async def test_what_one_asks_for_oneself_is_told_and_cannot_be_decided(world):
    gate = Gatekeeper()
    agent = await world.agent("a", gate.plugin)
    await look(agent)
    eve = await world.user("eve")

    await agent.sdk.relationships.request("eve")
    await look(agent)
    (row,) = await eve.relationships.list()
    await eve.relationships.reject(row["id"])
    for _ in range(2):
        await look(agent)

    assert [state for _, state in gate.told] == ["pending", "none"]
    assert [ctx.is_requester for ctx in gate.shown] == [True, False]
    assert [ctx.other_user_id for ctx in gate.shown] == ["eve", "eve"]


async def test_a_deed_that_is_not_awaited_is_a_failed_run(world, kind):
    plugin = Plugin("p")

    async def forget(ctx):
        if ctx.is_open:
            ctx.approve()

    (plugin.on_relationship if kind == "relationship" else plugin.on_join_request)(max_attempts=1)(forget)
    agent = await world.agent("a", plugin)
    suitor = await suitor_of(world, agent, kind)
    await suitor.ask()
    await look(agent)

    assert [letter.reason for letter in await agent.journal.dead_letters("a")] == ["DeedNotAwaitedError"]
    assert await suitor.state() == "pending"


async def test_what_is_given_up_is_one_dead_letter_and_its_retry_is_run(world):
    """A frame and a look tell of the same request: who fails on it fails once, and may be asked again."""
    broken = [True]

    async def fail(_):
        if broken:
            raise ValueError

    gate = Gatekeeper(before=fail, max_attempts=2)
    agent = await world.agent("a", gate.plugin)
    suitor = await suitor_of(world, agent, "relationship")
    await suitor.ask()
    for _ in range(3):
        await look(agent)

    (letter,) = await agent.journal.dead_letters("a")
    assert len(gate.told) == 2
    broken.clear()
    await agent.journal.revive("a", letter.dead_letter_id)
    for _ in range(2):
        await look(agent)
    assert [state for _, state in gate.told] == ["pending", "pending", "pending", "visit"]
    assert await suitor.decisions() == ["approved"]


async def test_an_answer_that_is_no_ones_fault_puts_it_off(world):
    gate = Gatekeeper()
    agent = await world.agent("a", gate.plugin)
    suitor = await suitor_of(world, agent, "relationship")
    await suitor.ask()
    await agent.parts.reconciler.run("test")
    world.backend.faults.refuse(503, 2, path="/api/relationships")

    await deliver(agent)

    assert gate.outcomes == [True]
    assert await agent.journal.dead_letters("a") == []


PLUGIN = """
import json
from pathlib import Path
from mycel_runtime import (
    ChatEventContext, FrameContext, JoinRequestContext, MessageContext, Plugin, RelationshipContext,
    SyncChatEventContext, SyncFrameContext, SyncJoinRequestContext, SyncMessageContext,
    SyncRelationshipContext, SyncWorkflowEventContext, WorkflowEventContext,
)

plugin = Plugin("all")
seen = Path(__file__).with_name("seen")

def note(**what):
    with seen.open("a") as file:
        file.write(json.dumps(what) + "\\n")

def shown(kind, ctx, *names):
    assert type(ctx).__name__.removeprefix("Sync") == kind
    return {"kind": kind, "event": ctx.event_type, **{name: getattr(ctx, name) for name in names}}
"""

BODIES = {
    "relationship(ctx: {}RelationshipContext)": """
    found = shown("RelationshipContext", ctx, "relationship_id", "state", "other_user_id", "is_open", "message")
    note(**found, done=AWAIT ctx.approve())
""",
    "join_request(ctx: {}JoinRequestContext)": """
    found = shown("JoinRequestContext", ctx, "chat_id", "state", "other_user_id", "is_open", "message")
    note(**found, done=AWAIT ctx.reject("no room"))
""",
    "chat(ctx: {}ChatEventContext)": """
    note(**shown("ChatEventContext", ctx, "chat_id", "title"))
""",
    "workflow_event(ctx: {}WorkflowEventContext)": """
    note(**shown("WorkflowEventContext", ctx, "chat_id", "event_id", "state"), version=ctx.event["state_version"])
""",
    "notification(ctx: {}MessageContext)": """
    note(kind="notification", text=ctx.messages[0].content, count=len(ctx.messages))
""",
}


def source(colour):
    """The same plugin as `async def` or as `def`."""
    define, prefix, awaiting = ("async def", "", "await ") if colour == "async" else ("def", "Sync", "")
    return PLUGIN + "".join(
        f"\n@plugin.on_{head.split('(')[0]}\n{define} on_{head.format(prefix)} -> None:"
        f"{body.replace('AWAIT ', awaiting)}"
        for head, body in BODIES.items()
    )


@pytest.mark.parametrize("colour", ["async", "plain"])
@pytest.mark.parametrize("isolation", ["none", "process"])
async def test_every_kind_is_shown_and_done_in_every_colour_and_isolation(world, tmp_path, colour, isolation):
    (tmp_path / "all.py").write_text(source(colour))
    (config := tmp_path / "agent.toml").write_text("")
    (loaded,) = load_plugins({"all": {"path": "all.py", "isolation": isolation}}, config)
    agent = await world.agent("a", loaded.plugin, worker=loaded.worker, handler_timeout=60)
    await look(agent)
    eve = await world.user("eve")

    own = (await agent.sdk.chats.create([], title="own", kind="group"))["id"]
    await eve.chats.request_join(own, message="let me in")
    await eve.relationships.request("a", "please")
    other = (await eve.chats.ensure_direct("a"))["id"]
    await eve.chats.create_workflow_event(other, kind="vote", requested_by_user_id="eve")
    await look(agent)

    lines = [json.loads(line) for line in (tmp_path / "seen").read_text().splitlines()]
    by_kind = {line["kind"]: line for line in lines if line.get("state") not in ("visit", "rejected")}
    relationship = by_kind["RelationshipContext"]
    assert relationship.pop("relationship_id")
    assert relationship == {
        "kind": "RelationshipContext",
        "event": "relationship.requested",
        "state": "pending",
        "other_user_id": "eve",
        "is_open": True,
        "message": "please",
        "done": True,
    }
    assert by_kind["JoinRequestContext"] == {
        "kind": "JoinRequestContext",
        "event": "chat.join_request.changed",
        "chat_id": own,
        "state": "pending",
        "other_user_id": "eve",
        "is_open": True,
        "message": "let me in",
        "done": True,
    }
    joined = {line["chat_id"]: line for line in lines if line["kind"] == "ChatEventContext"}
    assert {line["event"] for line in joined.values()} == {"chat.joined"}
    assert joined.keys() == {own, other}
    assert joined[own]["title"] == "own"
    workflow = by_kind["WorkflowEventContext"]
    assert (workflow["chat_id"], workflow["state"], workflow["event"]) == (
        other,
        "open",
        "chat.workflow.event",
    )
    assert "let me in" in by_kind["notification"]["text"]
    assert await agent.journal.dead_letters("a") == []


async def test_an_agent_is_told_where_it_is_let_in_and_where_not(world):
    plugin, told = Plugin("p"), []

    @plugin.on_chat
    async def moved(ctx):
        told.append((ctx.event_type, ctx.chat_id, ctx.title))

    agent = await world.agent("a", plugin)
    await look(agent)
    eve = await world.user("eve")
    open_group = (await eve.chats.create([], title="open", kind="group"))["id"]
    closed_group = (await eve.chats.create([], title="closed", kind="group"))["id"]
    for chat_id in (open_group, closed_group):
        await agent.sdk.chats.request_join(chat_id)
    (asked,) = await eve.chats.list_join_requests(open_group)
    await eve.chats.approve_join(open_group, asked["id"])
    (asked,) = await eve.chats.list_join_requests(closed_group)
    await eve.chats.reject_join(closed_group, asked["id"])
    for _ in range(2):
        await look(agent)

    assert sorted(told) == [
        ("chat.join.rejected", closed_group, ""),
        ("chat.joined", open_group, "open"),
    ]


async def test_each_version_of_a_workflow_event_that_is_seen_is_told_once(world):
    plugin, told = Plugin("p"), []

    @plugin.on_workflow_event
    async def worked(ctx):
        told.append((ctx.state, ctx.event and ctx.event["state_version"]))

    agent = await world.agent("a", plugin)
    eve = await world.user("eve")
    chat_id = (await eve.chats.ensure_direct("a"))["id"]
    await look(agent)
    event = await eve.chats.create_workflow_event(chat_id, kind="vote", requested_by_user_id="eve")
    await look(agent)
    # Two frames of which the first is overtaken: both tell of what is so now, and that is told once.
    for state in ("counting", "settled"):
        await eve.chats.update_workflow_event(chat_id, event["event_id"], state=state)
    for _ in range(2):
        await look(agent)

    assert told == [("open", 0), ("settled", 2)]
