"""What the process does, when somebody asks (SIGUSR1)."""

from __future__ import annotations

from typing import ClassVar

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.facts.fact import Fact, Level


@dataclass(frozen=True, slots=True, kw_only=True)
class _StackDumped(Fact):
    """
    Where something is that runs.

    Attributes:
        names: Of those that do alike, some.
        count: How many do.
        state: `running`, or what is waited for.
        trace: Files, lines and functions, the innermost last; no values.
    """

    level: ClassVar[Level] = "warning"
    names: str
    count: int
    state: str
    trace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDumped(_StackDumped):
    """Tasks of the loop that stand at the same place; told because SIGUSR1 came."""

    name: ClassVar[str] = "task.dumped"


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadDumped(_StackDumped):
    """Threads that stand at the same place; told because SIGUSR1 came."""

    name: ClassVar[str] = "thread.dumped"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessDumped(Fact):
    """
    SIGUSR1 came, and this is the end of what it has asked for.

    Attributes:
        tasks: Of the loop, in all.
        threads: In all, without the one that tells this.
    """

    name: ClassVar[str] = "process.dumped"
    level: ClassVar[Level] = "warning"
    tasks: int
    threads: int
