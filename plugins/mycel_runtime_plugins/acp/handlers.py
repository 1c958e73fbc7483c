"""The plugin: an agent's start and stop, and the messages that it answers."""

from __future__ import annotations

import asyncio
import re
from functools import partial
from typing import TYPE_CHECKING, Final

from mycel_runtime import AnswerContext, MessageContext, Plugin, Reject, StartContext, StopContext
from mycel_runtime_plugins.acp.hosts import close_host, host_of
from mycel_runtime_plugins.acp.known_agents import is_older
from mycel_runtime_plugins.acp.outcome import ALLOWED, GIVEN_UP
from mycel_runtime_plugins.acp.requirements import missing
from mycel_runtime_plugins.acp.settings import AcpSettings
from mycel_runtime_plugins.acp.spoken import standing_of
from mycel_runtime_plugins.acp.turn import QUESTION, Turn
from mycel_runtime_plugins.acp.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime import Message
    from mycel_runtime_plugins.acp.last_word import LastWord
    from mycel_runtime_plugins.acp.spoken import Standing

_STOP: Final = r"(?i)^\s*(@\S+\s+)?/?(stop|cancel|abort)\s*[.!]*\s*$"
"""What a person says to end the turn that is going on: this and nothing else."""

_IS_STOP: Final = re.compile(_STOP)

_IS_YES: Final = re.compile(r"(?i)^\s*(@\S+\s+)?yes\s*[.!]*\s*$")
"""What allows a tool: this and nothing else."""

_DAY_SECONDS: Final = 86_400.0
"""The longest that a handler may take; `turn_timeout` of the settings is what holds."""

_START_SECONDS: Final = 700.0
"""Beyond the longest `start_timeout`."""

plugin = Plugin("acp", settings=AcpSettings)


@plugin.on_start(timeout=_START_SECONDS)
async def start(ctx: StartContext) -> None:
    """Start the agent's first process, so that what is wrong with it is known before somebody writes."""
    await close_host(ctx.me)
    settings: AcpSettings = ctx.settings
    if lacking := await asyncio.to_thread(missing, settings):
        raise Reject("; ".join(f"{each.what}: {each.fix}" for each in lacking))
    host = host_of(ctx.me, settings)
    await host.sweep()
    process = await host.process()
    introduction = process.introduction
    ctx.log.info(
        "acp.agent_started",
        agent=introduction.name,
        version=introduction.version,
        loads=introduction.loads,
        unasked=settings.known.unasked,
    )
    if is_older(introduction.version, settings.known.minimum_version):
        ctx.log.warning(
            "acp.agent_old",
            version=introduction.version,
            tried=settings.known.minimum_version,
            fix=f"{settings.known.install}; with an old Node, npm installs an old version without a word",
        )


@plugin.on_stop
async def stop(ctx: StopContext) -> None:
    """End every process, with all that it has started."""
    await close_host(ctx.me)


@plugin.on_message(timeout=_DAY_SECONDS, max_attempts=5, interrupt=_STOP, on_give_up=GIVEN_UP)
async def answer(ctx: MessageContext) -> None:
    """Answer in a chat with what the agent says."""
    host = host_of(ctx.me, ctx.settings)
    last_word = host.last_word(ctx.chat_id)
    standing = await standing_of(ctx, last_word)
    messages = unanswered(ctx, standing)
    if not messages:
        return
    turn = Turn(ctx, host, messages, spoken=standing.spoken, last_word=last_word)
    if _IS_STOP.search(messages[-1].content) and await turn.say_stopped():
        return
    if is_addressed(ctx, messages):
        await turn.take()


@plugin.on_answer(QUESTION, timeout=_DAY_SECONDS, max_attempts=5, interrupt=_STOP, on_give_up=GIVEN_UP)
async def hear_leave(ctx: AnswerContext) -> None:
    """
    Let the agent do once what it was refused, if that is the answer of who may say so; else it is a message.

    "Once" holds over repeated runs and the process's death, because the first reply is said before the agent is
    asked: where an earlier run has said it, the agent may have done it, and is not allowed again.
    """
    host = host_of(ctx.me, ctx.settings)
    last_word = host.last_word(ctx.chat_id)
    standing = await standing_of(ctx, last_word)
    if ctx.answer is None or _is_answered(ctx, standing, last_word):
        return
    if _is_stopped(ctx, ctx.answer):
        # Who has said so is told by `answer`, which is shown his message next.
        host.stopped.add(ctx.chat_id)
        return
    turn = partial(Turn, ctx, host, ctx.messages, spoken=standing.spoken, last_word=last_word)
    if ctx.answer.sender.id != ctx.settings.ask or not _IS_YES.search(ctx.answer.content):
        await turn().take()
        return
    is_again = bool(ctx.said)
    await ctx.reply(ALLOWED)
    if is_again:
        await turn(note="cut off").take()
    else:
        await turn(grant=Wanted.model_validate(ctx.data), note="granted").take()


def _is_stopped(ctx: AnswerContext, answer: Message) -> bool:
    """Whether somebody has said since that the agent is to stop."""
    return any(
        message.seq > answer.seq and message.sender.id != ctx.me and _IS_STOP.search(message.content)
        for message in ctx.meanwhile
    )


def _is_answered(ctx: AnswerContext, standing: Standing, last_word: LastWord | None) -> bool:
    """Whether an earlier run has said the last that is to be said; the first reply may be that it is allowed."""
    return len(ctx.said) > 1 if last_word is None else standing.answered_seq > 0


def unanswered(ctx: MessageContext, standing: Standing) -> Sequence[Message]:
    """Without what an earlier run of the delivery has answered: its reply stands."""
    answered = standing.answered_seq
    return [message for message in ctx.messages if message.seq > answered and message.sender.id != ctx.me]


def is_addressed(ctx: MessageContext, messages: Sequence[Message]) -> bool:
    """Whether somebody wants an answer; what is not answered now is shown with what is."""
    settings: AcpSettings = ctx.settings
    is_for_all = ctx.chat_type != "group" or settings.groups == "all"
    return is_for_all or any(message.mentions_me for message in messages)
