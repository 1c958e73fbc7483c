"""
What is known of agents: how they are started and installed, and how each differs from the protocol. One table.

Everything else is asked of the agent itself. What a vendor changes shows as a version, and is tried again then.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAgent:
    """
    One agent. The defaults are what may be believed of an agent that is not in the table.

    Attributes:
        command: Program and arguments that make it speak the protocol.
        install: The command that installs it.
        minimum_version: Older ones were not tried; npm installs them without a word where Node is too old.
        mode: In which it asks before it does anything; empty: it has none.
        loads: Whether a session of an earlier process is worth loading.
        replays_before: A loaded session's old texts are known to come before it counts as loaded.
        marks_text: Chunks of the model's text are known to have a message id, and others to have none.
        sessions_per_process: At most; 0: as many as the settings allow.
        environment: Variables that it needs for asking.
        pass_environment: Variables of the runtime that it needs to reach its model.
        unasked: What it may do without asking, in that mode, for a person.
    """

    command: tuple[str, ...] = ()
    install: str = ""
    minimum_version: str = ""
    mode: str = ""
    loads: bool = True
    replays_before: bool = False
    marks_text: bool = False
    sessions_per_process: int = 0
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    pass_environment: tuple[str, ...] = ()
    unasked: str = "whatever its own settings let it do"


_ASKS: Final = "read and search files; it asks for everything else"

KNOWN_AGENTS: Final[Mapping[str, KnownAgent]] = MappingProxyType(
    {
        "claude": KnownAgent(
            command=("claude-agent-acp",),
            install="npm install --global @agentclientprotocol/claude-agent-acp",
            minimum_version="0.101.0",
            mode="default",
            replays_before=True,
            pass_environment=("ANTHROPIC_*", "CLAUDE_*"),
            unasked=_ASKS,
        ),
        "codex": KnownAgent(
            command=("codex-acp",),
            install="npm install --global @agentclientprotocol/codex-acp",
            minimum_version="2.6.0",
            mode="read-only",
            replays_before=True,
            # Its warnings have none, and are all that it says in a turn that is ended by a refusal.
            marks_text=True,
            pass_environment=("OPENAI_*", "CODEX_*"),
            unasked="read everything that its user can read, and run commands that only read",
        ),
        "gemini": KnownAgent(
            command=("gemini", "--experimental-acp"),
            install="npm install --global @google/gemini-cli",
            minimum_version="0.61.0",
            mode="default",
            # It sends a loaded session's old texts at some time after it has said that it is loaded, and does not
            # load one within the minute of the clock in which it was made.
            loads=False,
            pass_environment=("GEMINI_*", "GOOGLE_*"),
            unasked=_ASKS,
        ),
        "qwen": KnownAgent(
            command=("qwen", "--acp"),
            install="npm install --global @qwen-code/qwen-code",
            minimum_version="0.24.4",
            mode="default",
            replays_before=True,
            pass_environment=("OPENAI_*", "DASHSCOPE_*", "QWEN_*"),
            unasked=_ASKS,
        ),
        "opencode": KnownAgent(
            command=("opencode", "acp"),
            install="npm install --global opencode-ai",
            minimum_version="1.18.33",
            replays_before=True,
            # Its modes are agents, and none of them asks. Source: its documentation, "Permissions".
            environment=MappingProxyType(
                {"OPENCODE_PERMISSION": '{"edit":"ask","bash":"ask","webfetch":"ask"}'}
            ),
            pass_environment=("ANTHROPIC_*", "OPENAI_*", "GEMINI_*", "OPENCODE_*"),
            unasked=_ASKS,
        ),
        "vibe": KnownAgent(
            command=("vibe-acp",),
            install="pipx install mistral-vibe",
            minimum_version="3.0.2",
            # The one that it begins in edits files unasked.
            mode="ask",
            replays_before=True,
            pass_environment=("MISTRAL_*", "VIBE_*"),
            unasked=_ASKS,
        ),
        "fast-agent": KnownAgent(
            # Not fast-agent-acp, which replaces the program by one that does not start.
            command=("fast-agent", "acp"),
            install="pipx install fast-agent-mcp",
            minimum_version="0.10.48",
            # Where it has several sessions, it stores one over the other: what is loaded is another chat's.
            loads=False,
            pass_environment=("ANTHROPIC_*", "OPENAI_*", "GOOGLE_*", "FAST_AGENT_*"),
            unasked="nothing; it has no tools but those that its own configuration gives it",
        ),
        "gptme": KnownAgent(
            command=("gptme-acp",),
            install="pipx install gptme-acp",
            minimum_version="0.35.1",
            # Its session follows from the folder, and two of them are one.
            sessions_per_process=1,
            pass_environment=("ANTHROPIC_*", "OPENAI_*"),
            unasked="whatever its tools can do; it never asks",
        ),
    }
)


def nearest_known(name: str) -> str:
    """The known agent whose name is most like this one."""
    found = difflib.get_close_matches(name.lower(), KNOWN_AGENTS, n=1, cutoff=0.0)
    return found[0]


def is_older(version: str, minimum: str) -> bool:
    """
    Whether a version is below another one.

    Args:
        version: As the agent says it; one that is no row of numbers counts as new.
        minimum: Of the table; empty: none is too old.
    """
    numbers, least = _numbers(version), _numbers(minimum)
    return bool(numbers) and bool(least) and numbers < least


def _numbers(version: str) -> list[int]:
    parts = version.removeprefix("v").split("-")[0].split(".")
    return [int(part) for part in parts] if all(part.isdecimal() for part in parts) else []
