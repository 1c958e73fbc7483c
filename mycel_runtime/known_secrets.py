"""
The secrets that this process has read, so that whatever it writes for people can be kept free of them.

Whoever reads a secret from a file, a credential or a variable says so here; what writes lines asks. Only as long as
the process lives, and in memory that held the secret anyway.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Final
from urllib.parse import quote

MASK: Final = "***"

SHORTEST: Final = 6
"""Characters of a secret that is looked for: a shorter one is a part of ordinary words."""

MOST: Final = 1_000
"""That are remembered, the newest: an agent reads a new token once in a while for as long as it lives."""


_JSON_WEB: Final = r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}"
"""JSON Web Tokens, as a backend makes them: also where none is known, as in an isolated plugin's process."""


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


_known: Final = _Known()


def remember(secret: str) -> None:
    """Keep this out of all lines from now on; nothing, if it is too short to be told from a word."""
    if len(secret) >= SHORTEST and secret not in _known.secrets:
        _known.add(secret)


def remember_pair(user: str, password: str) -> None:
    """A user's password, and what a header makes of both."""
    remember(password)
    remember(base64.b64encode(f"{user}:{password}".encode()).decode())


def masked(text: str) -> str:
    """The text, with `***` where a secret stands in it, as it is or as JSON, a URL or `repr` spell it."""
    return _known.text.sub(MASK, text)


def masked_bytes(data: bytes) -> bytes:
    """As `masked`, of UTF-8."""
    return _known.data.sub(MASK.encode(), data)


def forget_all() -> None:
    """For tests: know none."""
    _known.clear()


def _spellings(secret: str) -> set[str]:
    return {secret, json.dumps(secret)[1:-1], quote(secret, safe=""), repr(secret)[1:-1]}
