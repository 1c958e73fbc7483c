"""Where something was raised: files, lines and functions; never values or texts, which may quote a message."""

from __future__ import annotations

import inspect
import itertools
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import NotAwaitedError

if TYPE_CHECKING:
    from types import TracebackType

_OURS: Final = str(Path(__file__).parents[1]) + "/"


def traceback_text(trace: TracebackType | None) -> str:
    """One line per frame, the innermost last; how we came to call a plugin is left out."""
    called = traceback.extract_tb(trace)
    frames = list(itertools.dropwhile(lambda frame: is_ours(frame.filename), called)) or called
    return "\n".join(_place(frame.filename, frame.lineno, frame.name) for frame in frames)


def origin_text(error: BaseException) -> str:
    """Where it comes from: as `traceback_text`; of what nobody has awaited, the line that has asked for it."""
    return error.where if isinstance(error, NotAwaitedError) else traceback_text(error.__traceback__)


def calling_line() -> str:
    """The line outside of the runtime that has called it; empty if there is none."""
    frame = inspect.currentframe()
    while frame is not None and is_ours(frame.f_code.co_filename):
        frame = frame.f_back
    return "" if frame is None else _place(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


def is_ours(file: str) -> bool:
    """Whether it is a file of the runtime; the bundled plugins are none."""
    return file.startswith(_OURS)


def _place(file: str, line: int | None, function: str) -> str:
    return f"{file.rpartition('/')[2]}:{line} in {function}"
