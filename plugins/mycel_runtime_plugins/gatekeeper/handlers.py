"""What the gatekeeper hears, and what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from mycel_runtime import (
    AnswerContext,
    JoinRequestContext,
    Plugin,
    Reject,
    RelationshipContext,
    StartContext,
)
from mycel_runtime.sdk import BadRequestError, NotFoundError, PermissionDeniedError
from mycel_runtime_plugins.gatekeeper.answers import verdict_of
from mycel_runtime_plugins.gatekeeper.decision import decide, waiting_now
from mycel_runtime_plugins.gatekeeper.request import Request
from mycel_runtime_plugins.gatekeeper.rules import Asker, needs_name, way_of
from mycel_runtime_plugins.gatekeeper.settings import GatekeeperSettings
from mycel_runtime_plugins.gatekeeper.waiting_list import WaitingList

if TYPE_CHECKING:
    from mycel_runtime_plugins.gatekeeper.answers import Verdict
    from mycel_runtime_plugins.gatekeeper.settings import Way

RequestContext: TypeAlias = RelationshipContext | JoinRequestContext

_UNKNOWN: Final = (BadRequestError, NotFoundError, PermissionDeniedError)

plugin = Plugin("gatekeeper", settings=GatekeeperSettings)


@plugin.on_start
async def find_whom_to_ask(ctx: StartContext) -> None:
    """Tell at the start, rather than at the first request, that nobody can be asked."""
    settings: GatekeeperSettings = ctx.settings
    if settings.ask_user is None:
        return
    key = "ask_user" if settings.ask_chat is None else "ask_chat"
    try:
        chat_id = settings.ask_chat or await ctx.chats.direct(settings.ask_user)
        members = (await ctx.sdk.chats.get(chat_id))["members"]
    except _UNKNOWN:
        raise Reject(f"[plugins.gatekeeper] {key}: the backend knows nobody and nothing by this id") from None
    if settings.ask_user not in {member["id"] for member in members}:
        raise Reject("[plugins.gatekeeper] ask_user: is not in the chat of ask_chat")


@plugin.on_relationship
async def meet_acquaintance(ctx: RelationshipContext) -> None:
    """Decide a request for a relationship, or ask about it."""
    if not ctx.is_open or ctx.relationship is None:
        return
    request = Request(
        id=ctx.relationship_id,
        created_at=str(ctx.relationship["created_at"]),
        user_id=ctx.other_user_id,
        name=str(ctx.metadata.get("sender_name") or ""),
        message=ctx.message,
    )
    await _meet(ctx, await _named(ctx, request))


@plugin.on_join_request
async def meet_visitor(ctx: JoinRequestContext) -> None:
    """Decide a request to join, or ask about it."""
    if not ctx.is_open or ctx.request is None:
        return
    request = Request(
        id=ctx.request_id,
        created_at=str(ctx.request["created_at"]),
        user_id=ctx.other_user_id,
        name=ctx.request["requester_name"] or "",
        message=ctx.message,
        chat_id=ctx.chat_id,
    )
    await _meet(ctx, request)


@plugin.on_answer("decision")
async def hear_verdict(ctx: AnswerContext) -> None:
    """Decide what somebody was asked about."""
    settings: GatekeeperSettings = ctx.settings
    request = Request.model_validate(ctx.data)
    WaitingList(ctx.store).forget(request.id)
    verdict = None if ctx.timed_out else _verdict(ctx)
    if ctx.question.user_id != settings.ask_user:
        await _reconsider(ctx, request)
    elif verdict is not None:
        await _settle(ctx, request, verdict, "")
    elif not ctx.timed_out and request.tries < settings.ask_times:
        await _ask(ctx, request, f"I understand only {_words(settings)}. ")
    elif settings.on_timeout == "leave":
        await ctx.reply(f"No clear answer in time: I leave the request of {request.who} open.")
    else:
        await _settle(ctx, request, settings.on_timeout, "No clear answer in time: ")


async def _meet(ctx: RequestContext, request: Request) -> None:
    """At once, where nobody is to be asked."""
    settings: GatekeeperSettings = ctx.settings
    way = way_of(request.asker, settings)
    waiting = WaitingList(ctx.store)
    if way == "ask" and waiting.has(request.id):
        # Who asks again is asked about when the first question has come back.
        return
    if way == "ask" and len(waiting) >= settings.most_questions:
        way = "leave" if settings.on_timeout == "leave" else "deny"
        ctx.log.warning("gatekeeper.too_many_questions", waiting=len(waiting))
    await _go(ctx, request, way)
    ctx.log.info("gatekeeper.request_met", kind=request.kind, user=request.user_id, way=way)


async def _go(ctx: RequestContext, request: Request, way: Way) -> None:
    match way:
        case "allow":
            await ctx.approve()
        case "deny":
            await ctx.reject("by the gatekeeper's rules")
        case "ask":
            await _ask(ctx, request)
        case "leave":
            pass


async def _reconsider(ctx: AnswerContext, request: Request) -> None:
    """The word of somebody who decides no more does not count, nor does one about an earlier request."""
    settings: GatekeeperSettings = ctx.settings
    now = await waiting_now(ctx.sdk, request)
    if now is None:
        return
    way = way_of(now.asker, settings)
    if way == "ask":
        await _ask(ctx, now)
    elif way in ("allow", "deny"):
        await decide(ctx.sdk, now, way)


async def _settle(ctx: AnswerContext, request: Request, verdict: Verdict, before: str) -> None:
    outcome = await decide(ctx.sdk, request, verdict)
    ctx.log.info(
        "gatekeeper.request_settled",
        kind=request.kind,
        user=request.user_id,
        verdict=verdict,
        outcome=outcome,
    )
    if outcome == "replaced":
        await _reconsider(ctx, request)
    elif outcome == "otherwise":
        await ctx.reply(f"{request.who} does not wait any more: it was taken back, or decided elsewhere.")
    else:
        await ctx.reply(f"{before}{request.who} is {'let in' if verdict == 'allow' else 'not let in'}.")


async def _ask(ctx: RequestContext | AnswerContext, request: Request, before: str = "") -> None:
    settings: GatekeeperSettings = ctx.settings
    user_id = settings.ask_user
    assert user_id is not None, "the settings ask for it"
    chat_id = settings.ask_chat or await ctx.chats.direct(user_id)
    if request.chat_id is not None and not request.chat_title:
        title = (await ctx.sdk.chats.get(request.chat_id))["title"]
        request = request.model_copy(update={"chat_title": title or ""})
    again = request.model_copy(update={"tries": request.tries + 1})
    await ctx.ask(
        chat_id,
        f"{before}{request.wish}. Shall I let them in? Answer {_words(settings)}.",
        name="decision",
        data=again,
        timeout=settings.ask_timeout,
        user_id=user_id,
        mentions=[] if settings.ask_chat is None else [user_id],
    )
    WaitingList(ctx.store).note(request.id, settings.ask_timeout)


def _verdict(ctx: AnswerContext) -> Verdict | None:
    settings: GatekeeperSettings = ctx.settings
    return verdict_of(ctx.messages[-1].content, yes=settings.yes, no=settings.no)


def _words(settings: GatekeeperSettings) -> str:
    return f"{settings.yes[0]} or {settings.no[0]}"


async def _named(ctx: RelationshipContext, request: Request) -> Request:
    """With the name, where it counts: a request that no frame announced comes without."""
    settings: GatekeeperSettings = ctx.settings
    asker: Asker = request.asker
    if request.name or not (needs_name(asker, settings) or way_of(asker, settings) == "ask"):
        return request
    chat = await ctx.sdk.chats.get(await ctx.chats.direct(request.user_id))
    names = [member["name"] for member in chat["members"] if member["id"] == request.user_id]
    return request.model_copy(update={"name": names[0] if names else ""})
