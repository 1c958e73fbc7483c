"""What the type checker knows about plugins; read by mypy in `tests/unit/plugin/test_typing.py`, never run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, assert_type

from pydantic import BaseModel

from mycel_runtime import (
    AnswerContext,
    ChatEventContext,
    Chats,
    FrameContext,
    JoinRequestContext,
    Message,
    MessageContext,
    Plugin,
    Question,
    RelationshipContext,
    Sent,
    StartContext,
    StopContext,
    Store,
    SyncAnswerContext,
    SyncChatEventContext,
    SyncChats,
    SyncFrameContext,
    SyncJoinRequestContext,
    SyncMessageContext,
    SyncRelationshipContext,
    SyncStartContext,
    SyncStopContext,
    SyncTimerContext,
    SyncWorkflowEventContext,
    TimerContext,
    ToolServer,
    WorkflowEventContext,
)
from mycel_runtime.sdk import AsyncClient, Client
from mycel_runtime.wire.ids import ChatId, MessageSeq, UserId
from mycel_runtime.wire.resources import JoinRequest, Member, Relationship, WorkflowEvent

plugin = Plugin("typed")


@plugin.on_message
async def bare(ctx: MessageContext) -> None:
    """What a handler of messages has."""
    assert_type(await ctx.reply("hello", mentions=[ctx.messages[0].sender.id]), Sent)
    assert_type(await ctx.history(limit=5, before=ctx.messages[0].seq), list[Message])
    assert_type(await ctx.newer(), list[Message])
    assert_type(await ctx.members(), list[Member])
    assert_type(await ctx.tools(), ToolServer)
    assert_type(ctx.withdraw(), None)
    assert_type(ctx.deadline, float)
    assert_type(ctx.unsaid, tuple[str, ...])


async def sorry(ctx: MessageContext) -> None:
    """What is run when a handler is given up."""
    assert_type(ctx.failure, str)


@plugin.on_message(timeout=1.0, max_attempts=3, on_give_up=sorry, interrupt="^stop")
async def impatient(ctx: MessageContext) -> None:
    """A handler with its own bounds."""


@plugin.on_message(on_give_up="Sorry.")
@plugin.on_message(chat="direct", mention=True, sender="human", pattern="^!", quiet=1.0, on_conflict="raise")
def plain(ctx: SyncMessageContext) -> None:
    """The same, with plain calls."""
    assert_type(ctx.reply("hello", mentions=[ctx.messages[0].sender.id]), Sent)
    assert_type(ctx.history(limit=5, before=7), list[Message])
    assert_type(ctx.history(), list[Message])
    assert_type(ctx.newer(), list[Message])
    assert_type(ctx.members(), list[Member])
    assert_type(ctx.tools(), ToolServer)
    assert_type(ctx.tools().command, tuple[str, ...])
    assert_type(ctx.withdraw(), None)
    assert_type(ctx.deadline, float)
    assert_type(ctx.attempt, int)


@plugin.on_frame("relationship.*")
async def frame(ctx: FrameContext) -> None:
    """What a handler of frames has."""
    assert_type(ctx.event_type, str)
    assert_type(ctx.metadata.get("x"), Any | None)


@plugin.on_frame("relationship.*", timeout=1.0, max_attempts=3)
def plain_frame(ctx: SyncFrameContext) -> None:
    """The same."""
    assert_type(ctx.event_type, str)


class Visitor(BaseModel):
    """What somebody remembers."""


@plugin.on_message
def remembering(ctx: SyncMessageContext) -> None:
    """The same mapping for every kind of handler."""
    for store in (ctx.store, ctx.chat_store):
        assert_type(store, Store)
        store["a"] = {"b": [1]}
        store["b"] = Visitor()
        assert_type(store.get_model("b", Visitor), Visitor | None)
        assert_type(list(store), list[str])
    assert_type(ctx.said, tuple[Sent, ...])


@plugin.on_timer("remind", timeout=1.0, max_attempts=3)
async def timer(ctx: TimerContext) -> None:
    """What a handler of timers has."""
    assert_type(ctx.name, str)
    assert_type(ctx.key, str)
    assert_type(ctx.due_at, datetime)
    assert_type(ctx.store, Store)
    assert_type(ctx.timers.set("remind", after=timedelta(hours=1), data={"a": 1}, key="k"), None)
    assert_type(ctx.timers.set("remind", at=datetime.now(UTC)), None)
    assert_type(ctx.timers.cancel("remind", key="k"), None)


@plugin.every(hours=1, catch_up=False)
@plugin.cron("0 9 * * mon-fri", timezone="UTC", timeout=1.0)
def schedule(ctx: SyncTimerContext) -> None:
    """The same, with plain calls."""
    assert_type(ctx.due_at, datetime)


@plugin.on_message
async def calling(ctx: MessageContext) -> None:
    """The SDK's own types."""
    assert_type(ctx.sdk, AsyncClient)
    assert_type((await ctx.sdk.chats.get(ctx.chat_id))["members"], list[Member])


@plugin.on_timer("call")
def plain_calling(ctx: SyncTimerContext) -> None:
    """The same, with plain calls."""
    assert_type(ctx.sdk, Client)
    assert_type(ctx.sdk.chats.get("c")["members"], list[Member])


@plugin.on_start
async def start(ctx: StartContext) -> None:
    """What a hook of the start has."""
    assert_type(ctx.attempt, int)
    assert_type(ctx.store, Store)
    assert_type(ctx.timers.set("remind", after=1), None)


@plugin.on_start(order=-1, timeout=1.0)
def plain_start(ctx: SyncStartContext) -> None:
    """The same."""
    assert_type(ctx.deadline, float)


@plugin.on_stop
async def stop(ctx: StopContext) -> None:
    """What a hook of the stop has."""
    assert_type(ctx.store, Store)


@plugin.on_stop(order=1, timeout=5)
def plain_stop(ctx: SyncStopContext) -> None:
    """The same."""
    assert_type(ctx.me, UserId)


@plugin.on_timer("speak")
async def speaking(ctx: TimerContext) -> None:
    """What every handler can do."""
    assert_type(ctx.chats, Chats)
    chat_id = await ctx.chats.direct("u")
    assert_type(chat_id, ChatId)
    assert_type(await ctx.say(chat_id, "hello", mentions=["u"], on_conflict="drop"), None)
    await ctx.say(chat_id, "hello", on_conflict="rerun")  # type: ignore[arg-type]  # no such policy
    ctx.chats.direct("u").strip()  # type: ignore[attr-defined]  # not awaited


async def everywhere(message: MessageContext, frame: FrameContext, workflow: WorkflowEventContext) -> None:
    """The same."""
    for ctx in (message, frame, workflow):
        assert_type(await ctx.say("c", "hello"), None)
        assert_type(await ctx.read("c", 10), list[Message])
        assert_type(await ctx.chats.direct("u"), ChatId)


@plugin.on_answer("q", on_conflict="raise", timeout=1.0, max_attempts=2, on_give_up="sorry")
async def answer(ctx: AnswerContext) -> None:
    """What a handler of answers has: all of a handler of messages, and what was asked."""
    assert_type(ctx.name, str)
    assert_type(ctx.timed_out, bool)
    assert_type(ctx.question, Question)
    assert_type(ctx.question.seq, MessageSeq | None)
    assert_type(ctx.messages, Sequence[Message])
    assert_type(ctx.answer, Message | None)
    assert_type(ctx.meanwhile, Sequence[Message])
    assert_type(await ctx.newer(), list[Message])
    assert_type(ctx.chat_store, Store)
    assert_type(await ctx.reply("thanks"), Sent)
    assert_type(await ctx.history(), list[Message])
    assert_type(await ctx.ask("c", "and?", name="q", data={"a": 1}, timeout=timedelta(hours=1)), None)
    await ctx.ask("c", "and?")  # type: ignore[call-arg]  # nobody would hear the answer


@plugin.on_answer("r")
def plain_answer(ctx: SyncAnswerContext) -> None:
    """The same, with plain calls."""
    assert_type(ctx.question, Question)
    assert_type(ctx.answer, Message | None)
    assert_type(ctx.meanwhile, Sequence[Message])
    assert_type(ctx.newer(), list[Message])
    assert_type(ctx.reply("thanks"), Sent)
    assert_type(ctx.ask("c", "and?", name="q", user_id="u", on_conflict="drop"), None)


@plugin.every(hours=2)
def plain_speaking(ctx: SyncTimerContext) -> None:
    """The same, with plain calls."""
    assert_type(ctx.chats, SyncChats)
    assert_type(ctx.chats.direct("u"), ChatId)
    assert_type(ctx.say("c", "hello", mentions=["u"]), None)
    assert_type(ctx.read("c", limit=10), list[Message])


@plugin.on_start
async def speaking_start(ctx: StartContext) -> None:
    """Hooks of the start speak; those of the stop read."""
    assert_type(await ctx.say(await ctx.chats.direct("u"), "hello"), None)
    assert_type(await ctx.read("c"), list[Message])


@plugin.on_stop
def silent_stop(ctx: SyncStopContext) -> None:
    """There is nobody who would say it."""
    assert_type(ctx.read("c"), list[Message])
    ctx.say("c", "hello")  # type: ignore[attr-defined]  # a stop says nothing


@plugin.on_relationship
async def relationship(ctx: RelationshipContext) -> None:
    """What a handler of relationships has."""
    assert_type(await ctx.approve(), bool)
    assert_type(await ctx.reject("no"), bool)
    assert_type(ctx.state, str)
    assert_type(ctx.is_open, bool)
    assert_type(ctx.other_user_id, UserId)
    assert_type(ctx.message, str)
    assert_type(ctx.relationship, Relationship | None)


@plugin.on_relationship(timeout=1.0, max_attempts=3)
def plain_relationship(ctx: SyncRelationshipContext) -> None:
    """The same, with plain calls."""
    assert_type(ctx.approve(), bool)
    assert_type(ctx.reject(), bool)
    assert_type(ctx.is_requester, bool)
    assert_type(ctx.relationship, Relationship | None)


@plugin.on_join_request
async def join(ctx: JoinRequestContext) -> None:
    """What a handler of requests to join has."""
    assert_type(await ctx.approve(), bool)
    assert_type(await ctx.reject("no"), bool)
    assert_type(ctx.chat_id, ChatId)
    assert_type(ctx.request, JoinRequest | None)


@plugin.on_join_request()
def plain_join(ctx: SyncJoinRequestContext) -> None:
    """The same, with plain calls."""
    assert_type(ctx.approve(), bool)
    assert_type(ctx.reject("no"), bool)
    assert_type(ctx.other_user_id, UserId)


@plugin.on_chat
async def chat(ctx: ChatEventContext) -> None:
    """What a handler of chats has."""
    assert_type(ctx.chat_id, ChatId)
    assert_type(ctx.title, str)


@plugin.on_chat(max_attempts=1)
def plain_chat(ctx: SyncChatEventContext) -> None:
    """The same."""
    assert_type(ctx.chat_id, ChatId)


@plugin.on_workflow_event
async def workflow(ctx: WorkflowEventContext) -> None:
    """What a handler of workflow events has."""
    assert_type(ctx.event, WorkflowEvent | None)
    assert_type(ctx.event_id, str)


@plugin.on_workflow_event(timeout=5)
def plain_workflow(ctx: SyncWorkflowEventContext) -> None:
    """The same."""
    assert_type(ctx.state, str)


@plugin.on_notification
async def notification(ctx: MessageContext) -> None:
    """A handler of notifications has what one of messages has."""
    assert_type(ctx.messages[0].content, str)


class Hours(BaseModel):
    """Of a plugin whose handlers depend on its settings."""

    hours: tuple[int, ...] = ()


@plugin.on_load
def declare(own: Plugin, settings: Hours) -> None:
    """The model is the author's to name."""
    assert_type(own, Plugin)
    assert_type(settings.hours, tuple[int, ...])


async def refused(ctx: MessageContext, other: SyncMessageContext, asked: SyncRelationshipContext) -> None:
    """Each line is an error; mypy complains of an ignore that it does not need."""
    await asked.approve()  # type: ignore[misc]  # done by then
    ctx.approve()  # type: ignore[attr-defined]  # nobody has asked for anything
    asked.reject(5)  # type: ignore[arg-type]  # no text
    await ctx.reply("hello", ["me"])  # type: ignore[call-arg]  # by name only
    other.reply("hello", ["me"])  # type: ignore[call-arg]  # by name only
    other.reply(5)  # type: ignore[arg-type]  # no text
    other.history("5")  # type: ignore[arg-type]  # no number
    await other.members()  # type: ignore[misc]  # a list
    plugin.on_relationship(chat="direct")  # type: ignore[call-overload]  # no such filter
    plugin.on_start(max_attempts=1)  # type: ignore[call-overload]  # until it has started
    plugin.on_frame()  # type: ignore[call-arg]  # no pattern
    ctx.timers.set("remind", after="1")  # type: ignore[arg-type]  # no time
    plugin.cron("0 9 * * *")  # type: ignore[call-arg]  # whose clock?
    plugin.on_message(on_give_up=5)  # type: ignore[call-overload]  # no text
    plugin.on_message(chat="crowd")  # type: ignore[call-overload]  # no such chat
    plugin.on_load(5)  # type: ignore[type-var]  # no function
