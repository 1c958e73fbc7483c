"""The handlers that no plugin has: what is read and said by the tools of `mycel-runtime mcp`."""

from __future__ import annotations

from typing import Final

from mycel_runtime.journal.ids import HandlerId

TOOLS: Final = "mcp"
"""In the place of a plugin's name, of what is read and said by `mycel-runtime mcp`. No plugin may have it."""

TOOL_REPLY: Final = HandlerId(f"{TOOLS}.reply")
"""Says an answer to what was read by a tool; not after anything that whoever answers has not been shown."""

TOOL_SAY: Final = HandlerId(f"{TOOLS}.say")
"""Says first, as `ctx.say` does."""

TOOL_READ: Final = HandlerId(f"{TOOLS}.read")
"""Reads, as `ctx.read` does."""
