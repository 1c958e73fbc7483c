"""`[plugins.command]`."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from mycel_runtime import ConfigPath, ContentPattern
from mycel_runtime_plugins.child_process import refused_variables

_MARGIN_SECONDS: Final = 300.0
"""For what is not the program: reading the chat, ending what the program has left, replying."""

Argument = Annotated[str, StringConstraints(min_length=1)]

_ANSWER_BYTES: Final = 65_536
"""Of what is to be said."""

_EVENTS_BYTES: Final = 16_777_216
"""Of an agent's output: some tell of each tool that they use, with all that it has printed."""

LONGEST_SECONDS: Final = 36_000.0
"""Of a program: twice as long, and some more, is what a handler may take."""


class CommandSettings(BaseModel):
    """Which program, with what, and within which bounds; `config/plugins/command.toml` has each with its reason."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: list[Argument] = []
    recipe: Literal["", "claude", "codex", "gemini", "qwen", "opencode"] = ""
    arguments: list[Argument] = []
    instructions: str = ""
    output: Literal["text", "json_lines"] = "text"
    events: tuple[Literal["messages", "relationships"], ...] = Field(default=("messages",), min_length=1)
    folder: ConfigPath = Field(default=ConfigPath("."), validate_default=True)
    folder_per_chat: bool | None = None
    pass_environment: list[Argument] = []
    environment: dict[str, str] = Field(default={}, repr=False)
    groups: Literal["all", "mention", "none"] = "mention"
    history: int = Field(default=20, ge=0, le=200)
    timeout: float = Field(default=300.0, gt=0, le=LONGEST_SECONDS)
    interrupt: ContentPattern | None = None
    attempts: int = Field(default=3, ge=1, le=100)
    on_failure: str = ""
    term_seconds: float = Field(default=2.0, ge=0, le=60)
    output_bytes: int | None = Field(default=None, ge=1, le=67_108_864)
    reply_characters: int = Field(default=4000, ge=1, le=100_000)
    stderr_bytes: int = Field(default=1_048_576, ge=1024)

    @model_validator(mode="after")
    def _require_a_program(self) -> Self:
        if not self.command and not self.recipe:
            raise ValueError(
                'it says neither what to start nor a recipe: command = ["./answer.sh"], for example'
            )
        if self.recipe and self.output != "text":
            raise ValueError(f"the recipe {self.recipe!r} reads the program's output: leave output out")
        if not self.recipe and (self.arguments or self.instructions):
            raise ValueError("arguments and instructions belong to a recipe: write them into command")
        if "relationships" in self.events and self.output != "json_lines":
            raise ValueError(
                'relationships are decided by lines of JSON: set output = "json_lines", or leave them out'
            )
        if refused := refused_variables([*self.pass_environment, *self.environment]):
            raise ValueError(f"{', '.join(refused)}: the agent's own variables are given to no program")
        return self

    @property
    def handler_timeout(self) -> float:
        """Seconds for all of a run: a session that is not known any more costs a second program."""
        return 2 * self.timeout + _MARGIN_SECONDS

    @property
    def most_output(self) -> int:
        """Bytes that the program may write."""
        if self.output_bytes is None and self.recipe:
            return _EVENTS_BYTES
        return self.most_answer

    @property
    def most_answer(self) -> int:
        """Bytes of it that may be meant for people."""
        return _ANSWER_BYTES if self.output_bytes is None else self.output_bytes

    @property
    def has_folder_per_chat(self) -> bool:
        """By default where a recipe keeps sessions, some of which belong to a folder."""
        return bool(self.recipe) if self.folder_per_chat is None else self.folder_per_chat
