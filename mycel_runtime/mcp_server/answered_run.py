"""The running delivery that a client answers, as `ctx.tools` has told whoever started it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from mycel_runtime.errors import ToolProblemError
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.tool_server import (
    CHAT_VARIABLE,
    RUN_FILE_VARIABLE,
    RUN_VARIABLE,
    STATE_DIR_VARIABLE,
    BoundRun,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredRun:
    """
    A run; or, of a client that outlives its runs, the one that goes on.

    Attributes:
        name: By which the daemon knows it; empty if a file names it.
        file: Names it while it goes on; `None`: it is always the same.
        chat_id: In which it answers.
        state_dir: Of the agent whose it is.
    """

    name: str = field(repr=False)
    file: Path | None = None
    chat_id: str
    state_dir: Path

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self | None:
        """As its variables tell; `None` if not all of them are there."""
        chat_id, state_dir = (environment.get(each, "") for each in (CHAT_VARIABLE, STATE_DIR_VARIABLE))
        name, file = environment.get(RUN_VARIABLE, ""), environment.get(RUN_FILE_VARIABLE, "")
        if not chat_id or not state_dir or not (name or file):
            return None
        return cls(
            name=name,
            file=Path(file) if file and not name else None,
            chat_id=chat_id,
            state_dir=Path(state_dir),
        )

    async def current(self) -> BoundRun:
        """
        How the daemon knows the run that goes on, and what of its replies the client knows.

        Raises:
            ToolProblemError: None does.

        Cancelling: loses nothing.
        """
        if self.file is None:
            return BoundRun(run=self.name, known_seq=0)
        try:
            bound: BoundRun = json.loads(await asyncio.to_thread(self.file.read_bytes))
        except OSError as exc:
            raise ToolProblemError(
                "not done: you are not being asked anything now",
                "Say nothing. What is written in the chat reaches you as a turn of your own, and then these tools "
                "speak for it.",
                is_refused=True,
            ) from exc
        return bound
