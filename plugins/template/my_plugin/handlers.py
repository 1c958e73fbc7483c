"""What my-plugin hears, and what it says."""

from __future__ import annotations

from mycel_runtime import MessageContext, Plugin
from pydantic import BaseModel, Field


class MyPluginSettings(BaseModel):
    """The table `[plugins.my-plugin]` of `agent.toml`."""

    greeting: str = Field(default="You said", description="Said before what was heard.")


plugin = Plugin("my-plugin", settings=MyPluginSettings)


@plugin.on_message
async def answer(ctx: MessageContext) -> None:
    """Answer the newest of the messages that this handler has not been shown."""
    settings: MyPluginSettings = ctx.settings
    await ctx.reply(f"{settings.greeting}: {ctx.messages[-1].content}")
