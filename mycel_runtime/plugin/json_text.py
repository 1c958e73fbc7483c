"""What a plugin gives the journal to keep, as JSON."""

from __future__ import annotations

import json
from typing import Any, Final

from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from mycel_runtime.errors import ArgumentError

VALUE_BYTES: Final = 65_536
"""Of one value at most, as JSON."""

_JSON: Final[TypeAdapter[JsonValue]] = TypeAdapter(JsonValue)

_ENCODER: Final = json.JSONEncoder(allow_nan=False, separators=(",", ":"))

_ALWAYS_JSON: Final = frozenset({int, float, bool})
"""What needs no look into it; numbers that JSON has not got are refused as they are written."""

_WHOLE: Final = 1 << 63
"""Counters, and timers without data, are too many for an encoder that is begun for each."""


def json_text(value: Any, what: str) -> str:
    """
    The JSON of a value, in which reading it again gives the same value.

    Args:
        value: Of `dict` with texts as keys, `list`, `str`, `int`, `float`, `bool`, `None`; or a pydantic model.
        what: What it is, for the error; the value itself is never quoted.

    Raises:
        ArgumentError: It is something else, or too large.
    """
    if value is None:
        return "null"
    if type(value) is int and -_WHOLE < value < _WHOLE:
        return repr(value)
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    try:
        text = _encoded(plain)
    except ValidationError as exc:
        mistake = exc.errors(include_url=False, include_context=False)[0]
        kind = type(mistake["input"]).__name__
        held = f"{_article(kind)} {kind}"
        is_key = mistake["loc"][-1:] == ("[key]",)
        raise ArgumentError(
            f"{what} holds {held} as a key, and JSON's are texts"
            if is_key
            else f"{what} holds {held}, which is no JSON",
            fix="Give dict with str keys, list, str, int, float, bool, None or a pydantic model.",
        ) from None
    except (ValueError, RecursionError):
        raise ArgumentError(
            f"{what} is no JSON: it holds NaN, an infinity, or itself", fix="Give what JSON can say."
        ) from None
    if len(text) > VALUE_BYTES:
        raise ArgumentError(
            f"{what} is {len(text):,} bytes of JSON, and {VALUE_BYTES:,} are the most",
            fix="Keep it in a file of your own, and its name here.",
        )
    return text


def _encoded(plain: Any) -> str:
    return _ENCODER.encode(plain if type(plain) in _ALWAYS_JSON else _JSON.validate_python(plain))


def _article(kind: str) -> str:
    return "an" if kind[0] in "aeiou" else "a"
