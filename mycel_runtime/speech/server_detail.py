"""What the server says of a call that failed, in one line for a person. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.errors import ValidationError

if TYPE_CHECKING:
    from mycel_runtime.errors import ApiError

_LONGEST_CHARACTERS: Final = 200
_QUOTED_CHARACTERS: Final = 12
"""So many of a message in a row are a quotation."""

_REPEATED: Final = "the answer repeats the message"
_REPEATED_CONTENT: Final = json.dumps({"detail": _REPEATED}).encode()

_TITLE: Final = re.compile(r"<title[^>]{0,200}>([^<]{0,500})", re.IGNORECASE)
_UNPRINTABLE: Final = re.compile(r"[^\S ]|[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def reason_of(error: ApiError) -> str:
    """Class, status and the server's words: what a dead letter and `status` say."""
    status = f" {error.status_code}" if error.status_code else ""
    detail = server_detail(error)
    return f"{type(error).__name__}{status}" + (f": {detail}" if detail else "")


def server_detail(error: ApiError) -> str:
    """
    The server's own words: one line, at most 200 characters, no control characters.

    Of a refused body only where and why it was refused: the answer repeats the body, and that is a message. Of a page
    its title.
    """
    if isinstance(error, ValidationError) and error.errors:
        return _one_line("; ".join(_refusal(entry) for entry in error.errors))
    if "<" in error.detail and (title := _TITLE.search(error.detail)) is not None:
        return _one_line(f"a page titled {title[1].strip()!r}")
    if error.detail.lstrip().startswith(("<", "{", "[")):
        return _one_line(_named(error.detail))
    return _one_line(error.detail)


def forget_words(error: ApiError, words: str) -> None:
    """
    Let an error not repeat what was said: its detail goes to dead letters, logs and `status`.

    Whether it is the backend's own remains to be seen: a short text is found in many a refusal.
    """
    said, detail = " ".join(words.split()), server_detail(error)
    length = min(len(said), _QUOTED_CHARACTERS)
    pieces = (detail[start : start + length] for start in range(len(detail) - length + 1))
    if length and any(piece in said for piece in pieces):
        content = _REPEATED_CONTENT if error.is_backends_own else b""
        error.detail, error.content = _REPEATED, content
        error.args = (f"HTTP {error.status_code}: {error.detail}",)


def _refusal(entry: dict[str, Any]) -> str:
    location = entry.get("loc")
    where = ".".join(str(part) for part in location) if isinstance(location, list) else ""
    return f"{where}: {entry.get('msg', '')}" if where else str(entry.get("msg", ""))


def _named(detail: str) -> str:
    """What an object calls its error; nothing else of it, because it may hold the message."""
    try:
        value = json.loads(detail)
    except ValueError:
        return ""
    said = value.get("error") if isinstance(value, dict) else None
    return said if isinstance(said, str) else ""


def _one_line(text: str) -> str:
    line = " ".join(_UNPRINTABLE.sub(" ", text).split())
    return line if len(line) <= _LONGEST_CHARACTERS else f"{line[: _LONGEST_CHARACTERS - 1]}…"
