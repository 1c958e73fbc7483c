"""How handlers of every kind are tested as the functions that they are, without any server."""

from __future__ import annotations

from datetime import UTC, datetime

from mycel_runtime import (
    ChatEventContext,
    FrameContext,
    JoinRequestContext,
    MessageContext,
    Plugin,
    RelationshipContext,
    StartContext,
    SyncJoinRequestContext,
    SyncMessageContext,
    SyncTimerContext,
    SyncWorkflowEventContext,
    TimerContext,
)
from mycel_runtime.testing import (
    BareChat,
    BareChatEvent,
    BareFrame,
    BareJoinRequest,
    BareRelationship,
    BareStart,
    BareTimer,
    BareWorkflowEvent,
    said,
)

plugin = Plugin("hall")


@plugin.on_message
def count(ctx: SyncMessageContext) -> None:
    ctx.chat_store["messages"] = ctx.chat_store.get("messages", 0) + len(ctx.messages)
    ctx.reply(f"Message {ctx.chat_store['messages']}")


def test_what_is_said_and_remembered():
    chat = BareChat("hello", said("me too", sender="Bob"), chat_store={"messages": 5})

    count(chat.sync_ctx)

    chat.assert_replies("Message 7")
    assert chat.ctx.chat_store["messages"] == 7


@plugin.on_notification
async def note(ctx: MessageContext) -> None:
    ctx.store["notices"] = [message.sender.name for message in ctx.messages]


async def test_a_notification_is_noted_and_not_answered():
    chat = BareChat(said("Eve wants to join", sender="Eve", notification=True), chat_type="group")

    await note(chat.ctx)

    chat.assert_replies()
    assert chat.ctx.store["notices"] == ["Eve"]


@plugin.on_relationship
async def welcome(ctx: RelationshipContext) -> None:
    if ctx.is_open:
        await ctx.approve()
        ctx.timers.set("greet", after=60, key=ctx.other_user_id)


async def test_who_asks_is_let_in_and_greeted_later():
    asked = BareRelationship(other="Eve", message="please", timers=["greet"])

    await welcome(asked.ctx)

    asked.assert_deeds("approve")
    assert [(timer.name, timer.key) for timer in asked.planned] == [("greet", "eve")]


async def test_what_is_decided_is_left_alone():
    for asked in (BareRelationship("visit"), BareRelationship(is_requester=True)):
        await welcome(asked.ctx)

        asked.assert_deeds()


@plugin.on_join_request
async def judge(ctx: JoinRequestContext) -> None:
    if "please" in ctx.message:
        await ctx.approve()
    else:
        await ctx.reject("no magic word")


async def test_who_does_not_ask_nicely_stays_outside():
    asked = BareJoinRequest(message="let me in")

    await judge(asked.ctx)

    asked.assert_deeds("reject: no magic word")


def close(ctx: SyncJoinRequestContext) -> None:
    assert ctx.reject() or ctx.state == "approved"


def test_a_plain_function_decides_by_plain_calls():
    asked = BareJoinRequest()

    close(asked.sync_ctx)

    asked.assert_deeds("reject")


@plugin.on_chat
async def moved(ctx: ChatEventContext) -> None:
    rooms = ctx.store.get("rooms", [])
    ctx.store["rooms"] = [*rooms, ctx.title] if ctx.event_type == "chat.joined" else rooms


async def test_where_it_is_let_in_is_remembered():
    event = BareChatEvent("chat.joined", title="Kitchen", store={"rooms": ["Hall"]})

    await moved(event.ctx)

    assert event.ctx.store["rooms"] == ["Hall", "Kitchen"]


@plugin.on_workflow_event
def worked(ctx: SyncWorkflowEventContext) -> None:
    ctx.store[ctx.event_id] = ctx.state


def test_a_workflow_is_followed():
    event = BareWorkflowEvent("settled", event={"event_id": "review-7"})

    worked(event.sync_ctx)

    assert event.ctx.store["review-7"] == "settled"


@plugin.on_frame("chat.*")
async def heard(ctx: FrameContext) -> None:
    ctx.store["last"] = [ctx.event_type, ctx.metadata["chat_id"]]


async def test_a_frame_is_what_it_is_given():
    frame = BareFrame("chat.renamed", metadata={"chat_id": "kitchen"})

    await heard(frame.ctx)

    assert frame.ctx.store["last"] == ["chat.renamed", "kitchen"]


@plugin.on_timer("greet")
async def greet(ctx: TimerContext) -> None:
    ctx.store["greeted"] = ctx.store.get("greeted", 0) + 1
    if ctx.store["greeted"] < ctx.data:
        ctx.timers.set("greet", after=3600, data=ctx.data)


async def test_a_timer_sets_itself_until_it_has_rung_often_enough():
    for rung, planned in ((0, 1), (1, 1), (2, 0)):
        timer = BareTimer("greet", data=3, store={"greeted": rung}, timers=["greet"])

        await greet(timer.ctx)

        assert len(timer.planned) == planned


@plugin.cron("0 9 * * *", timezone="UTC")
def morning(ctx: SyncTimerContext) -> None:
    ctx.store["mornings"] = f"{ctx.due_at:%A}"


def test_a_schedule_is_a_timer_with_its_handlers_name():
    schedule = BareTimer("morning", due_at=datetime(2026, 3, 2, 9, tzinfo=UTC))

    morning(schedule.sync_ctx)

    assert schedule.ctx.store["mornings"] == "Monday"


@plugin.on_start
async def open_up(ctx: StartContext) -> None:
    ctx.store.setdefault("rooms", ["Hall"])


async def test_a_start_finds_what_is_there():
    for before, after in (({}, ["Hall"]), ({"rooms": ["Attic"]}, ["Attic"])):
        start = BareStart(store=before)

        await open_up(start.ctx)

        assert start.ctx.store["rooms"] == after
