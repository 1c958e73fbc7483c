"""
Programs that plugins start: with an environment that is said, and nothing left of them behind.

Each program lives below a supervisor, a small process of ours. However the program's time ends (it exits, `end` is
called, the runtime is killed with SIGKILL), the supervisor ends all that lives below it: what was forked into the
background, what has left its session, what ignores SIGTERM. What a program writes is never held without bound: its
standard output waits in a pipe until it is read, and its standard error goes to a file of bounded size.

Imports nothing of the runtime but its error for mistakes; `command` and `acp` are built on it.
"""

from mycel_runtime_plugins.child_process.bounded_output import OutputTooLargeError, read_bounded
from mycel_runtime_plugins.child_process.child import ChildProcess, running
from mycel_runtime_plugins.child_process.environment import child_environment, refused_variables
from mycel_runtime_plugins.child_process.exit_status import ExitStatus
from mycel_runtime_plugins.child_process.program import ProgramUnavailableError, find_program
from mycel_runtime_plugins.child_process.spec import ChildSpec

__all__ = [
    "ChildProcess",
    "ChildSpec",
    "ExitStatus",
    "OutputTooLargeError",
    "ProgramUnavailableError",
    "child_environment",
    "find_program",
    "read_bounded",
    "refused_variables",
    "running",
]
