#!/usr/bin/env bash
# agent-client-protocol: what a client or an agent has not written is answered with success, if it inherits from the interface
#
# Version    agent-client-protocol 0.12.1
# Expected   Classes are derived from `acp.Client` and `acp.Agent`, as the library's examples have it. A request for a
#            method that the class does not define is refused: JSON-RPC has "method not found" (-32601) for it, and that
#            is what both answer if the class is derived from nothing.
# Behaviour  The methods of the interface are there to be inherited, do nothing and return None, which goes out as a
#            result. `fs/write_text_file`, `session/load` and `authenticate` thereby succeed: the agent has written a
#            file that does not exist, and the client goes on in a session that nobody has loaded. Whoever finds out by
#            asking what the other side can do is told that it can do everything.
# For us     The plugin `acp` answers requests by itself (plugins/.../acp/connection.py): what it does not know is -32601,
#            counted and tested (tests/plugins/acp/test_connection.py); and it loads a session only if the agent has
#            announced that it can.
#
# Output seen:
#   derived: the agent has written a file: yes; it exists: no
#   derived: the client has loaded an unknown session: yes; is logged in by an unknown method: yes
#   derived from nothing: the agent has written a file: Method not found; it exists: no
#   derived from nothing: the client has loaded an unknown session: Method not found; is logged in by an unknown method: Method not found
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'agent-client-protocol==0.12.1'

cat >"$work/success.py" <<'PYTHON'
import asyncio
import pathlib
import sys

import acp
from acp.schema import InitializeResponse, NewSessionResponse, PromptResponse

FILE = pathlib.Path(__file__).with_name("notes.txt")


class Agent:
    """Asks the client to write a file, and says what became of it."""

    def on_connect(self, conn):
        self.client = conn

    async def initialize(self, protocol_version, **_):
        return InitializeResponse(protocol_version=protocol_version)

    async def new_session(self, cwd, **_):
        return NewSessionResponse(session_id="s")

    async def prompt(self, prompt, session_id, **_):
        writing = self.client.write_text_file(content="notes", path=str(FILE), session_id=session_id)
        await self.client.session_update(session_id, acp.update_agent_message_text(await outcome(writing)))
        return PromptResponse(stop_reason="end_turn")


class Client:
    """Hears what is said, and can do nothing else."""

    said = ""

    async def session_update(self, session_id, update, **_):
        self.said += update.content.text

    def on_connect(self, conn):
        pass


class DerivedAgent(Agent, acp.Agent):
    pass


class DerivedClient(Client, acp.Client):
    pass


async def outcome(call):
    try:
        await call
    except acp.RequestError as refused:
        return str(refused)
    return "yes"


async def ask(label, client, kind):
    async with acp.spawn_agent_process(client, sys.executable, __file__, kind) as (agent, _):
        await agent.initialize(protocol_version=acp.PROTOCOL_VERSION)
        session = (await agent.new_session(cwd="/", mcp_servers=[])).session_id
        await agent.prompt(session_id=session, prompt=[acp.text_block("Take notes")])
        loaded = await outcome(agent.load_session(cwd="/", session_id="unknown", mcp_servers=[]))
        authenticated = await outcome(agent.authenticate(method_id="unknown"))
    print(f"{label}: the agent has written a file: {client.said}; it exists: {'yes' if FILE.exists() else 'no'}")
    print(f"{label}: the client has loaded an unknown session: {loaded}; is logged in by an unknown method: {authenticated}")


async def both():
    await ask("derived", DerivedClient(), "derived")
    await ask("derived from nothing", Client(), "plain")


AGENTS = {"derived": DerivedAgent, "plain": Agent}
asyncio.run(acp.run_agent(AGENTS[sys.argv[1]]()) if sys.argv[1:] else both())
PYTHON

cat >"$work/expected" <<'TEXT'
derived: the agent has written a file: yes; it exists: no
derived: the client has loaded an unknown session: yes; is logged in by an unknown method: yes
derived from nothing: the agent has written a file: Method not found; it exists: no
derived from nothing: the client has loaded an unknown session: Method not found; is logged in by an unknown method: Method not found
TEXT
timeout 90 "$work/venv/bin/python" "$work/success.py" | tee "$work/seen"
diff "$work/expected" "$work/seen" && echo "as described"
