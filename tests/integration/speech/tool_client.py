"""A client of the tools beside an agent in this process, without a socket and without a model."""

from __future__ import annotations

import json

from mycel_runtime.daemon.tool_calls import MISTAKEN, OK, call_tool
from mycel_runtime.errors import ToolProblemError
from mycel_runtime.mcp_server.arguments import (
    ChatArguments,
    DecideArguments,
    HistoryArguments,
    NoArguments,
    OutcomeArguments,
    ReadArguments,
    ReplyArguments,
    SayArguments,
)
from mycel_runtime.mcp_server.toolbox import Toolbox
from mycel_runtime.mcp_server.view import View

ARGUMENTS = {
    "chats": NoArguments,
    "members": ChatArguments,
    "read": ReadArguments,
    "history": HistoryArguments,
    "reply": ReplyArguments,
    "say": SayArguments,
    "outcome": OutcomeArguments,
    "relationships": NoArguments,
    "decide_relationship": DecideArguments,
}


class Door:
    """In the place of a `DaemonDoor`: what goes over the socket goes through JSON here, too."""

    def __init__(self, tools):
        self.tools = tools

    async def call(self, verb, *, waits=0.0, **arguments):
        code, answer = await call_tool(self.tools(), verb, json.loads(json.dumps(arguments)))
        if code != OK:
            raise ToolProblemError(answer["problem"], answer["fix"], is_refused=code == MISTAKEN)
        return json.loads(json.dumps(answer))


class ToolClient:
    """
    A session of tools.

    Args:
        agent: Whose; may be replaced by another life of it.
        seconds: That a call waits for its words to be said.
        run: What it answers.
    """

    def __init__(self, agent, *, seconds=10.0, run=None):
        self.agent = agent
        door = Door(lambda: self.agent.parts.dispatcher.tools)
        self.toolbox = Toolbox(door=door, view=View(), speech_seconds=seconds, run=run)

    async def call(self, name, **arguments):
        """The result of a tool; raises `ToolProblemError`."""
        await self.toolbox.begin_call()
        return await getattr(self.toolbox, name)(ARGUMENTS[name].model_validate(arguments))

    async def texts(self, chat_id, **arguments):
        """What `read` shows."""
        page = await self.call("read", chat_id=chat_id, **arguments)
        return [message["text"] for message in page["messages"]]
