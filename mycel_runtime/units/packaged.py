"""The unit and the drop-ins that come with the runtime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import mycel_runtime

if TYPE_CHECKING:
    from collections.abc import Mapping

TEMPLATE: Final = "mycel-runtime@.service"

OF_FOLDER: Final = "mycel-runtime-agents.service"
"""For all agents of a folder."""

_NODE_AGENTS: Final = frozenset({"claude", "codex", "gemini", "qwen", "opencode"})
"""Known agents and recipes that run on Node or Bun."""


def packaged(name: str) -> str:
    """
    The text of a file below `systemd`.

    Args:
        name: Relative to it.
    """
    return (_folder() / name).read_text(encoding="utf-8")


def drop_in_for(plugins: Mapping[str, Mapping[str, Any]]) -> str | None:
    """
    The name of the drop-in that the configured bundled plugins need.

    Args:
        plugins: `[plugins.*]`; a table with a `path` is none of ours.
    """
    bundled = {name: table for name, table in plugins.items() if "path" not in table}
    acp, command = bundled.get("acp"), bundled.get("command")
    # What an agent of one's own is written in nobody knows: the drop-in for Node gives back all that any has needed.
    is_node = (acp is not None and acp.get("agent", "claude") in _NODE_AGENTS) or (
        command is not None and command.get("recipe") in _NODE_AGENTS
    )
    if is_node:
        return "agents/node.conf"
    return None if acp is None and command is None else "agents/program.conf"


def _folder() -> Path:
    """Within the package where it is installed, beside it in a checkout."""
    package = Path(mycel_runtime.__file__).parent
    inside = package / "systemd"
    return inside if inside.is_dir() else package.parent / "systemd"
