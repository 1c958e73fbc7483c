"""The agent that says everything back: the first thing a newcomer sees, and the acceptance tests' witness."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from mycel_runtime import MessageContext, Plugin


class EchoSettings(BaseModel):
    """`[plugins.echo]`."""

    model_config = ConfigDict(extra="forbid")

    prefix: str = "echo: "
    """Put before each answer."""


plugin = Plugin("echo", settings=EchoSettings)


@plugin.on_message
async def echo(ctx: MessageContext) -> None:
    """Answer every message with its own text, one by one."""
    for message in ctx.messages:
        await ctx.reply(f"{ctx.settings.prefix}{message.content}")
