"""
One process at a time, by a file that names the holder.

The locks are the kernel's (`flock`) and end with the process, but live on in copies of their descriptors: a process
that a handler forks closes its copies at once.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING

from mycel_runtime.forks import forget_in_forks, let_go_in_forks

if TYPE_CHECKING:
    from collections.abc import Iterator


class LockHeldError(Exception):
    """
    Somebody else has it.

    Attributes:
        holder: Who, for a person: his pid, as far as it can be told.
    """

    def __init__(self, holder: str) -> None:
        self.holder = holder
        super().__init__(holder)


class FileLock:
    """
    A lock that is held by one open file, of this process or another.

    Args:
        file: Made if it is not there, and left behind; on a local file system.
        directory: Locked in the file's place, if given: it cannot be replaced while there are files in it, as a file
            can; and the file, which still names the holder, is not kept open.
    """

    def __init__(self, file: Path, *, directory: Path | None = None) -> None:
        self._file = file
        self._locked = directory or file
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """
        Take it, or fail at once.

        Raises:
            LockHeldError: Somebody has it.
            OSError: The directory or the file cannot be opened.
        """
        # Opened first: whoever may not write it is told so, and holds nothing.
        with _opened(self._file, os.O_RDWR | os.O_CREAT) as file:
            self._lock()
            try:
                os.ftruncate(file, 0)
                os.pwrite(file, f"pid {os.getpid()}\n".encode(), 0)
            except OSError:
                self.release()
                raise

    def release(self) -> None:
        """Give it back; nothing, if it is not held."""
        forget_in_forks(self.release)
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _lock(self) -> None:
        descriptor = os.open(self._locked, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            os.close(descriptor)
            if isinstance(exc, BlockingIOError):
                raise LockHeldError(_holder(self._file, self._locked)) from exc
            raise
        self._descriptor = descriptor
        let_go_in_forks(self.release)


@contextlib.contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _holder(path: Path, locked: Path) -> str:
    """Who has the lock: as the file says, unless that one is gone and left to others what is locked."""
    said = ""
    with contextlib.suppress(OSError):
        said = path.read_text(encoding="ascii", errors="replace")[:64].strip()
    pid = said.removeprefix("pid ")
    if not pid.isdecimal() or _is_alive(int(pid)):
        return said or "unknown pid"
    heirs = ", ".join(f"pid {heir}" for heir in _who_has_open(locked))
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
