"""The plugin: when it answers, what it says, and what becomes of a turn without an answer."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

from mycel_runtime import MessageContext, Plugin, Reject, Retry, StartContext, TimerContext
from mycel_runtime_plugins.llm import spending
from mycel_runtime_plugins.llm.answer import Answer, Stop
from mycel_runtime_plugins.llm.api_key import ApiKeyError, read_api_key
from mycel_runtime_plugins.llm.client_library import load_library, open_client
from mycel_runtime_plugins.llm.conversation import Conversation
from mycel_runtime_plugins.llm.failure import Kind, ModelError, is_final, kind_of
from mycel_runtime_plugins.llm.parts import is_unfinished, parts_of
from mycel_runtime_plugins.llm.prompt import prompt_of, read_past
from mycel_runtime_plugins.llm.requirements import CompleteSettings
from mycel_runtime_plugins.llm.spending import Purse, Uncounted
from mycel_runtime_plugins.llm.tools import ToolsError, load_tools

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime import Message
    from mycel_runtime_plugins.llm.settings import LlmSettings

plugin = Plugin("llm", settings=CompleteSettings)

_UNCOUNTED: Final = Uncounted()


@plugin.on_start
async def prepare(ctx: StartContext) -> None:
    """Find out now what the first message would: a library that is broken, tools that cannot be loaded."""
    settings: LlmSettings = ctx.settings
    try:
        await load_library(settings.api)
        if settings.tools is not None:
            await asyncio.to_thread(load_tools, settings.tools)
    except (ModelError, ToolsError) as exc:
        raise Reject(str(exc)) from None


async def explain(ctx: MessageContext) -> None:
    """The person hears that there is no answer, and roughly why; the operator has the reason."""
    settings: LlmSettings = ctx.settings
    _purse(ctx).count()
    if text := getattr(settings.texts, kind_of(ctx.failure)):
        await ctx.reply(text)


@plugin.on_message(on_give_up=explain)
async def answer(ctx: MessageContext) -> None:
    """Answer what is new, once."""
    stands = await _repeat_said(ctx)
    fresh = [message for message in ctx.messages if message.seq > stands.seq]
    if not (stands.is_unfinished or _is_wanted(fresh, ctx)):
        return
    purse = _purse(ctx)
    if purse.is_empty:
        await _tell_empty(ctx, purse)
        return
    try:
        said = await _ask_model(ctx, stands, purse)
    except ModelError as exc:
        _fail(ctx, exc)
    purse.count()
    for part in parts_of(said, ctx.settings.piece_characters) if said else []:
        await ctx.reply(part)


@plugin.every(days=1)
async def forget_spending(ctx: TimerContext) -> None:
    """Of the days before: the store holds what counts today."""
    spending.forget_before(ctx.store, spending.today())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stands:
    """
    What earlier runs of this turn have said.

    Attributes:
        seq: The number of the last of it in the chat; 0: nothing.
        is_unfinished: It is not the whole answer.
    """

    seq: int = 0
    is_unfinished: bool = False


async def _repeat_said(ctx: MessageContext) -> _Stands:
    """Say again what stands: it takes its places among this run's replies, and is not said twice."""
    if not ctx.said:
        return _Stands()
    last = ctx.said[-1]
    page = await ctx.history(200, before=last.seq + 1)
    texts = {message.id: message.content for message in page}
    for sent in ctx.said:
        await ctx.reply(texts.get(sent.message_id, "…"))
    return _Stands(seq=last.seq, is_unfinished=is_unfinished(texts.get(last.message_id, "")))


def _is_wanted(messages: Sequence[Message], ctx: MessageContext) -> bool:
    """Whether any of them is to be answered."""
    groups = ctx.settings.groups
    if ctx.chat_type == "direct" or groups == "all":
        return bool(messages)
    return groups == "mention" and any(message.mentions_me for message in messages)


async def _tell_empty(ctx: MessageContext, purse: Purse) -> None:
    """Once a day."""
    if not purse.is_told:
        purse.count(is_told=True)
        if text := ctx.settings.texts.budget:
            await ctx.reply(text)


async def _ask_model(ctx: MessageContext, stands: _Stands, purse: Purse) -> str:
    """
    What is to be said; empty: nothing.

    Raises:
        ModelError: There is nothing to be said.
    """
    settings: LlmSettings = ctx.settings
    begun = time.monotonic()
    through = max(stands.seq, ctx.messages[-1].seq)
    past = await read_past(ctx, through=through, most=settings.history_messages)
    prompt = prompt_of(past, me=ctx.me, settings=settings, is_unfinished=stands.is_unfinished)
    try:
        key = await asyncio.to_thread(read_api_key, settings)
    except ApiKeyError as exc:
        raise ModelError(Kind.MISCONFIGURED, f"{exc.what} is missing: {exc.fix}") from None
    async with open_client(settings, key) as client:
        said = await Conversation(client, settings, purse, deadline=ctx.deadline).answer(prompt)
    ctx.log.info(
        "llm.answered",
        stop=said.stop.value,
        seconds=round(time.monotonic() - begun, 3),
        **dataclasses.asdict(said.usage),
    )
    return _words_of(said, settings)


def _words_of(said: Answer, settings: LlmSettings) -> str:
    # Half a surrogate pair, or a NUL, no server stores.
    text = said.text.encode(errors="replace").decode().replace("\0", "").strip()
    if said.stop is Stop.LENGTH:
        if not text or settings.length == "fail":
            raise ModelError(Kind.ODD, "the answer is longer than answer_tokens")
        return f"{text}\n\n{settings.texts.cut}".strip()
    if not text and settings.blank == "fail":
        raise ModelError(Kind.ODD, "the answer is blank")
    return text


def _fail(ctx: MessageContext, exc: ModelError) -> NoReturn:
    """Try again as the endpoint says, or give up, and have the person told."""
    told = ctx.log.error if exc.kind is Kind.MISCONFIGURED else ctx.log.warning
    told("llm.unanswered", kind=exc.kind.value, why=exc.why, after=exc.after)
    if is_final(exc, attempt=ctx.attempt, longest_wait=ctx.settings.longest_wait):
        raise Reject(str(exc), is_told=False) from None
    raise Retry(exc.after, why=str(exc)) from None


def _purse(ctx: MessageContext) -> Purse:
    settings: LlmSettings = ctx.settings
    return Purse(ctx.store, ctx.chat_id, settings.budget, _UNCOUNTED, day=spending.today())
