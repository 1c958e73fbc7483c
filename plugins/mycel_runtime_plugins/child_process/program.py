"""The program that a command names: where it is, or why it cannot be run and what to do."""

from __future__ import annotations

import errno
import os
import shutil
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class ProgramUnavailableError(RuntimeError):
    """
    A program cannot be started.

    Args:
        problem: What is wrong, one clause; names the program.
        fix: What to do next, an imperative sentence.
    """

    def __init__(self, problem: str, *, fix: str) -> None:
        self.problem, self.fix = problem, fix
        super().__init__(f"{problem}. {fix}")


_FIXES: Final = {
    errno.ENOENT: "Install it, or name its whole path; its first line (#!) may name a program that is not there.",
    errno.EACCES: "Make it executable: chmod +x, on a file system that is not mounted noexec.",
    errno.ENOEXEC: "It is neither a program for this machine nor a script: a script begins with #! and a program.",
    errno.E2BIG: "Its arguments and environment are too long: give less of them.",
}


def find_program(name: str, *, folder: Path, environment: Mapping[str, str]) -> Path:
    """
    Where the program is. Reads the file system.

    Args:
        name: With a slash a path, relative to the folder; else looked for in `PATH`.
        folder: Where it is to run.
        environment: Of the program.

    Raises:
        ProgramUnavailableError: There is none, or it is not executable.
    """
    if "/" in name:
        return _require_executable(folder / name)
    path = environment.get("PATH", os.defpath)
    if (found := shutil.which(name, path=path)) is None:
        raise ProgramUnavailableError(
            f"program {name!r} is not in PATH ({path})",
            fix="Install it, or name it by its whole path.",
        )
    return folder / found


def _require_executable(file: Path) -> Path:
    if not file.is_file():
        raise program_unavailable(str(file), errno.ENOENT)
    if not os.access(file, os.X_OK):
        raise program_unavailable(str(file), errno.EACCES)
    return file


def program_unavailable(name: str, number: int) -> ProgramUnavailableError:
    """What the kernel says by an error number, with what to do."""
    fix = _FIXES.get(number, "See whether it starts in a shell, as the agent's user.")
    return ProgramUnavailableError(f"program {name!r} cannot be started: {os.strerror(number)}", fix=fix)


def folder_unavailable(folder: Path, number: int) -> ProgramUnavailableError:
    """The same of where it is to run."""
    return ProgramUnavailableError(
        f"folder {str(folder)!r} cannot be entered: {os.strerror(number)}",
        fix="Make it, and let the agent's user enter it.",
    )


def supervisor_lost(name: str) -> ProgramUnavailableError:
    """The process that was to start it has ended."""
    return ProgramUnavailableError(
        f"program {name!r} was not started, because the process that was to start it has been ended",
        fix="See whether the machine, or the unit, has run out of memory.",
    )
