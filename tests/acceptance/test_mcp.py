"""`mycel-runtime mcp` as a client's child, beside a daemon that is killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import subprocess
import sys

import httpx
import pytest
from mcp import StdioServerParameters
from mcp.client import Client as McpClient
from mcp.client.stdio import stdio_client

from mycel_runtime.sdk import Client
from tests.acceptance.conftest import DEADLINE, ROOT, until, write_config
from tests.acceptance.walk import is_ready

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

SILENT = """
from mycel_runtime import Plugin

plugin = Plugin("silent")


@plugin.on_start
async def begin(ctx):
    ctx.log.info("silent.started")
"""


@pytest.fixture
def owner(household):
    with Client(base_url=household.base_url, auth_token=household.owner_token) as client:
        yield client, client.chats.ensure_direct(household.agent_id)["id"]


@contextlib.asynccontextmanager
async def tools(config, mode="auto"):
    """A session with the genuine client."""
    arguments = ["-m", "mycel_runtime", "mcp", "--config", str(config)]
    server = StdioServerParameters(command=sys.executable, args=arguments, cwd=ROOT, env=dict(os.environ))
    async with asyncio.timeout(2 * DEADLINE), McpClient(stdio_client(server), mode=mode) as client:
        yield client


def start_daemon(start, config):
    process = start("run", "--config", config)
    until(lambda: is_ready(config.parent / "state"))
    return process


def silent(tmp_path, household):
    config = write_config(tmp_path / "a", household, plugin='[plugins.silent]\npath = "silent.py"\n')
    (tmp_path / "a" / "silent.py").write_text(SILENT)
    return config


def said(owner, household):
    client, chat_id = owner
    history = client.messages.list(chat_id, limit=200)
    return [message["content"] for message in history if message["sender_id"] == household.agent_id]


async def test_the_genuine_client_reads_and_answers_as_the_agent(start, tmp_path, household, owner):
    config = silent(tmp_path, household)
    daemon = start_daemon(start, config)
    client, chat_id = owner
    client.messages.send(chat_id, "hello", enforce_caught_up=False)

    async with tools(config) as session:
        listed = {tool.name: tool for tool in (await session.list_tools()).tools}
        assert {"chats", "read", "reply", "say", "history", "relationships"} <= set(listed)
        (chat,) = (await session.call_tool("chats", {})).structured_content["chats"]
        page = await session.call_tool("read", {"chat_id": chat["chat_id"]})
        assert [message["text"] for message in page.structured_content["messages"]] == ["hello"]
        assert (await session.call_tool("reply", {"chat_id": chat_id, "text": "hi"})).structured_content[
            "state"
        ] == "said"
        refused = await session.call_tool("reply", {"chat_id": chat_id, "text": "hi", "to": "owner"})
        assert refused.is_error
        assert "to: Extra inputs" in refused.content[0].text

        # Killed: the call waits for the restart, and is made again.
        daemon.kill()
        async with asyncio.TaskGroup() as tasks:
            calling = tasks.create_task(session.call_tool("reply", {"chat_id": chat_id, "text": "once"}))
            heir = await asyncio.to_thread(start, "run", "--config", config)
            result = await calling
        if result.is_error:
            # A busy machine starts it later than a call is patient: nothing was written down then.
            await asyncio.to_thread(until, lambda: is_ready(config.parent / "state"))
            result = await session.call_tool("reply", {"chat_id": chat_id, "text": "once"})
        assert result.structured_content["state"] == "said"
        assert said(owner, household) == ["hi", "once"]
    assert heir.stop() == 0
    transcript = daemon.transcript() + heir.transcript()
    assert household.agent_token not in transcript
    assert "hello" not in transcript


def test_over_http_it_asks_for_the_token_that_it_has_drawn(start, tmp_path, household):
    config = silent(tmp_path, household)
    start_daemon(start, config)
    process = start("mcp", "--config", config, "--http", 0)
    address = process.wait_for(lambda each: re.search(r"http://127\.0\.0\.1:(\d+)/mcp", "".join(each.out)))
    token = (config.parent / "state" / "mcp.token").read_text().strip()
    asked = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    accepted = {"accept": "application/json, text/event-stream"}

    assert token not in process.transcript()
    assert httpx.post(address[0], json=asked, headers=accepted, timeout=DEADLINE).status_code == 401
    accepted["authorization"] = f"Bearer {token}"
    assert httpx.post(address[0], json=asked, headers=accepted, timeout=DEADLINE).status_code != 401
    taken = start("mcp", "--config", config, "--http", address[1])
    assert taken.exit_code() == 75
    assert process.stop() == 0


def test_without_a_daemon_it_says_so_and_ends(start, tmp_path, household):
    config = silent(tmp_path, household)
    process = start("mcp", "--config", config)

    assert process.exit_code() == 75
    assert process.out == []
    assert "no daemon answers here" in "\n".join(process.err)
    assert "mycel-runtime run" in "\n".join(process.err)


def test_without_the_library_it_says_what_to_install(tmp_path, household):
    config = silent(tmp_path, household)
    hidden = (
        "import sys, importlib.util; find = importlib.util.find_spec;"
        "importlib.util.find_spec = lambda name, *rest: None if name == 'mcp_types' else find(name, *rest);"
        f"sys.argv = ['mycel-runtime', 'mcp', '--config', {str(config)!r}];"
        "from mycel_runtime.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", hidden],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )

    assert done.returncode == 78
    assert "pip install 'mycel-runtime[mcp]'" in done.stderr
