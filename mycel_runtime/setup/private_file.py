"""
Files that are there whole or not at all.

Each is written under a hidden name beside its place, brought to the disk, and then put there. What a process that was
killed has left under the hidden name is written over by the next one.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PRIVATE: Final = 0o600
"""For its owner only."""

_RESERVED_BYTES: Final = 16 * 1024
"""More than any token has: what does not fit on the disk is known before the token is made."""


class ReservedFile:
    """
    A place for a secret that does not exist yet, on a disk that has room for it.

    Args:
        path: Where it is to be; must not be there yet.

    Raises:
        ConfigError: It is there, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        require_absent(path)
        self._path = path
        self._hidden = hidden(path)
        with _told(path):
            self._hidden.unlink(missing_ok=True)
            self._descriptor = os.open(self._hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
            try:
                os.fchmod(self._descriptor, PRIVATE)
                _reserve(self._descriptor)
            except OSError:
                self.drop()
                raise

    def keep(self, text: str) -> None:
        """
        Put the text into its place.

        Raises:
            ConfigError: Somebody else has put something there meanwhile, or it cannot be written after all.
        """
        with _told(self._path):
            os.pwrite(self._descriptor, text.encode(), 0)
            os.ftruncate(self._descriptor, len(text.encode()))
            os.fsync(self._descriptor)
            os.link(self._hidden, self._path)
            _sync_folder(self._path.parent)

    def drop(self) -> None:
        """Leave nothing but what was kept."""
        self._hidden.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            os.close(self._descriptor)


def write_file(path: Path, text: str, *, mode: int = PRIVATE) -> None:
    """
    Write a file, or replace the one that is there.

    Args:
        path: Where.
        text: All of it.
        mode: Its permissions.

    Raises:
        ConfigError: It cannot be written; what was there is there still.
    """
    temporary = hidden(path)
    with _told(path):
        temporary.unlink(missing_ok=True)
        try:
            _write(temporary, text, mode)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)


def hidden(path: Path) -> Path:
    """The name under which it is written."""
    return path.with_name(f".{path.name}.new")


def require_absent(path: Path) -> None:
    """
    Refuse to write over what is there.

    Raises:
        ConfigError: Something is.
    """
    if path.exists() or path.is_symlink():
        raise ConfigError(
            "is there already", where=str(path), fix="Name another file, or move that one away."
        )


def _write(path: Path, text: str, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, mode)
        file.write(text)
        file.flush()
        os.fsync(descriptor)


def _reserve(descriptor: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, _RESERVED_BYTES)
    else:
        os.pwrite(descriptor, bytes(_RESERVED_BYTES), 0)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Some file systems sync no folders.
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise ConfigError(
            f"cannot be written: {exc.strerror}",
            where=str(path),
            fix="Make room or give leave, then try again.",
        ) from exc
