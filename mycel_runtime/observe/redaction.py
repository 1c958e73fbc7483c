"""
What no line may show: secrets, whoever tries to log them. The last word on each line before it is written.

Ours never carry one; a library's, or a handler's own, may: an `Authorization` header, an address with a password, a
token in a query. And whatever equals a secret that this process has read.
"""

from __future__ import annotations

import re
from typing import Final

from mycel_runtime.known_secrets import MASK, masked

_OPEN: Final = r"""\\*["']"""
"""A quote, as it is or inside of a string that is quoted itself."""

_IS: Final = rf"(?:{_OPEN}\s*[,:=]\s*b?{_OPEN}|\s*[:=]\s*(?:b?{_OPEN})?)"
"""
Between a name and its value: in a mapping, in a pair of a list of pairs, or in a header.

A quoted name before a bare value is a number's, which JSON must keep.
"""

_VALUE: Final = r"""[^\s"'\\,;&<>(){}\[\]]+"""

_RULES: Final = (
    # Authorization: Bearer abc; 'authorization': 'Basic abc'; (b'Proxy-Authorization', b'abc')
    (
        re.compile(
            rf"((?:proxy-)?authorization{_IS})(?:(bearer|basic|digest|negotiate)\s+)?{_VALUE}", re.IGNORECASE
        ),
        lambda found: f"{found[1]}{found[2] + ' ' if found[2] else ''}{MASK}",
    ),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {MASK}"),
    # X-Api-Key: abc; token=abc; "password": "abc"; ?access_token=abc&…
    (
        re.compile(
            rf"""((?<![\w-])(?:x-api-key|api[_-]?key|(?:access|refresh|auth|id|agent|owner)[_-]?token|token|password|passwd|"""
            rf"""secret|client[_-]?secret|signature|set-cookie|cookie){_IS}){_VALUE}""",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
    # https://user:password@host
    (re.compile(r"""([a-z][a-z0-9+.-]*://)[^\s/@"'\\]+@""", re.IGNORECASE), rf"\1{MASK}@"),
)

_HINT: Final = re.compile(r"auth|bearer|basic|key|token|passw|secret|signature|cookie|@", re.IGNORECASE)
"""Without one of these no rule can find anything: most lines are told from them in one go."""


def redacted(text: str) -> str:
    """The text without secrets: `***` stands where one was."""
    if _HINT.search(text):
        for pattern, instead in _RULES:
            text = pattern.sub(instead, text)
    return masked(text)
