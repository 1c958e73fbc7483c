"""Whether a package has come or gone where Python imports from, since somebody last looked."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TypeAlias

Stamp: TypeAlias = tuple[tuple[str, int], ...]
"""Each folder of `sys.path` with the nanoseconds of its last change; 0 where there is none."""


def stamp() -> Stamp:
    """
    As it is now; equal as long as nothing has come or gone, which is cheap to ask a thousand times.

    What comes into a folder or goes from it changes the folder: an installation does both, of a distribution's data.
    """
    return tuple((folder, _changed_at(folder)) for folder in sys.path)


def _changed_at(folder: str) -> int:
    with contextlib.suppress(OSError):
        return Path(folder).stat().st_mtime_ns
    return 0
