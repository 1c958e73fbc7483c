"""An agent that writes what nobody expects, asks for what it is not given, or never stops."""

from __future__ import annotations

import pytest

from mycel_runtime_plugins.acp import plugin
from tests.plugins.acp.conftest import PATIENCE

pytestmark = pytest.mark.slow

OPTIONS = [{"optionId": kind, "name": kind, "kind": kind} for kind in ("allow_once", "reject_once")]

UNKNOWN_UPDATE = (
    '{"jsonrpc":"2.0","method":"session/update",'
    '"params":{"sessionId":"SESSION","update":{"sessionUpdate":"new"}}}'
)


async def test_whatever_an_agent_writes_and_asks_for_the_turn_goes_on(mycel, agent, settings):
    agent.play(
        [
            ["raw", "Debugger listening"],
            ["raw", "\udcff\udcfe"],
            ["raw", UNKNOWN_UPDATE],
            ["raw", '{"jsonrpc":"2.0","method":"vendor/notice","params":[]}'],
            ["request", "fs/read_text_file", {"path": "/etc/hostname"}],
            ["request", "vendor/ask", {}],
            ["ask", {"kind": "execute", "title": "ls"}, OPTIONS],
            ["ask", {"kind": "read", "locations": [{"path": "notes"}]}, OPTIONS],
            ["notice", "Update available."],
            ["say", "Hello.", "message-1"],
        ]
    )
    allow = [{"kind": "read", "path": "."}]
    ada = await mycel.human("Ada")
    await mycel.agent(plugin, settings={"acp": settings | {"allow": allow}})

    await ada.says("hello")

    await ada.hears("Hello.", within=PATIENCE)
    file, vendor, shell, read = agent.record("answered")
    assert [file["error"]["code"], vendor["error"]["code"]] == [-32601, -32601]
    assert shell["answer"] == {"outcome": {"outcome": "selected", "optionId": "reject_once"}}
    assert read["answer"] == {"outcome": {"outcome": "selected", "optionId": "allow_once"}}


async def test_an_answer_of_twenty_megabytes_in_one_line_is_cut_and_says_so(mycel, agent, settings):
    agent.play([["fill", 20_000_000]])
    ada = await mycel.human("Ada")
    await mycel.agent(plugin, settings={"acp": settings | {"answer_characters": 1_000}})

    await ada.says("hello")

    heard = await ada.hears(within=PATIENCE)
    assert heard.content == "x" * 1_000 + "\n\n[The answer goes on; only its beginning is sent.]"
