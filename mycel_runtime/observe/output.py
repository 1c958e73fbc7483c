"""
Standard output and error of a daemon: what cannot be written is lost, and nothing else is.

A disk may be full, a terminal gone, the reader of a pipe asleep or dead. An ordinary stream would then raise where
something was told, or keep it waiting for ever; here a thread of its own writes, from a bounded store. What does not
fit in is dropped and counted. A secret that this process knows is masked, whoever prints it.
"""

from __future__ import annotations

import contextlib
import io
import os
import select
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final, TextIO

from typing_extensions import Buffer, override

from mycel_runtime.known_secrets import masked_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

STORE_BYTES: Final = 1 << 20
"""Of lines that wait to be written, at most, per stream: a thousand and more."""

PARTING_SECONDS: Final = 1.0
"""At the end, for what is still to be written."""

GATHERING_SECONDS: Final = 0.02
"""
After what was written, before more is: a line that comes after silence is written at once, many are written together.

To wake a thread for each of many lines costs the loop more than to make the line.
"""

_POLL_MILLISECONDS: Final = 1_000
"""Between two looks at a descriptor that others have set to non-blocking."""

_bounded: Final[list[BoundedWriter]] = []


class BoundedWriter(io.RawIOBase):
    """
    Takes bytes at once and has them written; never raises, never waits.

    Args:
        descriptor: Where to; left open at the end.
        on_dropped: Told, by the writing thread, how many lines were lost, once lines can be written again.
        limit: Of bytes that wait, at most.
        gathering: Seconds for which what comes after a write waits for more.

    Attributes:
        dropped: Lines that were lost since the start.
    """

    def __init__(
        self,
        descriptor: int,
        *,
        on_dropped: Callable[[int], None] = lambda _: None,
        limit: int = STORE_BYTES,
        gathering: float = GATHERING_SECONDS,
    ) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._on_dropped = on_dropped
        self._limit = limit
        self._gathering = gathering
        # Re-entrant: a finalizer that raises is told of, whatever its thread is about to do.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._is_writing = False
        self._is_gathering = False
        self._is_hurried = False
        self._is_open = False
        self._is_cut = False
        self._is_dropping = False
        self._thread: threading.Thread | None = None
        self._is_forked = False
        self.dropped = 0
        self._told = 0
        os.register_at_fork(after_in_child=self._after_fork)

    @override
    def write(self, data: Buffer, /) -> int:
        chunk = bytes(data)
        if self._is_forked:
            self._write_out(chunk)
            return len(chunk)
        with self._lock:
            self._store(chunk)
        return len(chunk)

    def _store(self, chunk: bytes) -> None:
        """Whole lines are dropped: of one whose beginning is lost, the rest is, and one that was cut is ended."""
        if self._is_dropping:
            _, newline, chunk = chunk.partition(b"\n")
            self._is_dropping = not newline
        if not chunk:
            return
        if self._size + len(chunk) > self._limit:
            self.dropped += _lines(chunk)
            self._is_dropping = not chunk.endswith(b"\n")
            self._is_cut = self._is_cut or self._is_open
            return
        chunk = b"\n" + chunk if self._is_cut else chunk
        self._is_cut = False
        self._is_open = not chunk.endswith(b"\n")
        self._waiting.append(chunk)
        self._size += len(chunk)
        if self._thread is None:
            self._start()
        if not self._is_gathering or self._is_much():
            self._changed.notify_all()

    def drain(self, seconds: float) -> None:
        """Wait until everything is written, for `seconds` at most; what is left then is lost."""
        with self._changed:
            self._is_hurried = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._waiting and not self._is_writing, timeout=seconds)
            self._is_hurried = False

    @override
    def writable(self) -> bool:
        return True

    @override
    def fileno(self) -> int:
        return self._descriptor

    @override
    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    @override
    def close(self) -> None:
        """Do nothing: who closes a standard stream, a plugin perhaps, does not mean ours."""

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="output", daemon=True)
        # With no thread left to start, it waits here for the next line.
        with contextlib.suppress(RuntimeError):
            thread.start()
            self._thread = thread

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                chunk = b"".join(self._waiting)
                self._waiting.clear()
                self._is_writing = True
            is_written = self._write_out(chunk)
            with self._changed:
                self._size -= len(chunk)
                self._is_writing = False
                self._changed.notify_all()
            if is_written:
                self._tell_dropped()
            self._gather()

    def _gather(self) -> None:
        """Who stores a line meanwhile wakes nobody; who drains does, and who has filled a quarter of the store."""
        with self._changed:
            self._is_gathering = True
            self._changed.wait_for(lambda: self._is_hurried or self._is_much(), timeout=self._gathering)
            self._is_gathering = False

    def _is_much(self) -> bool:
        """Soon there will be no room for more."""
        return self._size > self._limit // 4

    def _tell_dropped(self) -> None:
        lines, self._told = self.dropped - self._told, self.dropped
        if lines:
            # The renderer is structlog's, which plugins configure too; this thread must outlive what they do to it.
            with contextlib.suppress(Exception):
                self._on_dropped(lines)

    def _write_out(self, chunk: bytes) -> bool:
        left = memoryview(masked_bytes(chunk))
        while left:
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:
                self._wait_writable()
            except OSError:
                self.dropped += _lines(bytes(left))
                return False
        return True

    def _wait_writable(self) -> None:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        poll.poll(_POLL_MILLISECONDS)

    def _after_fork(self) -> None:
        """A child has no thread of ours: it writes by itself, and what waited is its parent's."""
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._waiting.clear()
        self._is_forked = True


def bound_output(on_dropped: Callable[[int], None]) -> None:
    """
    Make standard output and error of this process bounded, for good; for a process that lives long.

    If they are one file, they have one writer: no line of the one stands within a line of the other.

    Args:
        on_dropped: As of `BoundedWriter`.
    """
    out = err = BoundedWriter(1, on_dropped=on_dropped)
    if not os.path.sameopenfile(1, 2):
        err = BoundedWriter(2, on_dropped=on_dropped)
    _bounded[:] = [out] if out is err else [out, err]
    sys.stdout, sys.stderr = _text(out), _text(err)


def dropped_lines() -> int:
    """Lines that this process could not write since its start."""
    return sum(writer.dropped for writer in _bounded)


def drain_output() -> None:
    """Wait until everything is written, for a moment at most."""
    deadline = time.monotonic() + PARTING_SECONDS
    for writer in _bounded:
        writer.drain(max(0.0, deadline - time.monotonic()))


def _text(writer: BoundedWriter) -> TextIO:
    """As Python's own; a character that cannot be encoded is escaped."""
    return io.TextIOWrapper(writer, encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[type-var,unused-ignore]


def _lines(chunk: bytes) -> int:
    return max(1, chunk.count(b"\n"))
