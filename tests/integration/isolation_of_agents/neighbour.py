"""The plugin of those whom nothing of the failing one may cost anything."""

from __future__ import annotations

from mycel_runtime import Plugin

plugin = Plugin("neighbour")


@plugin.on_message
async def answer(ctx):
    """Each message once."""
    for message in ctx.messages:
        await ctx.reply(f"re {message.content}")
