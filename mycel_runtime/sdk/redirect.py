"""What a redirect says, and the fix. Pure: nobody follows one, because the token would go along (contract 1.1)."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit, urlunsplit

from mycel_runtime.errors import RedirectError

STATUSES: Final = frozenset({301, 302, 303, 307, 308})

_LONGEST_LOCATION: Final = 200
_HTTP: Final = {"ws": "http", "wss": "https"}


def redirect_error(status: int, location: str, path: str, content: bytes = b"") -> RedirectError:
    """
    The error that a redirect is.

    Args:
        status: One of `STATUSES`.
        location: The header's text; empty if there was none.
        path: What was asked for, with the part of `base_url` that is a path or without.
        content: The answer's body.
    """
    shown = _shown(location)
    return RedirectError(status, shown, base_url=_base_url(shown, path), content=content)


def _shown(location: str) -> str:
    """Without what may be a secret (user, query, fragment), in one line, not too long; `http` for `ws`."""
    try:
        parts = urlsplit("".join(character for character in location if character.isprintable()))
    except ValueError:
        return ""
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((_HTTP.get(parts.scheme, parts.scheme), host, parts.path, "", ""))[:_LONGEST_LOCATION]


def _base_url(location: str, path: str) -> str:
    """The `base_url` that would have led there at once; empty if that is another place altogether."""
    is_whole = location.startswith(("http://", "https://"))
    return location.removesuffix(path) if is_whole and location.endswith(path) else ""
