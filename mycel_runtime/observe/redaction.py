"""
What no line may show: secrets, whoever tries to log them. The last word on each line before it is written.

Ours never carry one; a library's, or a handler's own, may: an `Authorization` header, an address with a password, a
token in a query. And whatever equals a secret that this process has read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from mycel_runtime.known_secrets import MASK, masked
from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

_OPEN: Final = r"""\\*["']"""
"""A quote, as it is or inside of a string that is quoted itself."""

_IS: Final = rf"(?:{_OPEN}\s*[,:=]\s*b?{_OPEN}|\s*[:=]\s*(?:b?{_OPEN})?)"
"""
Between a name and its value: in a mapping, in a pair of a list of pairs, or in a header.

A quoted name before a bare value is a number's, which JSON must keep.
"""

_VALUE: Final = r"""[^\s"'\\,;&<>(){}\[\]]+"""


@dataclass(frozen=True, slots=True)
class Rule:
    """
    What is masked.

    Attributes:
        hints: It finds nothing in a text without any of these, in whatever case.
        pattern: What it finds.
        instead: What is put there.
    """

    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    instead: str | Callable[[re.Match[str]], str]


RULES: Final = (
    # Authorization: Bearer abc; 'authorization': 'Basic abc'; (b'Proxy-Authorization', b'abc')
    Rule(
        ("authorization",),
        re.compile(
            rf"((?:proxy-)?authorization{_IS})(?:(bearer|basic|digest|negotiate)\s+)?{_VALUE}", re.IGNORECASE
        ),
        lambda found: f"{found[1]}{found[2] + ' ' if found[2] else ''}{MASK}",
    ),
    Rule(
        ("bearer", "basic"),
        re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE),
        rf"\1 {MASK}",
    ),
    # X-Api-Key: abc; token=abc; "password": "abc"; ?access_token=abc&…
    Rule(
        ("key", "token", "passw", "secret", "signature", "cookie"),
        re.compile(
            rf"""((?<![\w-])(?:x-api-key|api[_-]?key|(?:access|refresh|auth|id|agent|owner)[_-]?token|token|password|passwd|"""
            rf"""secret|client[_-]?secret|signature|set-cookie|cookie){_IS}){_VALUE}""",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
    # https://user:password@host
    Rule(
        ("@",),
        re.compile(r"""([a-z][a-z0-9+.-]*://)[^\s/@"'\\]+@""", re.IGNORECASE),
        rf"\1{MASK}@",
    ),
)

_HINTS: Final = tuple(hint for rule in RULES for hint in rule.hints)

_ALSO_ASCII: Final = (("\u0130", "i"), ("\u0131", "i"), ("\u017f", "s"))
"""
Letters that an expression takes for one of ASCII if it ignores case, and `str.lower` does not.

Source: https://docs.python.org/3/library/re.html#re.IGNORECASE
"""


def redacted(text: str) -> str:
    """The text without secrets: `***` stands where one was."""
    # Most lines have no hint: to look for some strings costs a fortieth of what the expressions do.
    if has_hint(text):
        lowered = _lowered(text)
        for rule in RULES:
            if any(map(lowered.__contains__, rule.hints)):
                text = rule.pattern.sub(rule.instead, text)
    return masked(text)


def has_hint(text: str) -> bool:
    """
    Whether a rule may find anything in it.

    A hint has neither spaces nor quotes: a text made of parts that are parted by these has one if a part has.
    """
    return any(map(_lowered(text).__contains__, _HINTS))


def _lowered(text: str) -> str:
    """As expressions see it that ignore case."""
    if not text.isascii():
        for theirs, ours in _ALSO_ASCII:
            text = text.replace(theirs, ours)
    return text.lower()
