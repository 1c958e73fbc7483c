"""
The secrets that this process has read, so that whatever it writes for people can be kept free of them.

Whoever reads a secret from a file, a credential or a variable says so here; what writes lines asks. Only as long as
the process lives, and in memory that held the secret anyway.
"""

from __future__ import annotations

import base64
import functools
import json
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote

MASK: Final = "***"

SHORTEST: Final = 6
"""Characters of a secret that is looked for: a shorter one is a part of ordinary words."""

MOST: Final = 10_000
"""
That are remembered, the newest: an agent reads a new token once in a while for as long as it lives, and a process may
have a thousand agents.
"""


_SECRET_NAME: Final = re.compile(r"(?:^|[_-])(?:key|token|secret|password|passwd|passphrase)$", re.IGNORECASE)
"""Of a setting: `api_key`, `token`, `db_password`, but neither `key_file` nor `max_tokens`."""

_JSON_WEB: Final = r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}"
"""JSON Web Tokens, as a backend makes them: also where none is known, as in an isolated plugin's process."""

_JSON_WEB_HINT: Final = "eyJ"


class _Look:
    """
    What secrets look like, worked out when it is first needed: a thousand agents are known before the first line is.

    Args:
        secrets: All that are known; one more needs another look.

    Attributes:
        text_hints, data_hints: Without one of these nothing can be found, and nearly all lines are without: a tenth
            of the cost of looking with the patterns.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        spelled = {each for known in secrets for each in _spellings(known)}
        self.text_hints = (*spelled, _JSON_WEB_HINT)
        self.data_hints = tuple(hint.encode() for hint in self.text_hints)

    @functools.cached_property
    def text(self) -> re.Pattern[str]:
        longest_first = sorted(self.text_hints[:-1], key=len, reverse=True)
        return re.compile("|".join([*map(re.escape, longest_first), _JSON_WEB]))

    @functools.cached_property
    def data(self) -> re.Pattern[bytes]:
        return re.compile(self.text.pattern.encode())


class _Known:
    """Lines are written by several threads, and none may be looked at without a secret that is known by then."""

    def __init__(self) -> None:
        self._secrets: dict[str, None] = {}
        self._state = object()
        self._last_look = (self._state, _Look(()))

    def add(self, secret: str) -> None:
        self._secrets[secret] = None
        if len(self._secrets) > MOST:
            self._secrets.pop(next(iter(self._secrets)), None)
        # Last, so that a look that was begun before is of another state, whichever thread keeps it.
        self._state = object()

    def clear(self) -> None:
        self._secrets.clear()
        self._state = object()

    def __contains__(self, secret: str) -> bool:
        return secret in self._secrets

    @property
    def look(self) -> _Look:
        """For all that is known now."""
        state = self._state
        known_of, look = self._last_look
        if known_of is not state:
            look = _Look(tuple(self._secrets))
            self._last_look = (state, look)
        return look


_known: Final = _Known()


def remember_secret(secret: str) -> None:
    """
    Keep a secret out of all lines that this process writes from now on: logs, prints, tracebacks.

    Args:
        secret: As it was read; one of fewer than six characters cannot be told from a word, and is not looked for.
    """
    if len(secret) >= SHORTEST and secret not in _known:
        _known.add(secret)


def remember_pair(user: str, password: str) -> None:
    """A user's password, and what a header makes of both."""
    remember_secret(password)
    remember_secret(base64.b64encode(f"{user}:{password}".encode()).decode())


def remember_named(table: object, name: str = "") -> None:
    """
    Keep out of all lines the texts that a table holds under the name of a secret, at any depth.

    Args:
        table: As TOML has it.
        name: Of the key that it stands under.
    """
    if isinstance(table, Mapping):
        for key, value in table.items():
            remember_named(value, str(key))
    elif isinstance(table, list):
        for value in table:
            remember_named(value, name)
    elif isinstance(table, str) and _SECRET_NAME.search(name):
        remember_secret(table)


def masked(text: str) -> str:
    """The text, with `***` where a secret stands in it, as it is or as JSON, a URL or `repr` spell it."""
    look = _known.look
    if any(map(text.__contains__, look.text_hints)):
        return look.text.sub(MASK, text)
    return text


def masked_bytes(data: bytes) -> bytes:
    """As `masked`, of UTF-8."""
    look = _known.look
    if any(map(data.__contains__, look.data_hints)):
        return look.data.sub(MASK.encode(), data)
    return data


def forget_all() -> None:
    """For tests: know none."""
    _known.clear()


def _spellings(secret: str) -> set[str]:
    return {secret, json.dumps(secret)[1:-1], quote(secret, safe=""), repr(secret)[1:-1]}
