"""How lines are written, and from which level on: of the process, and of each of its agents; it may change."""

from __future__ import annotations

import contextlib
import logging
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Literal

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LogFormat = Literal["auto", "console", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStyle:
    """How lines are written, and from which level on."""

    level: LogLevel = "info"
    format: LogFormat = "auto"

    @property
    def is_console(self) -> bool:
        """Whether they are for a person; `auto`: on a terminal."""
        return is_terminal() if self.format == "auto" else self.format == "console"


class LogStyles:
    """
    The styles of a process.

    Attributes:
        lowest: From which level on anybody is told anything, as the standard library counts them.
    """

    def __init__(self) -> None:
        self.set(LogStyle(), {})

    def set(self, process: LogStyle, agents: Mapping[str, LogStyle]) -> None:
        """
        From now on.

        Args:
            process: Of lines that are no agent's.
            agents: Of those that are, by its name.
        """
        self._process, self._agents = process, dict(agents)
        self._least = {name: level_number(style.level) for name, style in self._agents.items()}
        self._consoles = {name: style.is_console for name, style in self._agents.items()}
        self._process_least, self._is_console = level_number(process.level), process.is_console
        self.lowest = min(self._process_least, *self._least.values(), logging.ERROR)

    def change(self, agent: str, style: LogStyle) -> None:
        """Of an agent's lines, and of those that are nobody's if it is the first one."""
        agents = self._agents | {agent: style}
        self.set(style if next(iter(agents)) == agent else self._process, agents)

    def of(self, agent: str) -> LogStyle:
        """Of an agent; of one that has none of its own, or of nobody: the process's."""
        return self._agents.get(agent, self._process)

    def is_told(self, level: str, agent: str) -> bool:
        """Whether a line of this level is written."""
        return level_number(level) >= self._least.get(agent, self._process_least)

    def is_console(self, agent: str) -> bool:
        """Whether it is written for a person."""
        return self._consoles.get(agent, self._is_console)


_agent: Final[ContextVar[str]] = ContextVar("mycel_agent", default="")


@contextlib.contextmanager
def lines_of(agent: str) -> Iterator[None]:
    """What is logged in the block, and in tasks and threads that are begun in it, is this agent's."""
    token = _agent.set(agent)
    try:
        yield
    finally:
        _agent.reset(token)


def agent_at_work() -> str:
    """Whose lines are written here; empty if nobody can tell."""
    return _agent.get()


def level_number(level: str) -> int:
    """Of a level, or of a method that logs at it."""
    return _NUMBERS.get(level, logging.ERROR)


def is_terminal() -> bool:
    """Whether standard error is one."""
    return sys.stderr is not None and sys.stderr.isatty()


_NUMBERS: Final = {name.lower(): number for name, number in logging.getLevelNamesMapping().items()}

styles: Final = LogStyles()
"""Of this process."""
