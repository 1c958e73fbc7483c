"""A line as text: for a person, or as one JSON object; in either, neither control characters nor secrets."""

from __future__ import annotations

import os
import re
import time
from functools import lru_cache
from json import JSONEncoder
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, Final

import structlog

from mycel_runtime.observe.log_style import is_terminal
from mycel_runtime.observe.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

    from mycel_runtime.observe.log_style import LogStyles

    EventDict = MutableMapping[str, Any]

_MANY_LINES: Final = frozenset({"event", "trace", "exception", "stack"})
"""Keys whose values may have lines; nothing of a server's is in them."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROL_BUT_LINES: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_CONTROL_IN_JSON: Final = re.compile(r"[\x7f-\x9f]")

_encode: Final = JSONEncoder(ensure_ascii=False, default=repr).encode
_quoted: Final = lru_cache(maxsize=1024)(encode_basestring)

_AS_JSON: Final[Mapping[type, Callable[[Any], str]]] = {
    str: encode_basestring,
    int: repr,
    bool: lambda value: "true" if value else "false",
}
"""Of the types that nearly all values have; to be an encoder's whole work costs them more than all else does."""


def renderer(styles: LogStyles) -> structlog.typing.Processor:
    """The last processor: each line in the format of its agent, redacted."""
    console, json = _console(), _json()

    def render(logger: Any, method: str, event: EventDict) -> str:
        chosen = console if styles.is_console(event.get("agent", "")) else json
        return redacted(chosen(logger, method, event))

    return render


def json_line(event: EventDict) -> str:
    """
    As `renderer` makes it of an event as JSON, quicker; for values that are plain.

    Args:
        event: Becomes stamped with the time.
    """
    event["timestamp"] = time_text()
    return finished(
        "{" + ", ".join([f"{_quoted(key)}: {text_of(value)}" for key, value in event.items()]) + "}"
    )


def text_of(value: Any) -> str:
    """A value as JSON."""
    return _AS_JSON.get(type(value), _encode)(value)


def finished(json: str) -> str:
    """The text of a JSON object as it may be written: without secrets and control characters."""
    return redacted(escaped(json))


def without_controls(text: str, controls: re.Pattern[str] = _CONTROL) -> str:
    """The text with control characters shown as escapes: a server's words must not steer a terminal."""
    return controls.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def lines_without_controls(text: str) -> str:
    """As `without_controls`, of a text that has lines."""
    return without_controls(text, _CONTROL_BUT_LINES)


def _console() -> Callable[[Any, str, EventDict], str]:
    """Tracebacks without the values of variables, which may be messages."""
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=False)
    renderer = structlog.dev.ConsoleRenderer(
        colors=is_terminal() and not os.environ.get("NO_COLOR"),
        exception_formatter=structlog.dev.plain_traceback,
    )

    def render(logger: Any, method: str, event: EventDict) -> str:
        for key, value in event.items():
            if isinstance(value, str) and not value.isprintable():
                event[key] = without_controls(value, _CONTROL_BUT_LINES if key in _MANY_LINES else _CONTROL)
        return renderer(logger, method, stamp(logger, method, event))

    return render


def _json() -> Callable[[Any, str, EventDict], str]:
    renderer = structlog.processors.JSONRenderer(ensure_ascii=False)

    def render(logger: Any, method: str, event: EventDict) -> str:
        event = structlog.processors.format_exc_info(logger, method, event)
        event["timestamp"] = time_text()
        text = renderer(logger, method, event)
        assert isinstance(text, str)
        return escaped(text)

    return render


def time_text() -> str:
    """The present time, as every line has it."""
    now = time.time()
    seconds = int(now)
    return f"{_second(seconds)}.{int(1e6 * (now - seconds)):06}Z"


@lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def escaped(json: str) -> str:
    """JSON without the control characters that it may have as they are."""
    if json.isascii():
        return json.replace("\x7f", "\\u007f")
    return _CONTROL_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", json)
