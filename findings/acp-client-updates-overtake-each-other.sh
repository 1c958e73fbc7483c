#!/usr/bin/env bash
# agent-client-protocol: updates overtake each other as soon as the client awaits anything for one of them
#
# Version    agent-client-protocol 0.12.1
# Expected   The updates of a turn are handled one after the other: chunks of a text mean something in their order only,
#            the agent writes them into one pipe, and a request is answered after what was told before it is handled.
# Behaviour  Each message of the agent's becomes a task of its own. If the first update opens something (a message in a
#            chat, a file, a connection) and the next ones find it open, the beginning of the text comes last; and the
#            question for a permission is put before the sentence that says what it is for. `prompt` waits for all of
#            them, so nothing is missing, and nothing tells.
# For us     The plugin `acp` has a connection of its own (plugins/.../acp/connection.py): everything is done in the
#            callback that brings the bytes; tests/plugins/acp/test_connection.py holds it to the order of the pipe.
#
# Output seen:
#   the agent said: 'I found a draft. It is from May.', asked for a permission, and said: ' It is gone.'
#   the client had: permission, ' It is from May.', ' It is gone.', 'I found a draft.'
#   a client that awaits nothing had: 'I found a draft.', ' It is from May.', permission, ' It is gone.'
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'agent-client-protocol==0.12.1'

cat >"$work/order.py" <<'PYTHON'
import asyncio
import sys

import acp
from acp.schema import (
    AllowedOutcome,
    InitializeResponse,
    NewSessionResponse,
    PermissionOption,
    PromptResponse,
    RequestPermissionResponse,
    ToolCallUpdate,
)

BEFORE, AFTER = ["I found a draft.", " It is from May."], " It is gone."
YES = PermissionOption(kind="allow_once", name="Yes", option_id="yes")


class Agent(acp.Agent):
    """Says two pieces of text, asks, and says a third."""

    def on_connect(self, conn):
        self.client = conn

    async def initialize(self, protocol_version, **_):
        return InitializeResponse(protocol_version=protocol_version)

    async def new_session(self, cwd, **_):
        return NewSessionResponse(session_id="s")

    async def prompt(self, prompt, session_id, **_):
        for text in BEFORE:
            await self.client.session_update(session_id, acp.update_agent_message_text(text))
        call = ToolCallUpdate(tool_call_id="delete", title="Delete the draft")
        await self.client.request_permission(session_id=session_id, options=[YES], tool_call=call)
        await self.client.session_update(session_id, acp.update_agent_message_text(AFTER))
        return PromptResponse(stop_reason="end_turn")


class Client(acp.Client):
    """Notes what it has handled."""

    def __init__(self):
        self.handled = []

    async def session_update(self, session_id, update, **_):
        self.handled.append(repr(update.content.text))

    async def request_permission(self, options, session_id, tool_call, **_):
        self.handled.append("permission")
        return RequestPermissionResponse(outcome=AllowedOutcome(outcome="selected", option_id="yes"))


class Opening(Client):
    """Its first update opens something, which takes until the others are done; those find it opened."""

    def __init__(self):
        super().__init__()
        self.is_opened, self.rest = False, asyncio.Event()

    async def session_update(self, session_id, update, **_):
        if not self.is_opened:
            self.is_opened = True
            await asyncio.wait_for(self.rest.wait(), 30)
        await super().session_update(session_id, update)
        if update.content.text == AFTER:
            self.rest.set()


async def handled_by(client):
    async with acp.spawn_agent_process(client, sys.executable, __file__, "agent") as (agent, _):
        await agent.initialize(protocol_version=acp.PROTOCOL_VERSION)
        session = (await agent.new_session(cwd="/", mcp_servers=[])).session_id
        await agent.prompt(session_id=session, prompt=[acp.text_block("Tidy up")])
    return ", ".join(client.handled)


async def ask():
    print(f"the agent said: {''.join(BEFORE)!r}, asked for a permission, and said: {AFTER!r}")
    print(f"the client had: {await handled_by(Opening())}")
    print(f"a client that awaits nothing had: {await handled_by(Client())}")


asyncio.run(acp.run_agent(Agent()) if sys.argv[1:] == ["agent"] else ask())
PYTHON

cat >"$work/expected" <<'TEXT'
the agent said: 'I found a draft. It is from May.', asked for a permission, and said: ' It is gone.'
the client had: ' It is from May.', permission, ' It is gone.', 'I found a draft.'
a client that awaits nothing had: 'I found a draft.', ' It is from May.', permission, ' It is gone.'
TEXT
timeout 90 "$work/venv/bin/python" "$work/order.py" | tee "$work/seen"
diff "$work/expected" "$work/seen" && echo "as described"
