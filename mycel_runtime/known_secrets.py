"""
The secrets that this process has read, so that whatever it writes for people can be kept free of them.

Whoever reads a secret from a file, a credential or a variable says so here; what writes lines asks. Only as long as
the process lives, and in memory that held the secret anyway.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

MASK: Final = "***"

SHORTEST: Final = 6
"""Characters of a secret that is looked for: a shorter one is a part of ordinary words."""

MOST: Final = 1_000
"""That are remembered, the newest: an agent reads a new token once in a while for as long as it lives."""


_SECRET_NAME: Final = re.compile(r"(?:^|[_-])(?:key|token|secret|password|passwd|passphrase)$", re.IGNORECASE)
"""Of a setting: `api_key`, `token`, `db_password`, but neither `key_file` nor `max_tokens`."""

_JSON_WEB: Final = r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}"
"""JSON Web Tokens, as a backend makes them: also where none is known, as in an isolated plugin's process."""

_JSON_WEB_HINT: Final = "eyJ"


class _Known:
    def __init__(self) -> None:
        self.secrets: dict[str, None] = {}
        self._compile()

    def add(self, secret: str) -> None:
        self.secrets[secret] = None
        for oldest in [*self.secrets][:-MOST]:
            del self.secrets[oldest]
        self._compile()

    def clear(self) -> None:
        self.secrets.clear()
        self._compile()

    def _compile(self) -> None:
        spelled = {each for known in self.secrets for each in _spellings(known)}
        text = "|".join([*map(re.escape, sorted(spelled, key=len, reverse=True)), _JSON_WEB])
        self.text, self.data = re.compile(text), re.compile(text.encode())
        # Without one of these neither can find anything, and nearly all lines are without: a tenth of the cost.
        self.text_hints = (*spelled, _JSON_WEB_HINT)
        self.data_hints = tuple(hint.encode() for hint in self.text_hints)


_known: Final = _Known()


def remember_secret(secret: str) -> None:
    """
    Keep a secret out of all lines that this process writes from now on: logs, prints, tracebacks.

    Args:
        secret: As it was read; one of fewer than six characters cannot be told from a word, and is not looked for.
    """
    if len(secret) >= SHORTEST and secret not in _known.secrets:
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
    if any(map(text.__contains__, _known.text_hints)):
        return _known.text.sub(MASK, text)
    return text


def masked_bytes(data: bytes) -> bytes:
    """As `masked`, of UTF-8."""
    if any(map(data.__contains__, _known.data_hints)):
        return _known.data.sub(MASK.encode(), data)
    return data


def forget_all() -> None:
    """For tests: know none."""
    _known.clear()


def _spellings(secret: str) -> set[str]:
    return {secret, json.dumps(secret)[1:-1], quote(secret, safe=""), repr(secret)[1:-1]}
