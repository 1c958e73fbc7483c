"""
Become `mycel-runtime ARGUMENTS`, as a process that is asked to end (SIGTERM) when whoever started it has died.

Run by path and importing the standard library only: `python attached.py STARTER ARGUMENTS...`, STARTER being a
process id. Linux keeps the wish over an `exec`; elsewhere there is none, and whoever is killed leaves it behind.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Final, NoReturn

# Source: linux/prctl.h.
_PR_SET_PDEATHSIG: Final = 1


def main() -> NoReturn:
    """Wish, and become it."""
    starter, *arguments = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != int(starter):
            sys.exit(1)
    os.execv(sys.executable, [sys.executable, "-m", "mycel_runtime", *arguments])  # noqa: S606 - ourselves


if __name__ == "__main__":
    main()
