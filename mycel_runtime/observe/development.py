"""
What a developer may see and an operator's log must not hold: the whole traceback of what a handler raised.

With its texts, which may quote a message; so only where somebody asked for it, and only on a terminal. An environment
variable tells the processes of isolated plugins too.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VARIABLE: Final = "MYCEL_DEV_TRACEBACKS"
"""Not of the prefix of our settings: that is kept from plugins."""

_collectors: Final[list[Callable[[BaseException], None]]] = []


def show_tracebacks() -> None:
    """From now on, in this process and in those that it starts."""
    os.environ[VARIABLE] = "1"


@contextlib.contextmanager
def collecting_tracebacks(collect: Callable[[BaseException], None]) -> Iterator[None]:
    """While the block runs, whatever a handler in this process raises is given to `collect`, too: for tests."""
    _collectors.append(collect)
    try:
        yield
    finally:
        _collectors.remove(collect)


def show_traceback(raised: BaseException) -> None:
    """Print it, if tracebacks are to be shown and standard error is a terminal."""
    for collect in _collectors:
        collect(raised)
    if os.environ.get(VARIABLE) == "1" and sys.stderr is not None and sys.stderr.isatty():
        print("".join(traceback.format_exception(raised)), file=sys.stderr, end="", flush=True)  # noqa: T201 - a person asked
