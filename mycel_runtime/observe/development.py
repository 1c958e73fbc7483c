"""
What a developer may see and an operator's log must not hold: the whole traceback of what a handler raised.

With its texts, which may quote a message; so only where somebody asked for it, and only on a terminal. An environment
variable tells the processes of isolated plugins too.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import Final

VARIABLE: Final = "MYCEL_DEV_TRACEBACKS"
"""Not of the prefix of our settings: that is kept from plugins."""


def show_tracebacks() -> None:
    """From now on, in this process and in those that it starts."""
    os.environ[VARIABLE] = "1"


def show_traceback(raised: BaseException) -> None:
    """Print it, if tracebacks are to be shown and standard error is a terminal."""
    if os.environ.get(VARIABLE) == "1" and sys.stderr is not None and sys.stderr.isatty():
        print("".join(traceback.format_exception(raised)), file=sys.stderr, end="", flush=True)  # noqa: T201 - a person asked
