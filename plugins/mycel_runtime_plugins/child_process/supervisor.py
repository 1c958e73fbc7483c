"""
The process between the runtime and a program: nothing of the program outlives it.

It takes what is to be started from the runtime over a socket, starts it in a session of its own, and tells how it has
ended. When the program exits, when the runtime asks, and when the runtime is gone (the socket ends, or the kernel
tells), everything below this process gets SIGTERM, and later SIGKILL: what has left its process group, its session or
its parent too, because orphans below this process become its children (Linux; elsewhere the program's process group
must do). Meanwhile what the program writes to standard error goes to a file of bounded size.

The kernel's word about the runtime's death comes also when only the thread has ended that has started this process,
so it is a reason to look, no more; and it reaches this process only, so what is below is ended by it. The socket
alone would not do either: what a handler forks holds a copy of the runtime's end.

Run by path, isolated, and importing the standard library only: it costs little beside the program.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any, Final, NoReturn

_IS_LINUX: Final = sys.platform == "linux"

# Source: linux/prctl.h.
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36

_LOOK_SECONDS: Final = 1.0
"""Between two looks at whether the runtime lives, where no kernel tells."""

_ALONE_SECONDS: Final = 1.0
"""From SIGTERM until SIGKILL when the runtime is gone, and for what a program has left behind at its exit."""

_KILLING_SECONDS: Final = 5.0
"""For what was killed to be gone: a process in an uninterruptible call is not waited for."""

_SWEEP_SECONDS: Final = 0.02
"""Between two looks at what is still alive while all is being ended."""

_CHUNK_BYTES: Final = 65_536

_UNSTARTED: Final = 127
"""Exit code of the forked process if it cannot become the program. Source: POSIX, sh."""


class StderrFile:
    """
    What a program writes to standard error: the newest of it, in a file and the one before it.

    Args:
        path: `None`: thrown away.
        most: Bytes of one file.
    """

    def __init__(self, path: str | None, most: int) -> None:
        self._path = None if path is None else Path(path)
        self._most = most
        self._file = -1
        self._size = 0

    def write(self, text: bytes) -> None:
        """Append; a full disk costs what was to be written, and nothing else."""
        if self._path is None:
            return
        text = text[-self._most :]
        with contextlib.suppress(OSError):
            if self._file < 0:
                self._open(self._path)
            if self._size + len(text) > self._most:
                self._begin_anew(self._path)
            self._size += os.write(self._file, text)

    def _open(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self._file = os.open(path, flags, 0o600)
        os.fchmod(self._file, 0o600)
        self._size = os.fstat(self._file).st_size

    def _begin_anew(self, path: Path) -> None:
        path.replace(path.with_name(f"{path.name}.1"))
        os.close(self._file)
        self._file = -1
        self._open(path)


class Supervisor:
    """
    Of one program.

    Args:
        runtime: Process id of who has started this one.
        control: Descriptor of the socket to it.
        task: What is to be started, as the runtime has said it.
    """

    def __init__(self, runtime: int, control: int, task: dict[str, Any]) -> None:
        self._runtime, self._control, self._task = runtime, control, task
        self._stderr = StderrFile(task["stderr_file"], task["stderr_bytes"])
        self._poll = select.poll()
        self._woken = -1
        self._errors = -1
        self._program = 0
        self._kill_at: float | None = None
        """When SIGKILL follows, by the monotonic clock; `None`: nothing is to be ended yet."""

    def run(self) -> None:
        """Start the program, and return when nothing is left of it."""
        self._watch()
        if not self._start():
            return
        while self._kill_at is None or (
            self._has_left() and time.monotonic() < self._kill_at + _KILLING_SECONDS
        ):
            self._sweep()
            self._wait()
        self._drain_errors()

    # -- the program ---------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Be woken by signals, and become the parent of orphans, before there is a program."""
        self._woken, wake = os.pipe()
        for end in (self._woken, wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        if _IS_LINUX:
            _prctl(_PR_SET_CHILD_SUBREAPER, 1)
            _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        for end in (self._woken, self._control):
            self._poll.register(end, select.POLLIN)

    def _start(self) -> bool:
        """Whether it has become the program; tells the runtime."""
        self._errors, errors = os.pipe()
        failed, failing = os.pipe()
        supervisor = os.getpid()
        if (pid := os.fork()) == 0:
            _become(self._task, supervisor, errors, failing)
        self._program = pid
        for end in (0, 1, errors, failing):
            os.close(end)
        with os.fdopen(failed, "rb") as told:
            failure = told.read()
        if failure:
            os.waitpid(pid, 0)
            self._tell(json.loads(failure))
            return False
        self._poll.register(self._errors, select.POLLIN)
        self._tell({"started": pid})
        return True

    def _tell(self, said: dict[str, Any]) -> None:
        """The runtime may be gone."""
        with contextlib.suppress(OSError):
            os.write(self._control, json.dumps(said).encode() + b"\n")

    # -- what happens --------------------------------------------------------------------------------------------

    def _wait(self) -> None:
        """For anything to happen, and take note of it."""
        ready = {end for end, _ in self._poll.poll(self._patience() * 1000)}
        if self._woken in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._woken, _CHUNK_BYTES)
        if self._control in ready:
            self._listen()
        if self._errors in ready:
            self._take_errors()
        if os.getppid() != self._runtime:
            self._end(_ALONE_SECONDS)
        self._bury()

    def _patience(self) -> float:
        """Seconds. Without the kernel's word the runtime's death is looked for."""
        if self._kill_at is not None:
            return _SWEEP_SECONDS
        return 3600.0 if _IS_LINUX else _LOOK_SECONDS

    def _listen(self) -> None:
        """The runtime says only one thing, or is gone."""
        try:
            said = os.read(self._control, _CHUNK_BYTES)
        except OSError:
            said = b""
        if said:
            self._end(self._task["term_seconds"])
        else:
            self._poll.unregister(self._control)
            self._end(_ALONE_SECONDS)

    def _take_errors(self) -> None:
        if text := os.read(self._errors, _CHUNK_BYTES):
            self._stderr.write(text)
        else:
            self._poll.unregister(self._errors)

    def _drain_errors(self) -> None:
        """What is still in the pipe; whoever could not be ended may hold it open."""
        os.set_blocking(self._errors, False)
        with contextlib.suppress(BlockingIOError):
            while text := os.read(self._errors, _CHUNK_BYTES):
                self._stderr.write(text)

    def _bury(self) -> None:
        """Those of our children that have ended; the program's end is told, and the end of the rest begins."""
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                if found[0] == self._program:
                    code = os.waitstatus_to_exitcode(found[1])
                    self._tell({"code": code} if code >= 0 else {"signal": -code})
                    self._end(_ALONE_SECONDS)

    # -- the end -------------------------------------------------------------------------------------------------

    def _end(self, term_seconds: float) -> None:
        """SIGTERM for all now, SIGKILL then; said again, the earlier time holds."""
        kill_at = time.monotonic() + term_seconds
        if self._kill_at is None:
            # What is stopped would not hear of it.
            self._signal(signal.SIGTERM, signal.SIGCONT)
        self._kill_at = kill_at if self._kill_at is None else min(self._kill_at, kill_at)

    def _sweep(self) -> None:
        if self._kill_at is not None and time.monotonic() >= self._kill_at:
            self._signal(signal.SIGKILL)

    def _has_left(self) -> bool:
        """Whether anything lives that was started."""
        if _IS_LINUX:
            return bool(_descendants(os.getpid()))
        try:
            os.killpg(self._program, 0)
        except OSError:
            return False
        return True

    def _signal(self, *numbers: signal.Signals) -> None:
        """Its process group, and everything else below this process."""
        for number in numbers:
            with contextlib.suppress(OSError):
                os.killpg(self._program, number)
            for pid, group in _descendants(os.getpid()).items():
                if group != self._program:
                    with contextlib.suppress(OSError):
                        os.kill(pid, number)


def _descendants(ancestor: int) -> dict[int, int]:
    """All processes below one, with their process groups, as far as this system shows them."""
    children: dict[int, list[tuple[int, int]]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name, in parentheses, may hold anything; behind it come the state, the parent and the group.
            _, parent, group = stat.read_bytes().rpartition(b")")[2].split()[:3]
            children.setdefault(int(parent), []).append((int(stat.parent.name), int(group)))
    found = list(children.get(ancestor, []))
    for pid, _ in found:
        found.extend(children.get(pid, ()))
    return dict(found)


def _become(task: dict[str, Any], supervisor: int, errors: int, failing: int) -> NoReturn:
    """In the forked process: the program, or a word about why not."""
    os.setsid()
    if _IS_LINUX:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != supervisor:
            os._exit(_UNSTARTED)
    os.dup2(errors, 2)
    signal.set_wakeup_fd(-1)
    # Python ignores some, and what is ignored stays so in the program.
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    step = "folder"
    try:
        os.chdir(task["folder"])
        step = "program"
        command = [os.fsencode(each) for each in task["command"]]
        os.execvpe(command[0], command, task["environment"])  # noqa: S606 - there is to be no shell
    except OSError as exc:
        os.write(failing, json.dumps({"failed": step, "errno": exc.errno}).encode())
    except ValueError:
        # A NUL, which no kernel takes.
        os.write(failing, json.dumps({"failed": step, "errno": errno.EINVAL}).encode())
    os._exit(_UNSTARTED)


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _read_task(control: int) -> dict[str, Any] | None:
    """One line; `None`: the runtime has not said all of it, or wants its end already."""
    said = b""
    while b"\n" not in said:
        if not (chunk := os.read(control, _CHUNK_BYTES)):
            return None
        said += chunk
    line, _, more = said.partition(b"\n")
    task: dict[str, Any] = json.loads(line)
    return None if more else task


def main() -> None:
    """Take the order and see to it."""
    runtime, control = map(int, sys.argv[1:])
    if (task := _read_task(control)) is not None:
        Supervisor(runtime, control, task).run()


if __name__ == "__main__":
    main()
