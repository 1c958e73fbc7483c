"""What the type checker knows about plugins; read by mypy in `tests/unit/plugin/test_typing.py`, never run."""

from __future__ import annotations

from typing import Any, assert_type

from mycel_runtime import (
    FrameContext,
    Message,
    MessageContext,
    Plugin,
    SyncFrameContext,
    SyncMessageContext,
)
from mycel_runtime.speech.sent import Sent
from mycel_runtime.wire.resources import Member

plugin = Plugin("typed")


@plugin.on_message
async def bare(ctx: MessageContext) -> None:
    """What a handler of messages has."""
    assert_type(await ctx.reply("hello", mentions=[ctx.messages[0].sender.id]), Sent)
    assert_type(await ctx.history(limit=5), list[Message])
    assert_type(await ctx.newer(), list[Message])
    assert_type(await ctx.members(), list[Member])
    assert_type(ctx.withdraw(), None)
    assert_type(ctx.deadline, float)
    assert_type(ctx.unsaid, tuple[str, ...])


async def sorry(ctx: MessageContext) -> None:
    """What is run when a handler is given up."""
    assert_type(ctx.failure, str)


@plugin.on_message(timeout=1.0, max_attempts=3, on_give_up=sorry)
async def impatient(ctx: MessageContext) -> None:
    """A handler with its own bounds."""


@plugin.on_message(on_give_up="Sorry.")
@plugin.on_message(chat="direct", mention=True, sender="human", pattern="^!", quiet=1.0, on_conflict="raise")
def plain(ctx: SyncMessageContext) -> None:
    """The same, with plain calls."""
    assert_type(ctx.reply("hello", mentions=[ctx.messages[0].sender.id]), Sent)
    assert_type(ctx.history(limit=5), list[Message])
    assert_type(ctx.history(), list[Message])
    assert_type(ctx.newer(), list[Message])
    assert_type(ctx.members(), list[Member])
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


async def refused(ctx: MessageContext, other: SyncMessageContext) -> None:
    """Each line is an error; mypy complains of an ignore that it does not need."""
    await ctx.reply("hello", ["me"])  # type: ignore[call-arg]  # by name only
    other.reply("hello", ["me"])  # type: ignore[call-arg]  # by name only
    other.reply(5)  # type: ignore[arg-type]  # no text
    other.history("5")  # type: ignore[arg-type]  # no number
    await other.members()  # type: ignore[misc]  # a list
    plugin.on_message(on_give_up=5)  # type: ignore[call-overload]  # no text
    plugin.on_message(chat="crowd")  # type: ignore[call-overload]  # no such chat
