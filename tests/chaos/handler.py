"""The plugin of the campaign: writes down what it is shown, and nothing else."""

from __future__ import annotations

from mycel_runtime import Plugin
from tests.chaos.noting import note

plugin = Plugin("chaos")


@plugin.on_message
async def message(ctx):
    note(f"m {ctx.chat_id} {message.seq}" for message in ctx.messages)


@plugin.on_frame("relationship.*")
async def relationship(ctx):
    note([f"r {ctx.metadata['relationship_id']} {ctx.metadata.get('sender_id') or '-'}"])
