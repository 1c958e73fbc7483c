"""Where something was raised."""

from __future__ import annotations

import traceback
from pathlib import Path


def trace_of(exc: BaseException) -> str:
    """Files, lines and functions; never values or the exception's text, which may quote a message."""
    frames = traceback.extract_tb(exc.__traceback__)
    return "\n".join(f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in frames)
