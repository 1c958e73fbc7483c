"""
Facts as log lines.

structlog renders: coloured on a terminal, one JSON object per line elsewhere. Each agent's lines are as its own file
says, what its handlers log included. Libraries log through the standard library; those that print request lines or
frames are held at WARNING, because their lines would carry bodies and tokens.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import re
import sys
import time
from typing import TYPE_CHECKING, Any, Final, Literal

import structlog
from typing_extensions import override

from mycel_runtime.observe.facts import LinesDropped
from mycel_runtime.observe.observer import Observer
from mycel_runtime.observe.repeats import Repeats

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

    from mycel_runtime.observe.facts import Fact

    EventDict = MutableMapping[str, Any]

LogFormat = Literal["auto", "console", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

TALKATIVE: Final = ("httpx", "httpcore", "websockets", "uvicorn", "asyncio", "tenacity")
"""Loggers that would tell more than we may, or what our facts tell already."""

_MANY_LINES: Final = frozenset({"event", "trace", "exception", "stack"})
"""Keys whose values may have lines; nothing of a server's is in them."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROL_BUT_LINES: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_CONTROL_IN_JSON: Final = re.compile(r"[\x7f-\x9f]")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LogStyle:
    """How lines are written, and from which level on."""

    level: LogLevel = "info"
    format: LogFormat = "auto"

    @property
    def is_console(self) -> bool:
        """Whether they are for a person; `auto`: on a terminal."""
        return _is_terminal() if self.format == "auto" else self.format == "console"


def configure_logging(style: LogStyle, agents: Mapping[str, LogStyle] | None = None) -> None:
    """
    Set structlog and the standard library up for this process; lines go to standard error.

    Args:
        style: Of the process's own lines.
        agents: Of the lines that are bound to an agent, by its name.
    """
    by_agent = dict(agents or {})
    lowest = min(_number(each.level) for each in (style, *by_agent.values()))
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _leveller(style, by_agent),
            _renderer(style, by_agent),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(lowest),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


class LogObserver(Observer):
    """
    Writes each fact as one line; of one that may storm, the same within a second is counted on its next line.

    Args:
        bound: Key-value pairs on every line, for example the agent's name.
        clock: Seconds that never run backwards.
    """

    def __init__(self, bound: Mapping[str, str], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = structlog.get_logger().bind(**bound)
        self._repeats = Repeats()
        self._clock = clock

    @override
    def tell(self, fact: Fact) -> None:
        left_out = self._repeats.admit(fact, self._clock()) if fact.may_storm else 0
        if left_out is None:
            return
        fields = {field.name: getattr(fact, field.name) for field in dataclasses.fields(fact)}
        if fields.get("trace") == "":
            del fields["trace"]
        if left_out:
            fields["repeated"] = left_out
        getattr(self._log, fact.level)(fact.name, **fields)


def tell_dropped(lines: int) -> None:
    """Log that lines were lost."""
    LogObserver({}).tell(LinesDropped(lines=lines))


def without_controls(text: str, controls: re.Pattern[str] = _CONTROL) -> str:
    """The text with control characters shown as escapes: a server's words must not steer a terminal."""
    return controls.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _leveller(style: LogStyle, by_agent: Mapping[str, LogStyle]) -> structlog.typing.Processor:
    least = {name: _number(each.level) for name, each in by_agent.items()}
    default = _number(style.level)

    def drop_below(_logger: Any, method: str, event: EventDict) -> EventDict:
        if _number(method) < least.get(event.get("agent", ""), default):
            raise structlog.DropEvent
        return event

    return drop_below


def _renderer(style: LogStyle, by_agent: Mapping[str, LogStyle]) -> structlog.typing.Processor:
    is_console = {name: each.is_console for name, each in by_agent.items()}
    default = style.is_console
    console, json = _console(), _json()

    def render(logger: Any, method: str, event: EventDict) -> str:
        return (console if is_console.get(event.get("agent", ""), default) else json)(logger, method, event)

    return render


def _console() -> Callable[[Any, str, EventDict], str]:
    """Tracebacks without the values of variables, which may be messages."""
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=False)
    renderer = structlog.dev.ConsoleRenderer(
        colors=_is_terminal() and not os.environ.get("NO_COLOR"),
        exception_formatter=structlog.dev.plain_traceback,
    )

    def render(logger: Any, method: str, event: EventDict) -> str:
        for key, value in event.items():
            if isinstance(value, str) and not value.isprintable():
                event[key] = without_controls(value, _CONTROL_BUT_LINES if key in _MANY_LINES else _CONTROL)
        return renderer(logger, method, stamp(logger, method, event))

    return render


def _json() -> Callable[[Any, str, EventDict], str]:
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    renderer = structlog.processors.JSONRenderer(ensure_ascii=False)

    def render(logger: Any, method: str, event: EventDict) -> str:
        event = structlog.processors.format_exc_info(logger, method, event)
        text = renderer(logger, method, stamp(logger, method, event))
        assert isinstance(text, str)
        return _CONTROL_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)

    return render


def _number(level: str) -> int:
    """Of a level or of a method that logs at it."""
    return logging.getLevelNamesMapping().get(level.upper(), logging.ERROR)


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()
