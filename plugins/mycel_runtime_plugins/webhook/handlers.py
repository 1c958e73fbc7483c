"""What is delivered, and what becomes of the answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mycel_runtime import (
    ChatEventContext,
    JoinRequestContext,
    MessageContext,
    Plugin,
    Reject,
    RelationshipContext,
    Retry,
    StartContext,
    StopContext,
)
from mycel_runtime_plugins.webhook.answer import Approve, Say, Turn
from mycel_runtime_plugins.webhook.body import (
    delivery_of_chat,
    delivery_of_join_request,
    delivery_of_messages,
    delivery_of_relationship,
)
from mycel_runtime_plugins.webhook.callback_door import close_door, open_door
from mycel_runtime_plugins.webhook.exchange import delivered
from mycel_runtime_plugins.webhook.secret import SecretError, read_keys
from mycel_runtime_plugins.webhook.settings import WebhookSettings
from mycel_runtime_plugins.whole_reply import reply_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime_plugins.webhook.answer import Deed

plugin = Plugin("webhook", settings=WebhookSettings)


@plugin.on_start
async def begin(ctx: StartContext) -> None:
    """Tell at the start, rather than at the first message, that nothing can be signed; hear callbacks."""
    try:
        await asyncio.to_thread(read_keys, ctx.settings)
    except SecretError as exc:
        raise Reject(f"[plugins.webhook] {exc}") from None
    try:
        await open_door(ctx.me, ctx.settings)
    except OSError as exc:
        raise Retry(why=f"[plugins.webhook] callbacks cannot be heard: {exc.strerror or exc}") from None


@plugin.on_stop
async def end(ctx: StopContext) -> None:
    """Hear no callbacks any more."""
    await close_door(ctx.me)


@plugin.on_load
def declare_handlers(own: Plugin, settings: WebhookSettings) -> None:
    """One for each kind of event."""
    timeout, attempts = settings.handler_timeout, settings.max_attempts
    if "messages" in settings.events:
        messages = own.on_message(
            chat=settings.chat,
            mention=settings.mention,
            sender=settings.sender,
            pattern=None if settings.pattern is None else settings.pattern.source,
            notifications="notifications" in settings.events,
            quiet=settings.quiet,
            on_conflict=settings.on_conflict,
            timeout=timeout,
            max_attempts=attempts,
            on_give_up=settings.on_give_up,
        )
        messages(deliver_messages)
    elif "notifications" in settings.events:
        own.on_notification(timeout=timeout, max_attempts=attempts)(deliver_messages)
    if "relationships" in settings.events:
        own.on_relationship(timeout=timeout, max_attempts=attempts)(deliver_relationship)
    if "join_requests" in settings.events:
        own.on_join_request(timeout=timeout, max_attempts=attempts)(deliver_join_request)
    if "chats" in settings.events:
        own.on_chat(timeout=timeout, max_attempts=attempts)(deliver_chat)


async def deliver_messages(ctx: MessageContext) -> None:
    """Say in the chat what the endpoint answers."""
    settings: WebhookSettings = ctx.settings
    first = ctx.messages[0].seq
    history = await ctx.history(settings.history, before=first) if settings.history and first > 1 else []
    delivery = delivery_of_messages(ctx, history)
    async with delivered(delivery, ctx, is_request=False, has_chat=True) as answer:
        for reply in answer.replies:
            await reply_whole(ctx, reply.text, reply.mentions)
        await _do(ctx, answer.deeds)


async def deliver_relationship(ctx: RelationshipContext) -> None:
    """Decide a request as the endpoint answers."""
    delivery = delivery_of_relationship(ctx)
    async with delivered(delivery, ctx, is_request=ctx.is_open, has_chat=False) as answer:
        await _do(ctx, answer.deeds)


async def deliver_join_request(ctx: JoinRequestContext) -> None:
    """As a relationship."""
    delivery = delivery_of_join_request(ctx)
    async with delivered(delivery, ctx, is_request=ctx.is_open, has_chat=False) as answer:
        await _do(ctx, answer.deeds)


async def deliver_chat(ctx: ChatEventContext) -> None:
    """Only deeds that say something can follow."""
    delivery = delivery_of_chat(ctx)
    async with delivered(delivery, ctx, is_request=False, has_chat=False) as answer:
        await _do(ctx, answer.deeds)


async def _do(
    ctx: MessageContext | RelationshipContext | JoinRequestContext | ChatEventContext, deeds: Sequence[Deed]
) -> None:
    for deed in deeds:
        match deed:
            case Say():
                chat_id = deed.chat if deed.chat is not None else await ctx.chats.direct(str(deed.user))
                await ctx.say(chat_id, deed.text, mentions=deed.mentions)
            case Approve() | Turn():
                assert isinstance(ctx, RelationshipContext | JoinRequestContext), "the answer was checked"
                await (ctx.approve() if isinstance(deed, Approve) else ctx.reject(deed.why))
