"""
Facts as log lines.

structlog renders: coloured on a terminal, one JSON object per line elsewhere. Libraries log through the
standard library; those that print request lines or frames are held at WARNING, because their lines would
carry bodies and tokens.
"""

from __future__ import annotations

import dataclasses
import logging
import sys
from typing import TYPE_CHECKING, Any, Final, Literal

import structlog
from typing_extensions import override

from mycel_runtime.observe.observer import Observer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mycel_runtime.observe.facts import Fact

LogFormat = Literal["auto", "console", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

TALKATIVE: Final = ("httpx", "httpcore", "websockets", "uvicorn", "apscheduler", "asyncio", "tenacity")
"""Loggers that would tell more than we may, or what our facts tell already."""


def configure_logging(*, level: LogLevel, log_format: LogFormat) -> None:
    """Set structlog and the standard library up for this process; lines go to standard error."""
    is_console = sys.stderr.isatty() if log_format == "auto" else log_format == "console"
    renderer: Any = (
        structlog.dev.ConsoleRenderer()
        if is_console
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=not is_console),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


class LogObserver(Observer):
    """
    Writes each fact as one line.

    Args:
        bound: Key-value pairs on every line, for example the agent's name.
    """

    def __init__(self, bound: Mapping[str, str]) -> None:
        self._log = structlog.get_logger().bind(**bound)

    @override
    def tell(self, fact: Fact) -> None:
        fields = {field.name: getattr(fact, field.name) for field in dataclasses.fields(fact)}
        getattr(self._log, fact.level)(fact.name, **fields)
