"""Where something was raised: files, lines and functions; never values or texts, which may quote a message."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType


def traceback_text(trace: TracebackType | None) -> str:
    """One line per frame, the innermost last."""
    frames = traceback.extract_tb(trace)
    return "\n".join(f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in frames)
