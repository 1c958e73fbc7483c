"""A plugin whose author is careless: with a token in whatever he logs, and with a message's text in errors."""

from __future__ import annotations

import asyncio
import base64
import logging
import sys
import threading
import traceback
from pathlib import Path

import structlog
from pydantic import BaseModel

from mycel_runtime import Plugin


class Settings(BaseModel):
    """Where the token is that it is careless with."""

    token_file: str

    def read_token(self):
        """What nobody should log."""
        return Path(self.token_file).read_text().strip()


plugin = Plugin("indiscreet", settings=Settings)

handler = logging.StreamHandler()
library = logging.getLogger("careless.library")


@plugin.on_message
async def leak(ctx):
    token = ctx.settings.read_token()
    text = ctx.messages[-1].content
    for name in ("httpx", "httpcore", "websockets", "asyncio", "urllib3"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    library.addHandler(handler)
    logging.basicConfig(level=logging.DEBUG)
    library.debug("Authorization: Bearer %s", token)
    library.debug("request %r", {"headers": [(b"authorization", token.encode())]})
    ctx.log.debug("careless", token=token, url=f"https://me:{token}@example.org/?token={token}")
    ctx.log.debug("nested", headers={"X-Api-Key": token, "other": [token]})
    structlog.get_logger().warning("bare", value=token)
    print("printed", token)
    print("printed", repr(token), file=sys.stderr)
    try:
        int(token)
    except ValueError:
        library.exception("failed")
        ctx.log.exception("failed")
        traceback.print_exc()
    user = base64.b64encode(b"careless").decode()
    library.debug("%s %s", user, {"password": token})

    async def in_task():
        raise ValueError(text + token)

    task = asyncio.get_running_loop().create_task(in_task())
    await asyncio.wait([task])
    thread = threading.Thread(target=lambda: {}[text])
    thread.start()
    thread.join()
    if "fail" in text:
        raise RuntimeError(text + token)
    await ctx.reply("discreet")
