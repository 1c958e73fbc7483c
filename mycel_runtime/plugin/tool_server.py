"""How an agent that a handler lets work gets Mycel as tools, and speaks by them as the handler's run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

RUN_VARIABLE: Final = "MYCEL_TOOLS_RUN"
CHAT_VARIABLE: Final = "MYCEL_TOOLS_CHAT"
STATE_DIR_VARIABLE: Final = "MYCEL_TOOLS_STATE_DIR"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolServer:
    """
    A server of the Model Context Protocol, over standard input and output, for the agent to start.

    Attributes:
        command: The program, by its whole path, and its arguments.
        environment: Variables that it needs besides `PATH` and the like. They name the run, for whoever may use the
            daemon's socket: hand them to the agent, and log them nowhere.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
