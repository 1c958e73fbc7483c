"""How a person types this program, to be shown with what comes next."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path


def own_command() -> str:
    """This program as a shell finds it: by name, or, in an environment that is not active, by its path."""
    script = Path(sys.executable).parent / "mycel-runtime"
    if (found := shutil.which("mycel-runtime")) and Path(found) == script:
        return "mycel-runtime"
    try:
        here = Path.cwd()
    except OSError:  # It was removed.
        return quoted(script)
    return quoted(script.relative_to(here) if script.is_relative_to(here) else script)


def quoted(path: Path) -> str:
    """A path as one word of a shell's."""
    return shlex.quote(str(path))
