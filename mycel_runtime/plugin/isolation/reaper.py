"""
The process that the runtime starts for an isolated plugin: forks the plugin's own, and leaves nothing of it behind.

When the plugin's process ends, when the runtime asks (SIGTERM), and when the runtime has died, were it by SIGKILL
(the kernel tells, as SIGTERM too): everything that the plugin has started is killed, what has left its process group
or lost its parent included, because orphans below this process become its children (Linux). Then it ends as the
plugin's did.

Run by path and importing the standard library only, so that it costs little beside the plugin; a name of ours is
imported in the forked process only.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Final, NoReturn

_IS_LINUX: Final = sys.platform == "linux"

# Source: linux/prctl.h.
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36

_LOOK_SECONDS: Final = 1.0
"""Between two looks at whether the runtime lives, where no kernel tells."""

_KILLING_SECONDS: Final = 5.0
"""For what was killed to be gone: a process in an uninterruptible call is not waited for."""

_WATCHED: Final = (signal.SIGCHLD, signal.SIGTERM, signal.SIGALRM)


def main() -> NoReturn:
    """Start the plugin's process, wait for its end or the runtime's, and clear away."""
    runtime, nicer = map(int, sys.argv[1:])
    # What was ignored where this process was started would never come.
    for number in _WATCHED:
        signal.signal(number, signal.SIG_DFL)
    unwatched = signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    if _IS_LINUX:
        _control(_PR_SET_CHILD_SUBREAPER, 1)
        _control(_PR_SET_PDEATHSIG, signal.SIGTERM)
    else:
        signal.setitimer(signal.ITIMER_REAL, _LOOK_SECONDS, _LOOK_SECONDS)
    reaper = os.getpid()
    if (plugin := os.fork()) == 0:
        _be_the_plugins(reaper, unwatched, nicer)
    os.close(0)
    # Sent to all processes of a unit, it asks them where they are, and is no reason to end the plugin's.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    status = _wait(plugin, runtime)
    _kill_all(plugin)
    _end_as(status)


def _be_the_plugins(reaper: int, unwatched: set[int | signal.Signals], nicer: int) -> NoReturn:
    """In the forked process: a session of its own, so that its niceness counts, and no life without the reaper."""
    os.setsid()
    if _IS_LINUX:
        _control(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != reaper:
            os._exit(1)
    signal.pthread_sigmask(signal.SIG_SETMASK, unwatched)
    if nicer:
        _yield_to_the_runtime(nicer)
    if importlib.util.find_spec("mycel_runtime") is None:
        sys.path.append(str(Path(__file__).parents[3]))
    from mycel_runtime.plugin.isolation import child  # noqa: PLC0415 - the reaper has no use for it

    child.main()


def _yield_to_the_runtime(nicer: int) -> None:
    """
    Take the processor time that the runtime leaves; before anything is imported, because imports count too.

    Not when the runtime starts and only asks what the plugin is: on a busy machine a nice import passes its deadline,
    and the plugin would be refused for being polite.

    Where Linux groups processes by session (autogroup), niceness is weighed within a session only, and the session
    has one of its own.
    """
    with contextlib.suppress(OSError):
        os.nice(nicer)
        Path("/proc/self/autogroup").write_text(f"{nicer}", encoding="ascii")


def _control(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _wait(plugin: int, runtime: int) -> int:
    """Until the plugin's process has ended, or must: its wait status, 0 for the latter. Buries orphans meanwhile."""
    while os.getppid() == runtime:
        if signal.sigwait(_WATCHED) == signal.SIGTERM:
            return 0
        if (status := _bury().get(plugin)) is not None:
            return status
    return 0


def _bury() -> dict[int, int]:
    """The wait statuses of those children that have ended."""
    ended: dict[int, int] = {}
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            ended[found[0]] = found[1]
    return ended


def _kill_all(plugin: int) -> None:
    """The plugin's process group, and whatever lives below this process, until nothing does."""
    deadline = time.monotonic() + _KILLING_SECONDS
    with contextlib.suppress(OSError):
        os.killpg(plugin, signal.SIGKILL)
    while (below := _descendants(os.getpid())) and time.monotonic() < deadline:
        for pid in below:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        _bury()
        time.sleep(0.005)


def _descendants(ancestor: int) -> list[int]:
    """All processes below one, as far as this system shows them."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name, in parentheses, may hold anything; behind it come the state and the parent.
            parent = int(entry.read_bytes().rpartition(b")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.parent.name))
    found = children.get(ancestor, [])
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def _end_as(status: int) -> NoReturn:
    """As the plugin's process did, so that whoever started this one learns it; without a core dump of this one."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 1)


if __name__ == "__main__":
    main()
