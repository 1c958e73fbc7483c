"""What is to be started, and within which bounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

STDERR_BYTES: Final = 1_048_576
"""Of a file of standard error; it and the one before it are kept."""

TERM_SECONDS: Final = 2.0
"""Below the three seconds that a handler has after its cancellation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """
    A program that is to be started.

    Attributes:
        command: The program, a path or a name that is looked for in its `PATH`, and its arguments. Other users see
            them: no secrets, and no text of a chat.
        folder: Where it runs.
        environment: All of its variables, as of `child_environment`; their values are in no `repr`.
        stderr_file: What it writes to standard error is appended here, readable by us only; `None`: thrown away. It
            may quote messages: name the file in a log, and never what it holds.
        stderr_bytes: When the file would exceed this, it is renamed to `NAME.1`, which is replaced, and begun anew.
        has_input: Whether its standard input is a pipe for us to write to; else it is empty.
        term_seconds: From SIGTERM until SIGKILL, when it is ended.
    """

    command: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str] = field(repr=False)
    stderr_file: Path | None = None
    stderr_bytes: int = STDERR_BYTES
    has_input: bool = True
    term_seconds: float = TERM_SECONDS
