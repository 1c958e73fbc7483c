"""The running delivery that a client answers, as `ctx.tools` has told whoever started it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from mycel_runtime.plugin.tool_server import CHAT_VARIABLE, RUN_VARIABLE, STATE_DIR_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredRun:
    """
    A run.

    Attributes:
        name: By which the daemon knows it.
        chat_id: In which it answers.
        state_dir: Of the agent whose it is.
    """

    name: str = field(repr=False)
    chat_id: str
    state_dir: Path

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self | None:
        """As its variables tell; `None` if not all of them are there."""
        told = [environment.get(each, "") for each in (RUN_VARIABLE, CHAT_VARIABLE, STATE_DIR_VARIABLE)]
        if not all(told):
            return None
        name, chat_id, state_dir = told
        return cls(name=name, chat_id=chat_id, state_dir=Path(state_dir))
