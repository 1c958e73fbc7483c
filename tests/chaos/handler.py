"""The plugin of the campaign: writes down what it is shown, and nothing else."""

from __future__ import annotations

import os

from mycel_runtime import Plugin

plugin = Plugin("chaos")


def note(lines):
    """One write, so that a killed process leaves whole lines."""
    file = os.open(os.environ["CHAOS_SHOWN"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, "".join(f"{line}\n" for line in lines).encode())
    finally:
        os.close(file)


@plugin.on_message
async def message(ctx):
    note(f"m {ctx.chat_id} {message.seq}" for message in ctx.messages)


@plugin.on_frame("relationship.*")
async def relationship(ctx):
    note([f"r {ctx.metadata['relationship_id']} {ctx.metadata.get('sender_id') or '-'}"])
