"""Where something was raised: files, lines and functions; never values or texts, which may quote a message."""

from __future__ import annotations

import itertools
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import TracebackType

_OURS: Final = str(Path(__file__).parents[1]) + "/"


def traceback_text(trace: TracebackType | None) -> str:
    """One line per frame, the innermost last; how we came to call a plugin is left out."""
    called = traceback.extract_tb(trace)
    frames = list(itertools.dropwhile(lambda frame: frame.filename.startswith(_OURS), called)) or called
    return "\n".join(f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in frames)
