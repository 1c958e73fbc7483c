"""What the scheduler says, and when."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

from mycel_runtime import Plugin, Reject, StartContext, TimerContext
from mycel_runtime.sdk import BadRequestError, NotFoundError, PermissionDeniedError
from mycel_runtime_plugins.scheduler.settings import Post, SchedulerSettings
from mycel_runtime_plugins.scheduler.template import Template, values_at

_UNKNOWN: Final = (BadRequestError, NotFoundError, PermissionDeniedError)

plugin = Plugin("scheduler", settings=SchedulerSettings)


@plugin.on_start
async def find_places(ctx: StartContext) -> None:
    """Tell at the start, rather than when it is time, that there is no such chat."""
    settings: SchedulerSettings = ctx.settings
    for post in settings.posts:
        try:
            if post.chat is not None:
                await ctx.sdk.chats.get(post.chat)
            else:
                await ctx.chats.direct(str(post.user))
        except _UNKNOWN:
            key = "chat" if post.chat is not None else "user"
            raise Reject(
                f"[[plugins.scheduler.posts]] {post.known_as}: {key} is none that the agent can write to"
            ) from None


@plugin.on_load
def declare_posts(own: Plugin, settings: SchedulerSettings) -> None:
    """A schedule for each post."""
    for post in settings.posts:
        if post.every is not None:
            own.every(**post.every.model_dump(), catch_up=post.catch_up)(_Posting(post))
        else:
            schedule = own.cron(str(post.cron), timezone=post.timezone, catch_up=post.catch_up)
            schedule(_Posting(post))


class _Posting:
    """A handler by the post's own name."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self.__name__ = post.known_as

    async def __call__(self, ctx: TimerContext) -> None:
        """Called when it is time."""
        await say_post(ctx, self._post)


async def say_post(ctx: TimerContext, post: Post) -> None:
    """Say it, by the time that it was to be said at: one that is late names its own day."""
    settings: SchedulerSettings = ctx.settings
    when = ctx.due_at.astimezone(ZoneInfo(post.timezone))
    values = values_at(when, name=post.known_as, weekdays=settings.weekdays, months=settings.months)
    chat_id = post.chat or await ctx.chats.direct(str(post.user))
    await ctx.say(
        chat_id, Template(post.text).filled(values), mentions=post.mentions, on_conflict=post.on_conflict
    )
