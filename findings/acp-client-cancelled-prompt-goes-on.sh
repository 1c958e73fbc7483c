#!/usr/bin/env bash
# agent-client-protocol: a prompt whose task is cancelled goes on, and its answer comes with the next one's
#
# Version    agent-client-protocol 0.12.1
# Expected   Cancelling the task that awaits `prompt` of a spawned agent (a deadline does that) tells the agent, as the
#            protocol's session/cancel does, or the texts of that turn are at least told from those of the next one.
# Behaviour  Nothing is sent. The agent works on, and what it says then arrives while the next prompt is awaited: whoever
#            puts a turn's texts together has the old answer in front of the new one.
# For us     The plugin `acp` has a client of its own: it sends session/cancel and waits for the turn's end before anything
#            else is asked in that session, or ends the agent.
#
# Output seen:
#   prompt one: cancelled
#   prompt two: end_turn ['answer to one', 'answer to two']
#   the agent was told to cancel: 0 times
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'agent-client-protocol==0.12.1'

cat >"$work/turns.py" <<'PYTHON'
import asyncio
import contextlib
import pathlib
import sys

import acp
from acp.schema import InitializeResponse, NewSessionResponse, PromptResponse

TOLD = pathlib.Path(__file__).with_name("told")


class Agent(acp.Agent):
    """Thinks for half a second, then says which prompt it answers."""

    def on_connect(self, conn):
        self.client = conn

    async def initialize(self, protocol_version, **_):
        return InitializeResponse(protocol_version=protocol_version)

    async def new_session(self, cwd, **_):
        return NewSessionResponse(session_id="s")

    async def prompt(self, prompt, session_id, **_):
        await asyncio.sleep(0.5)
        text = acp.update_agent_message_text(f"answer to {prompt[0].text}")
        await self.client.session_update(session_id, text)
        return PromptResponse(stop_reason="end_turn")

    async def cancel(self, session_id, **_):
        with TOLD.open("a") as told:
            told.write("cancel\n")


class Client(acp.Client):
    """Keeps what it is told."""

    def __init__(self):
        self.texts = []

    async def session_update(self, session_id, update, **_):
        self.texts.append(update.content.text)


async def ask():
    """The first prompt is given up after a tenth of a second."""
    mine = Client()
    async with acp.spawn_agent_process(mine, sys.executable, __file__, "agent") as (agent, _):
        await agent.initialize(protocol_version=acp.PROTOCOL_VERSION)
        session = (await agent.new_session(cwd="/", mcp_servers=[])).session_id
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(agent.prompt(session_id=session, prompt=[acp.text_block("one")]), 0.1)
            raise SystemExit("the first prompt was answered in time")
        print("prompt one: cancelled")
        answer = await agent.prompt(session_id=session, prompt=[acp.text_block("two")])
        print(f"prompt two: {answer.stop_reason} {mine.texts}")
    times = len(TOLD.read_text().splitlines()) if TOLD.exists() else 0
    print(f"the agent was told to cancel: {times} times")


asyncio.run(acp.run_agent(Agent()) if sys.argv[1:] == ["agent"] else ask())
PYTHON

cat >"$work/expected" <<'TEXT'
prompt one: cancelled
prompt two: end_turn ['answer to one', 'answer to two']
the agent was told to cancel: 0 times
TEXT
timeout 60 "$work/venv/bin/python" "$work/turns.py" | tee "$work/seen"
diff "$work/expected" "$work/seen" && echo "as described"
