"""The library's server with our tools, over standard input and output."""

from __future__ import annotations

import logging
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

from mycel_runtime.mcp_server.daemon_door import DaemonDoor
from mycel_runtime.mcp_server.tool import TOOLS, instructions, unknown
from mycel_runtime.mcp_server.toolbox import Toolbox
from mycel_runtime.mcp_server.view import View

if TYPE_CHECKING:
    from pathlib import Path

    from mcp.server.context import ServerRequestContext

    from mycel_runtime.mcp_server.answered_run import AnsweredRun

NAME: Final = "mycel"


def make_server(toolbox: Toolbox) -> Server[Any]:
    """A server for one client."""
    # What the library logs may quote a call, and with it somebody's words.
    logging.getLogger("mcp").setLevel(logging.CRITICAL)

    async def list_tools(
        _ctx: ServerRequestContext[Any], _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[tool.listed() for tool in TOOLS.values()])

    async def call_tool(
        _ctx: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        tool = TOOLS.get(params.name)
        return unknown(params.name) if tool is None else await tool.call(toolbox, params.arguments or {})

    return Server(
        NAME,
        version=version("mycel-runtime"),
        title="Mycel",
        instructions=instructions(toolbox.run),
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


async def serve_stdio(state_dir: Path, run: AnsweredRun | None = None) -> None:
    """
    Serve the client at the other end of standard input and output, until it closes them.

    Args:
        state_dir: Of the agent whose daemon runs.
        run: What the client answers.

    Cancelling: what was to be said may be said.
    """
    async with DaemonDoor(state_dir) as door, stdio_server() as (incoming, outgoing):
        server = make_server(Toolbox(door=door, view=View(), run=run))
        await server.run(incoming, outgoing, server.create_initialization_options())
