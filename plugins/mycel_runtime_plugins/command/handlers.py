"""The plugin: a delivery is a run of the program, and what it answers is done."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Final, NoReturn

from mycel_runtime import MessageContext, Plugin, Reject, RelationshipContext, Retry, StartContext
from mycel_runtime_plugins.child_process import ProgramUnavailableError
from mycel_runtime_plugins.command.answer import (
    AnswerError,
    Decide,
    Remember,
    Reply,
    Say,
    line_actions,
    require_deeds_of_messages,
    require_deeds_of_relationship,
    text_actions,
    text_of,
)
from mycel_runtime_plugins.command.execution import execute
from mycel_runtime_plugins.command.folder import make_folder
from mycel_runtime_plugins.command.launch import Launch
from mycel_runtime_plugins.command.prompt import first_prompt, next_prompt
from mycel_runtime_plugins.command.recipe import RecipeError
from mycel_runtime_plugins.command.request import as_bytes, message_request, relationship_request
from mycel_runtime_plugins.command.requirements import missing
from mycel_runtime_plugins.command.session import remember, remembered
from mycel_runtime_plugins.command.settings import CommandSettings
from mycel_runtime_plugins.command.verdict import Execution, Fate, Verdict, verdict_of
from mycel_runtime_plugins.whole_reply import reply_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime import Message
    from mycel_runtime_plugins.child_process import ChildSpec
    from mycel_runtime_plugins.command.answer import Action
    from mycel_runtime_plugins.command.recipe import AgentAnswer, Recipe
    from mycel_runtime_plugins.command.session import Session

_LOOK_AGAIN_SECONDS: Final = 60.0
"""Until a program that is missing is looked for again: somebody may be installing it."""

plugin = Plugin("command", settings=CommandSettings)


@plugin.on_start
async def require_program(ctx: StartContext) -> None:
    """Until the program is there, messages wait for it and `status` says so."""
    if found := await asyncio.to_thread(missing, ctx.settings):
        ctx.log.error("command.program_missing", problem=found[0].what, fix=found[0].fix)
        raise Retry(after=_LOOK_AGAIN_SECONDS, why=found[0].what)


async def apologise(ctx: MessageContext) -> None:
    """Say what the operator has written for it, if he has."""
    if ctx.settings.on_failure:
        await ctx.reply(ctx.settings.on_failure)


@plugin.on_load
def declare(plugin: Plugin, settings: CommandSettings) -> None:
    """Of what it hears, how long it may take and how often it is tried, the operator says."""
    timeout, attempts = settings.handler_timeout, settings.attempts
    if "messages" in settings.events:
        plugin.on_message(
            chat="direct" if settings.groups == "none" else "any",
            on_conflict="repeat",
            timeout=timeout,
            max_attempts=attempts,
            on_give_up=apologise,
            interrupt=None if settings.interrupt is None else settings.interrupt.source,
        )(answer)
    if "relationships" in settings.events:
        plugin.on_relationship(timeout=timeout, max_attempts=attempts)(decide)


async def answer(ctx: MessageContext) -> None:
    """Run the program, and do what it answers."""
    # It is asked again, and told what it has not said: only what it answers now is meant.
    ctx.withdraw()
    if not _is_wanted(ctx):
        return
    launch = Launch(ctx.settings, os.environ)
    try:
        await asyncio.to_thread(make_folder, launch.folder(ctx.chat_id))
        actions = await (
            _run_program(ctx, launch) if launch.recipe is None else _run_agent(ctx, launch, launch.recipe)
        )
    except (AnswerError, RecipeError, ProgramUnavailableError, OSError) as exc:
        _fail(ctx, Verdict(fate=Fate.TRY_AGAIN, why=_reason(exc)), launch)
    for action in actions:
        await _do(ctx, action)


async def decide(ctx: RelationshipContext) -> None:
    """Run the program for a state of a relationship, and do what it answers."""
    settings: CommandSettings = ctx.settings
    launch = Launch(settings, os.environ)
    told = as_bytes(relationship_request(ctx, seconds=settings.timeout))
    try:
        await asyncio.to_thread(make_folder, settings.folder)
        actions = await _hear_program(ctx, launch, launch.spec(None), told)
        require_deeds_of_relationship(actions, is_open=ctx.is_open)
    except (AnswerError, ProgramUnavailableError, OSError) as exc:
        _fail(ctx, Verdict(fate=Fate.TRY_AGAIN, why=_reason(exc)), launch)
    for action in actions:
        match action:
            case Decide(decide="approve"):
                await ctx.approve()
            case Decide(why=why):
                await ctx.reject(why)
            case Say():
                await _speak(ctx, action)
            case Reply() | Remember():
                raise AssertionError("the answer was checked")


def _is_wanted(ctx: MessageContext) -> bool:
    """Whether the program is to hear of this; in a chat whose kind nobody can tell, as in a group."""
    if ctx.settings.groups != "mention" or ctx.chat_type == "direct":
        return True
    return any(message.mentions_me for message in ctx.messages)


async def _run_program(ctx: MessageContext, launch: Launch) -> Sequence[Action]:
    settings: CommandSettings = ctx.settings
    history = await _history(ctx)
    told = as_bytes(message_request(ctx, history, seconds=settings.timeout))
    actions = await _hear_program(ctx, launch, launch.spec(ctx.chat_id), told)
    require_deeds_of_messages(actions)
    return actions


async def _hear_program(
    ctx: MessageContext | RelationshipContext, launch: Launch, spec: ChildSpec, told: bytes
) -> Sequence[Action]:
    settings: CommandSettings = ctx.settings
    execution = await _execute(ctx, spec, told)
    verdict = verdict_of(execution, seconds=settings.timeout, most=settings.most_output)
    if verdict.fate is not Fate.ANSWERED:
        _fail(ctx, verdict, launch)
    text = text_of(execution.output or b"")
    actions = line_actions if settings.output == "json_lines" else text_actions
    return actions(text, characters=settings.reply_characters)


async def _run_agent(ctx: MessageContext, launch: Launch, recipe: Recipe) -> Sequence[Action]:
    """In its session of this chat; in a new one, with the chat's history, if there is none, or it has failed."""
    name: str = ctx.settings.recipe
    session = remembered(ctx.chat_store, name) if ctx.attempt == 1 else None
    history = await _history(ctx)
    try:
        found = await _ask_agent(ctx, launch, recipe, session, history)
    except RecipeError as exc:
        if session is None or not exc.is_session_unknown:
            raise
        found = await _ask_agent(ctx, launch, recipe, None, history)
    said, most = found.text.encode("utf-8", "replace"), ctx.settings.most_answer
    if len(said) > most:
        raise RecipeError(f"more than {most:,} bytes of answer")
    remember(ctx.chat_store, name, found.session, ctx.messages[-1].seq)
    return text_actions(text_of(said), characters=ctx.settings.reply_characters)


async def _ask_agent(
    ctx: MessageContext, launch: Launch, recipe: Recipe, session: Session | None, history: Sequence[Message]
) -> AgentAnswer:
    settings: CommandSettings = ctx.settings
    before = [message for message in history if message.seq < ctx.messages[0].seq]
    if session is None:
        prompt = first_prompt(settings.instructions, before, ctx.messages, me=ctx.me)
    else:
        unseen = [message for message in before if message.seq > session.seq and message.sender.id != ctx.me]
        prompt = next_prompt(unseen, ctx.messages, me=ctx.me, is_undelivered=bool(ctx.unsaid))
    spec = launch.spec(ctx.chat_id, None if session is None else session.id)
    execution = await _execute(ctx, spec, prompt.encode("utf-8", "replace"))
    if execution.output is None or execution.status is None:
        raise RecipeError(verdict_of(execution, seconds=settings.timeout, most=settings.most_output).why)
    return recipe.read(execution.output, execution.status)


async def _execute(ctx: MessageContext | RelationshipContext, spec: ChildSpec, told: bytes) -> Execution:
    return await execute(spec, told, seconds=ctx.settings.timeout, most=ctx.settings.most_output)


async def _history(ctx: MessageContext) -> list[Message]:
    """The delivery's own messages count, too."""
    limit = ctx.settings.history
    return await ctx.history(min(200, limit + len(ctx.messages))) if limit else []


async def _do(ctx: MessageContext, action: Action) -> None:
    match action:
        case Reply(reply=text, mentions=mentions):
            await reply_whole(ctx, text, mentions)
        case Say():
            await _speak(ctx, action)
        case Remember(state=state):
            ctx.chat_store["state"] = state
        case Decide():
            raise AssertionError("the answer was checked")


async def _speak(ctx: MessageContext | RelationshipContext, action: Say) -> None:
    await ctx.say(action.chat or await ctx.chats.direct(action.user), action.say)


def _reason(exc: Exception) -> str:
    match exc:
        case ProgramUnavailableError(problem=problem):
            return problem
        case RecipeError(why=why):
            return why
        case OSError():
            return f"{type(exc).__name__}: {exc.strerror}"
        case _:
            return str(exc)


def _fail(ctx: MessageContext | RelationshipContext, verdict: Verdict, launch: Launch) -> NoReturn:
    """Again, after a growing pause; or never. In the end the person is told what the operator has written for it."""
    ctx.log.warning("command.failed", why=verdict.why, stderr=str(launch.stderr_file))
    if verdict.fate is Fate.GIVEN_UP:
        raise Reject(verdict.why, is_told=False)
    raise Retry(why=verdict.why)
