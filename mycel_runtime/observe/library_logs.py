"""
What libraries, and handlers, log through the standard library: as lines like all others, and without secrets.

A record is redacted when it is made, so that it is clean for whatever handlers a plugin may add, too; only records
that are made pay. Libraries that would tell requests, frames or texts are held at WARNING.
"""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING, Any, Final

import structlog
from typing_extensions import override

from mycel_runtime.observe.folding import Folding, call_later
from mycel_runtime.observe.log_style import agent_at_work, styles
from mycel_runtime.observe.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Callable

TALKATIVE: Final = (
    "httpx",
    "httpcore",
    "websockets",
    "uvicorn",
    "asyncio",
    "tenacity",
    "apscheduler",
    "anthropic",
    "openai",
    "mcp",
    "urllib3",
    "requests",
    "aiohttp",
    "procrastinate",
    "psycopg",
    "h2",
    "hpack",
)
"""Loggers that would tell more than we may, or what our facts tell already."""


class RecordLines(logging.Handler):
    """
    Writes records as lines; of alike ones, one a second.

    Args:
        later: As of `Folding`.
    """

    def __init__(self, later: Callable[[float, Callable[[], None]], None] = call_later) -> None:
        super().__init__()
        self._folding: Folding[logging.LogRecord] = Folding(_write, later=later)

    @override
    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._folding.tell(record, key=(record.name, record.levelno, record.getMessage()))
        except Exception:  # noqa: BLE001 - as the standard library has it: who logs is not to fail by it
            self.handleError(record)


class _Hold:
    """What was set up, and what a plugin may have changed of it."""

    def __init__(self) -> None:
        self.lines: RecordLines | None = None
        self.made_by: Callable[..., logging.LogRecord] | None = None

    def begin(self) -> None:
        if self.lines is None:
            self.lines = RecordLines()
            self.made_by = logging.getLogRecordFactory()
        self.put_back()

    def is_kept(self) -> bool:
        return self.lines is None or (
            self.lines in logging.root.handlers
            and logging.root.level == styles.lowest
            and logging.getLogRecordFactory() is _record
            and logging.root.manager.disable == logging.NOTSET
            and all(logging.getLogger(name).level == logging.WARNING for name in TALKATIVE)
        )

    def put_back(self) -> None:
        if self.lines is None:
            return
        if self.lines not in logging.root.handlers:
            logging.root.addHandler(self.lines)
        logging.root.setLevel(styles.lowest)
        logging.setLogRecordFactory(_record)
        logging.disable(logging.NOTSET)
        for name in TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)

    def end(self) -> None:
        if self.lines is None or self.made_by is None:
            return
        logging.root.removeHandler(self.lines)
        logging.root.setLevel(logging.WARNING)
        logging.setLogRecordFactory(self.made_by)
        self.lines = self.made_by = None


_hold: Final = _Hold()


def take_library_logs() -> None:
    """From now on; again, after the styles have changed."""
    _hold.begin()


def leave_library_logs() -> None:
    """For tests: as before."""
    _hold.end()


def are_library_logs_kept() -> bool:
    """Whether all is as `take_library_logs` has left it; also if it never was called."""
    return _hold.is_kept()


def put_library_logs_back() -> None:
    """As `take_library_logs` has left it; nothing, if it never was called."""
    _hold.put_back()


def _record(*args: Any, **kwargs: Any) -> logging.LogRecord:
    assert _hold.made_by is not None
    record = _hold.made_by(*args, **kwargs)
    try:
        message = record.getMessage()
    except Exception:  # noqa: BLE001 - a mistake of who logs, which the handlers tell of
        return record
    if (clean := redacted(message)) != message:
        record.msg, record.args = clean, ()
    if record.exc_info and record.exc_info[0] is not None:
        text = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
        # What a formatter would make of it, and takes if it is there.
        record.exc_text = clean if (clean := redacted(text)) != text else None
    return record


def _write(record: logging.LogRecord, repeated: int) -> None:
    fields: dict[str, Any] = {"logger": record.name}
    if agent := agent_at_work():
        fields["agent"] = agent
    if repeated:
        fields["repeated"] = repeated
    if record.exc_info:
        fields["exc_info"] = record.exc_info
    level = max((number for number in _METHODS if number <= record.levelno), default=logging.DEBUG)
    getattr(structlog.get_logger(), _METHODS[level])(record.getMessage(), **fields)


_METHODS: Final = {
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warning",
    logging.ERROR: "error",
    logging.CRITICAL: "critical",
}
