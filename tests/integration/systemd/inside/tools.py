"""A client of `mycel-runtime mcp --http`: reads what waits, and replies. Arguments: port, file of the token."""

import asyncio
import sys
from pathlib import Path

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client


async def main(port, token):
    headers = {"authorization": f"Bearer {token}"}
    url = f"http://127.0.0.1:{port}/mcp"
    async with (
        httpx2.AsyncClient(headers=headers) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        (chat,) = (await client.call_tool("chats", {})).structured_content["chats"]
        where = {"chat_id": chat["chat_id"]}
        page = (await client.call_tool("read", where)).structured_content
        word = page["messages"][-1]["text"].split()[-1]
        print(
            (await client.call_tool("reply", where | {"text": f"heard {word}"})).structured_content["state"]
        )


asyncio.run(main(sys.argv[1], Path(sys.argv[2]).read_text().strip()))
