"""
SIGUSR1: what the process does right now, told by the log and by the interpreter itself.

Also when the loop is stuck. The interpreter's fault handler writes the stacks of all threads straight to standard
error: it needs no Python to run, so that a library which never comes back shows too. Then, as soon as Python runs, a
thread of its own tells tasks and threads with their names: the loop is not asked, and no lock of whoever was
interrupted.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import os
import signal
import stat
import threading
from typing import TYPE_CHECKING, Any

from mycel_runtime.forks import forget_in_forks, let_go_in_forks
from mycel_runtime.observe.facts import ProcessDumped, TaskDumped, ThreadDumped
from mycel_runtime.observe.stacks import Stack, task_stacks, thread_stacks
from mycel_runtime.plugin.process_state import Aspect, keeping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mycel_runtime.observe.observer import Observer


@contextlib.contextmanager
def dumping_on_signal(observer: Observer) -> Iterator[None]:
    """Answer SIGUSR1 while the block runs; call on the running loop, in the main thread."""
    loop = asyncio.get_running_loop()
    is_telling = threading.Lock()

    def tell() -> None:
        try:
            _tell(observer, task_stacks(loop), thread_stacks(interrupted_by=start.__code__))
        finally:
            is_telling.release()

    def start(_number: int, _frame: Any) -> None:
        if not is_telling.acquire(blocking=False):
            return
        try:
            threading.Thread(target=tell, name="dump", daemon=True).start()
        except RuntimeError:
            is_telling.release()  # No thread is left; the fault handler has told what it sees.

    error = _standard_error()
    previous = signal.getsignal(signal.SIGUSR1)

    def answer() -> None:
        signal.signal(signal.SIGUSR1, start)
        faulthandler.register(signal.SIGUSR1, file=error, all_threads=True, chain=True)

    answer()
    let_go_in_forks(_stop_answering)
    try:
        with keeping(_aspect(start, answer)):
            yield
    finally:
        forget_in_forks(_stop_answering)
        faulthandler.unregister(signal.SIGUSR1)
        signal.signal(signal.SIGUSR1, previous)
        os.close(error)


def _aspect(start: Callable[[int, Any], None], answer: Callable[[], None]) -> Aspect:
    """A plugin's own handler in this place would be told nothing of its author, and we would not answer."""
    return Aspect(
        name="dump signal",
        read=lambda: signal.getsignal(signal.SIGUSR1) == start,
        write=lambda _: answer(),
    )


def _tell(observer: Observer, tasks: list[Stack], threads: list[Stack]) -> None:
    for stack in threads:
        observer.tell(ThreadDumped(**_fields(stack)))
    for stack in tasks:
        observer.tell(TaskDumped(**_fields(stack)))
    observer.tell(ProcessDumped(tasks=_count(tasks), threads=_count(threads)))


def _fields(stack: Stack) -> dict[str, Any]:
    return {
        "names": ", ".join(stack.names),
        "count": stack.count,
        "state": stack.state,
        "trace": "\n".join(stack.frames),
    }


def _count(stacks: list[Stack]) -> int:
    return sum(stack.count for stack in stacks)


def _standard_error() -> int:
    """
    A descriptor that the fault handler may write to, whoever reads it.

    It writes where it was interrupted: a pipe or a terminal that nobody reads must not hold the process. Opened anew
    it can be told not to wait, without telling others; of a file, which never makes anybody wait, the place to write
    at is to stay shared, and a socket cannot be opened.
    """
    mode = os.fstat(2).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        with contextlib.suppress(OSError):
            return os.open("/proc/self/fd/2", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    return os.dup(2)


def _stop_answering() -> None:
    """In a forked process: what it is sent is its own."""
    faulthandler.unregister(signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)
