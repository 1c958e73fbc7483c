"""The unit and the drop-ins that come with the runtime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import mycel_runtime

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TEMPLATE: Final = "mycel-runtime@.service"

OF_FOLDER: Final = "mycel-runtime-agents.service"
"""For all agents of a folder."""

_NODE_AGENTS: Final = frozenset({"claude", "codex", "gemini", "qwen", "opencode"})
"""Known agents and recipes that run on Node or Bun."""


_DROP_INS: Final = ("agents/node.conf", "agents/program.conf")
"""Of which each gives back what the next one does, and more."""


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
    of_node, of_program = _DROP_INS
    if is_node:
        return of_node
    return None if acp is None and command is None else of_program


def drop_in_for_all(agents: Iterable[Mapping[str, Mapping[str, Any]]]) -> str | None:
    """
    The same for agents that share a unit.

    Args:
        agents: `[plugins.*]` of each.
    """
    wanted = set(map(drop_in_for, agents))
    return next((name for name in _DROP_INS if name in wanted), None)


def _folder() -> Path:
    """Within the package where it is installed, beside it in a checkout."""
    package = Path(mycel_runtime.__file__).parent
    inside = package / "systemd"
    return inside if inside.is_dir() else package.parent / "systemd"
