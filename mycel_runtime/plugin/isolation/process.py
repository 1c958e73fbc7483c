"""
How a plugin's process is started and ended, from the runtime.

The two talk over a socket pair, the process's standard input at first: closing one end ends what the other waits for,
also where a descendant of the plugin still holds a copy of it.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mycel_runtime.plugin.isolation.messages import Load

END_SECONDS: Final = 10.0
"""For a process that was asked to end, to have cleared away what its plugin has started; then it is killed."""

NICER: Final = 10
"""Added to the niceness of a process that runs handlers: a spinner gets what the runtime leaves."""

_REAPER: Final = Path(__file__).with_name("reaper.py")

_NOT_FOR_PLUGINS: Final = ("MYCEL_RUNTIME_", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSpec:
    """
    What a process of a plugin's own loads.

    Attributes:
        name, table, config: Its table, without what is about isolation, and the file that the table is in.
        import_timeout: Seconds until it must have described itself at the start of the runtime; later, as a nice
            process, `workers.NICE_PATIENCE` times as long.
        credentials: Texts of those of systemd's that its table names.
    """

    name: str
    table: Mapping[str, Any]
    config: Path
    import_timeout: float
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def load(self) -> Load:
        """What its process is told first."""
        from mycel_runtime.plugin.isolation.messages import Load  # noqa: PLC0415 - only who isolates pays

        return Load(
            name=self.name,
            table=dict(self.table),
            config=str(self.config),
            credentials=dict(self.credentials),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """
    The arguments of `subprocess.Popen` and of asyncio's counterpart.

    Attributes:
        command: What to run.
        options: Keyword arguments.
        ours, theirs: The ends of the line; `theirs` is to be closed once the process runs.
    """

    command: tuple[str, ...]
    options: Mapping[str, Any]
    ours: socket.socket
    theirs: socket.socket


def start(*, nicer: int = 0, writes_bytecode: bool = True) -> Start:
    """
    Make a line, and say how a process is to be started at its other end.

    By the thread that lives as long as the process may: the kernel takes its end for the runtime's.

    Args:
        nicer: Added to its niceness, before the plugin is imported.
        writes_bytecode: As Python does beside what it imports.
    """
    ours, theirs = socket.socketpair()
    return Start(
        # Without the reaper's folder, or the current one, in front of the module path (-P).
        command=(sys.executable, "-P", str(_REAPER), str(os.getpid()), str(nicer)),
        options={
            "stdin": theirs,
            "stdout": subprocess.DEVNULL,
            "env": _environment() | ({} if writes_bytecode else {"PYTHONDONTWRITEBYTECODE": "1"}),
            "start_new_session": True,
        },
        ours=ours,
        theirs=theirs,
    )


def _environment() -> dict[str, str]:
    """The runtime's, without its secrets."""
    return {key: value for key, value in os.environ.items() if not key.startswith(_NOT_FOR_PLUGINS)}
