"""
One process per state directory.

The lock is on the directory, which cannot be removed while the journal is in it, and on a file in it that names the
holder. Both are the kernel's (`flock`) and end with the process, but live on in copies of their descriptors: a
process that a handler forks closes its copies at once.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import IdentityHeldError, JournalError
from mycel_runtime.forks import forget_in_forks, let_go_in_forks

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE_NAME: Final = "journal.lock"


class DirectoryLock:
    """
    The lock of one state directory.

    Args:
        directory: Exists, on a local file system.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._descriptors: list[int] = []

    def acquire(self) -> None:
        """
        Take it, or fail at once.

        Raises:
            IdentityHeldError: Somebody has it; told by his pid.
            JournalError: The directory or the file cannot be opened.
        """
        path = self._directory / FILE_NAME
        try:
            self._open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
            file = self._open(path, os.O_RDWR | os.O_CREAT)
            for descriptor in self._descriptors:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            holder = _holder(path)
            self.release()
            raise IdentityHeldError(str(path), holder) from exc
        except OSError as exc:
            self.release()
            raise JournalError(f"{exc.filename or path}: {exc.strerror}") from exc
        os.ftruncate(file, 0)
        os.pwrite(file, f"pid {os.getpid()}\n".encode(), 0)
        let_go_in_forks(self.release)

    def release(self) -> None:
        """Give it back; nothing, if it is not held."""
        forget_in_forks(self.release)
        while self._descriptors:
            os.close(self._descriptors.pop())

    def _open(self, path: Path, flags: int) -> int:
        descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
        self._descriptors.append(descriptor)
        return descriptor


def _holder(path: Path) -> str:
    """Who has the lock: as the file says, unless that one is gone and left it to others."""
    said = ""
    with contextlib.suppress(OSError):
        said = path.read_text(encoding="ascii", errors="replace")[:64].strip()
    pid = said.removeprefix("pid ")
    if not pid.isdecimal() or _is_alive(int(pid)):
        return said or "unknown pid"
    heirs = ", ".join(f"pid {heir}" for heir in _who_has_open(path))
    return f"{heirs}, left behind by {said}" if heirs else f"{said}, which is not to be seen from here"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _who_has_open(path: Path) -> Iterator[int]:
    """Other processes that have a file open, as far as this system shows them."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(process.name) != os.getpid() and any(
                each.readlink() == path.resolve() for each in (process / "fd").iterdir()
            ):
                yield int(process.name)
