"""The places that a unit with ProtectHome= and PrivateTmp= does not see. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Final

HOMES: Final = (Path("/home"), Path("/root"), Path("/run/user"))

_TEMPORARY: Final = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - nothing is put there


def is_in_home(path: Path) -> bool:
    """Whether ProtectHome= hides it."""
    return any(path.is_relative_to(home) for home in HOMES)


def is_hidden(path: Path) -> bool:
    """Whether either hides it."""
    return is_in_home(path) or any(path.is_relative_to(folder) for folder in _TEMPORARY)
