"""
What another client makes of the tools: run by `other_client`, where `fastmcp` is, and nothing of ours.

Arguments: the command line of the server.
"""

from __future__ import annotations

import asyncio
import sys

from fastmcp import Client
from fastmcp.client.transports import StdioTransport


async def main():
    """Reads, answers, and is refused; prints what it was told."""
    transport = StdioTransport(command=sys.argv[1], args=sys.argv[2:])
    async with Client(transport) as client:
        print("tools", len(await client.list_tools()))
        (chat,) = (await client.call_tool("chats", {})).structured_content["chats"]
        where = {"chat_id": chat["chat_id"]}
        early = await client.call_tool("reply", where | {"text": "hi"}, raise_on_error=False)
        print("early", early.is_error, early.content[0].text.partition(":")[0])
        page = (await client.call_tool("read", where)).structured_content
        print("read", *(message["text"] for message in page["messages"]))
        print("reply", (await client.call_tool("reply", where | {"text": "hi"})).structured_content["state"])
        odd = await client.call_tool("reply", where | {"text": "hi", "to": "x"}, raise_on_error=False)
        print("odd", odd.is_error, "to: Extra inputs" in odd.content[0].text)


asyncio.run(main())
