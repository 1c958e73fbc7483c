"""`[plugins.acp]`: which agent, what it may do, and within which bounds."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mycel_runtime import ConfigPath
from mycel_runtime_plugins.acp.known_agents import KNOWN_AGENTS, KnownAgent, nearest_known
from mycel_runtime_plugins.acp.permission import AllowRule


class AcpSettings(BaseModel):
    """The table; `config/plugins/acp.toml` tells each key's reason."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    agent: str | None = None
    """One of the table of known agents."""

    command: tuple[str, ...] = ()
    """Program and arguments; in place of those of the known agent."""

    sandbox: tuple[str, ...] = ()
    """Put before the command."""

    folder: ConfigPath | None = None
    """With a folder for each chat below it."""

    environment: dict[str, str] = Field(default_factory=dict, repr=False)
    """Variables for the agent's process."""

    pass_environment: tuple[str, ...] = ()
    """Names, or patterns such as `ANTHROPIC_*`, of variables of the runtime that the agent is given too."""

    mode: str | None = None
    """Of each session; by default that of the table."""

    allow: tuple[AllowRule, ...] = ()
    """What the agent may do of what it asks for."""

    ask: str | None = None
    """User id of who is asked about the rest, in chats that she is in."""

    ask_timeout: float = Field(default=3_600.0, ge=1.0, le=2_592_000.0)
    """Seconds for her answer."""

    tools: bool = False
    """Whether it is given Mycel as tools."""

    groups: Literal["mention", "all"] = "mention"
    """Which messages in groups are answered."""

    instructions: str = ""
    """Told to each new session."""

    history: int = Field(default=50, ge=0, le=200)
    """Messages of the time before that a new session is shown."""

    answer_characters: int = Field(default=100_000, ge=1_000, le=1_000_000)
    """Of an answer that are sent."""

    turn_timeout: float = Field(default=3_600.0, gt=0.0, le=80_000.0)
    """Seconds for a turn of the agent's."""

    start_timeout: float = Field(default=60.0, gt=0.0, le=600.0)
    """Seconds until the agent must have answered `initialize`, and later `session/new`."""

    load_timeout: float = Field(default=20.0, gt=0.0, le=600.0)
    """Seconds for loading a session."""

    load_quiet: float = Field(default=1.0, ge=0.0, le=60.0)
    """Seconds without a word after a session was loaded."""

    cancel_grace: float = Field(default=10.0, gt=0.0, le=600.0)
    """Seconds for an agent to end a turn that was cancelled."""

    idle_timeout: float = Field(default=900.0, gt=0.0, le=86_400.0)
    """Seconds without a turn until a chat's session is closed."""

    sessions: int = Field(default=50, ge=1, le=1_000)
    """Open at once, at most."""

    @model_validator(mode="after")
    def _require_an_agent(self) -> AcpSettings:
        if self.agent is not None and self.agent not in KNOWN_AGENTS:
            raise ValueError(
                f'no agent "{self.agent}" is known; did you mean "{nearest_known(self.agent)}"? '
                f"Known are {', '.join(KNOWN_AGENTS)}; for another one set command"
            )
        if self.agent is None and not self.command:
            raise ValueError('no agent is named: set agent = "claude", or command = ["program", "argument"]')
        return self

    @property
    def known(self) -> KnownAgent:
        """What is known of the agent; of one that is not in the table, what may be believed of any."""
        if self.agent is not None:
            return KNOWN_AGENTS[self.agent]
        return next((known for known in KNOWN_AGENTS.values() if self._is_command_of(known)), KnownAgent())

    def _is_command_of(self, known: KnownAgent) -> bool:
        return Path(self.command[0]).name == known.command[0] and self.command[1:] == known.command[1:]

    @property
    def program(self) -> tuple[str, ...]:
        """Program and arguments, without the sandbox."""
        return self.command or self.known.command
