"""A plugin without a handler of messages: whoever uses the tools answers."""

from mycel_runtime import Plugin

plugin = Plugin("quiet")


@plugin.on_start
async def begin(ctx):
    ctx.log.info("quiet.started")
