"""
Facts as log lines.

structlog renders: coloured on a terminal, one JSON object per line elsewhere. Each agent's lines are as its own file
says, what its handlers log included, and as it says by now: levels and formats may change while the process runs.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, TextIO

import structlog
from typing_extensions import override

from mycel_runtime.observe.fact_fields import fields_of
from mycel_runtime.observe.fact_lines import FactLines
from mycel_runtime.observe.facts import LinesDropped
from mycel_runtime.observe.folding import Folding, call_later
from mycel_runtime.observe.library_logs import take_library_logs
from mycel_runtime.observe.log_style import LogStyle, agent_at_work, level_number, styles
from mycel_runtime.observe.observer import Observer
from mycel_runtime.observe.output import BoundedWriter
from mycel_runtime.observe.rendering import renderer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

    from mycel_runtime.observe.facts import Fact

    EventDict = MutableMapping[str, Any]


def configure_logging(style: LogStyle, agents: Mapping[str, LogStyle] | None = None) -> None:
    """
    Set structlog and the standard library up for this process; lines go to standard error.

    Args:
        style: Of the process's own lines.
        agents: Of the lines that are bound to an agent, by its name.
    """
    styles.set(style, agents or {})
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _drop_below,
            structlog.processors.add_log_level,
            renderer(styles),
        ],
        # Which lines are told may change: it is asked for each of them.
        wrapper_class=structlog.make_filtering_bound_logger(level_number("debug")),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    take_library_logs()


def restyle(agent: str, style: LogStyle) -> None:
    """
    Change level and format of an agent's lines while it runs: of the next line on, also of handlers that run.

    What belongs to no agent is written as the first one's lines are.
    """
    styles.change(agent, style)
    take_library_logs()


class LogObserver(Observer):
    """
    Writes each fact as one line; of one whose like may storm, alike ones have one line a second.

    Args:
        bound: Key-value pairs on every line, for example the agent's name.
        clock: Seconds that never run backwards.
        later: As of `call_later`.
    """

    def __init__(
        self,
        bound: Mapping[str, str],
        *,
        clock: Callable[[], float] = time.monotonic,
        later: Callable[[float, Callable[[], None]], None] = call_later,
    ) -> None:
        self._agent = bound.get("agent", "")
        self._for_people = structlog.get_logger().bind(**bound)
        self._lines = FactLines(bound)
        self._write_line = line_writer(sys.stderr)
        self._folding: Folding[Fact] = Folding(self._write, clock=clock, later=later)

    @override
    def tell(self, fact: Fact) -> None:
        if not styles.is_told(fact.level, self._agent):
            return
        if fact.alike_by is None:
            self._write(fact, 0)
        else:
            self._folding.tell(fact, key=(fact.name, *(getattr(fact, field) for field in fact.alike_by)))

    def _write(self, fact: Fact, repeated: int) -> None:
        agent = getattr(fact, "agent", self._agent)
        if styles.is_console(agent):
            repetitions = {"repeated": repeated} if repeated else {}
            getattr(self._for_people, fact.level)(fact.name, **fields_of(fact), **repetitions)
        elif styles.is_told(fact.level, agent):
            # What structlog does for others' lines, in a twentieth of the time: nearly all lines are facts.
            self._write_line(self._lines.line(fact, repeated))


def line_writer(stream: TextIO) -> Callable[[str], None]:
    """
    What writes whole lines to a stream, one at a time, whichever threads do.

    Args:
        stream: If it is a bounded one, lines go straight to its writer, past the two locks and copies of others.
    """
    writer = getattr(stream, "buffer", None)
    if not isinstance(writer, BoundedWriter):
        return structlog.PrintLogger(stream).msg

    def write(line: str) -> None:
        writer.write(f"{line}\n".encode(errors="backslashreplace"))

    return write


def logger_of(**bound: Any) -> structlog.stdlib.BoundLogger:
    """
    What a handler's context logs with: these key-value pairs on every line, and whose handler it is.

    It is put together when a line is logged, which most runs never do.
    """
    if agent := agent_at_work():
        bound["agent"] = agent
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(**bound)
    return logger


def tell_dropped(lines: int) -> None:
    """Log that lines were lost."""
    LogObserver({}).tell(LinesDropped(lines=lines))


def _drop_below(_logger: Any, method: str, event: EventDict) -> EventDict:
    if not styles.is_told(method, event.get("agent", "")):
        raise structlog.DropEvent
    return event
