"""The isolated plugin of the soak: hears everything, counts, and says nothing."""

from __future__ import annotations

from mycel_runtime import Plugin

plugin = Plugin("noting")


@plugin.on_message
def note(ctx):
    ctx.chat_store["heard"] = ctx.chat_store.get("heard", 0) + len(ctx.messages)
