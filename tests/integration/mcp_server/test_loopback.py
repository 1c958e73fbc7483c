"""Tools over HTTP: on this machine, for who holds the token, and for no page of a browser."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import stat

import httpx
import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from pydantic import SecretStr

from mycel_runtime.errors import ConfigError
from mycel_runtime.mcp_server.loopback import HOST, loopback_server, token_in
from mycel_runtime.mcp_server.toolbox import Toolbox
from mycel_runtime.mcp_server.view import View

TOKEN = "correct-horse"
WAIT_SECONDS = 60.0


class Door:
    """Answers in the place of a daemon."""

    async def call(self, verb, **arguments):
        assert verb == "relationships"
        return {"relationships": []}


@contextlib.asynccontextmanager
async def served():
    """The address of a server that runs."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        server = loopback_server(Toolbox(door=Door(), view=View()), listener, SecretStr(TOKEN))
        async with asyncio.timeout(WAIT_SECONDS), asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve(sockets=[listener]))
            while not server.started:  # noqa: ASYNC110 - uvicorn tells nobody
                await asyncio.sleep(0.01)
            try:
                yield f"http://{HOST}:{listener.getsockname()[1]}/mcp"
            finally:
                server.should_exit = True


HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    },
}
GOOD = {"authorization": f"Bearer {TOKEN}", "accept": "application/json, text/event-stream"}


@pytest.mark.slow
async def test_only_who_sends_the_token_to_this_address_is_served():
    async with served() as url, httpx.AsyncClient() as client:

        async def status(**headers):
            return (await client.post(url, json=HELLO, headers=GOOD | headers)).status_code

        assert await status() == 200
        assert await status(authorization="") == 401
        assert await status(authorization=TOKEN) == 401
        assert await status(authorization=f"Bearer {TOKEN}x") == 401
        assert await status(authorization=b"Bearer \xe9") == 401
        assert await status(host="rebound.example") == 421
        assert await status(host="127.0.0.1:1") == 421
        assert await status(origin="https://page.example") == 403
        assert await status(origin=url.removesuffix("/mcp")) == 200


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_genuine_client_calls_tools(mode):
    async with (
        served() as url,
        httpx2.AsyncClient(headers={"authorization": f"Bearer {TOKEN}"}) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        assert "reply" in {tool.name for tool in (await client.list_tools()).tools}
        result = await client.call_tool("relationships", {})
        assert result.structured_content == {"relationships": []}
        assert (await client.call_tool("relationships", {"all": True})).is_error


def test_the_token_is_drawn_once_and_for_its_owner_only(tmp_path):
    path = tmp_path / "mcp.token"
    drawn = token_in(path).get_secret_value()

    assert len(drawn) > 40
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert token_in(path).get_secret_value() == drawn
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="open to others"):
        token_in(path)
    with pytest.raises(ConfigError, match="cannot write the token"):
        token_in(tmp_path / "nowhere" / "mcp.token")
