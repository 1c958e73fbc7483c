"""Where the packaged units look for the files of their agents; whoever makes one for a unit puts it there."""

from __future__ import annotations

from pathlib import Path
from typing import Final

UNIT_CONFIG: Final = Path("/etc/mycel-runtime")
"""Of `mycel-runtime@.service`: NAME.toml is that of the instance NAME, and NAME.token beside it its token."""

_AGENTS: Final = "agents"
"""Below `UNIT_CONFIG`: the folder of `mycel-runtime-agents.service`."""

_TOKENS: Final = "tokens"
"""Beside a folder of agents: the tokens of them all, each in a file that is called as the agent is."""


def is_for_unit(config: Path) -> bool:
    """Whether a file lies where a packaged unit has it run."""
    return config.absolute().parent == UNIT_CONFIG or is_of_folder(config)


def is_of_folder(config: Path) -> bool:
    """Whether it is one of the agents that share a packaged unit."""
    return config.absolute().parent == UNIT_CONFIG / _AGENTS


def tokens_beside(folder: Path) -> Path:
    """Where the tokens of a folder's agents are, if one place has them all."""
    return folder.absolute().with_name(_TOKENS)
