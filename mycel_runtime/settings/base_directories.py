"""Where this user's files of a kind are. Source: XDG base directory specification."""

from __future__ import annotations

import os
from pathlib import Path

from mycel_runtime.errors import ConfigError


def base_directory(variable: str, default: str, *, holds: str, fix: str) -> Path:
    """
    The folder that a variable names, else one below the home directory.

    Args:
        variable: Of the specification; a relative path in it counts as none.
        default: Below the home directory.
        holds: What is to be kept there, for the error.
        fix: Likewise.

    Raises:
        ConfigError: Neither is known.
    """
    if (named := Path(os.environ.get(variable, ""))).is_absolute():
        return named
    try:
        home = Path.home()
    except RuntimeError:
        home = Path()
    # Python takes an empty HOME for the root directory.
    if not home.is_absolute() or not os.environ.get("HOME", "unset"):
        raise ConfigError(f"no home directory to keep {holds} in", where="HOME", fix=fix)
    return home / default
