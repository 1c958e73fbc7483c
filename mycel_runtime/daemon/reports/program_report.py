"""Whether what runs is what is installed, and is set as its file says now."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
from typing import TYPE_CHECKING, Literal, TypeAlias

from pydantic import BaseModel

from mycel_runtime.import_folders import Stamp, stamp

if TYPE_CHECKING:
    from pathlib import Path

Drift: TypeAlias = Literal["ok", "drift", "unknown"]


class ProgramReport(BaseModel, frozen=True, defer_build=True):
    """
    The program and its configuration, as they run and as they lie on the disk.

    Attributes:
        running: Version of the code that runs.
        installed: Version that a new start would run; `None`: nobody can tell.
        config: `drift`: the file is not as it was when it was read; `unknown`: it cannot be read, or nobody knows it.
        config_file: Its path, absolute; empty: there is none.
    """

    running: str
    installed: str | None = None
    config: Drift = "unknown"
    config_file: str = ""

    @property
    def is_outdated(self) -> bool:
        """Whether a restart would run another version."""
        return self.installed is not None and self.installed != self.running


class ConfigDrift:
    """
    Whether a configuration file was changed since it was read.

    Args:
        path: `None`: the settings come from no file.

    Attributes:
        file: Its path, absolute; empty: there is none.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._read = _digest(path)
        self.file = "" if path is None else str(path.absolute())

    def note_read(self) -> None:
        """It is in force as it stands now."""
        self._read = _digest(self._path)

    def look(self) -> Drift:
        """Read the file again."""
        digest = _digest(self._path)
        if digest is None or self._read is None:
            return "unknown"
        return "ok" if digest == self._read else "drift"


def installed_version() -> str | None:
    """Of the distribution, as a new process would find it; `None` if there is none."""
    return _version_in(stamp())


@functools.lru_cache(maxsize=1)
def _version_in(_folders: Stamp) -> str | None:
    """Looked for again when a folder has changed: each agent of a process is asked for it with its status."""
    try:
        return importlib.metadata.version("mycel-runtime")
    except importlib.metadata.PackageNotFoundError:
        return None


def _digest(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return None
