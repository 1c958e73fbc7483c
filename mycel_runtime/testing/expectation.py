"""What somebody expects to hear: a text, a pattern, or whatever a function says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from mycel_runtime.plugin.message import Message

Expectation: TypeAlias = "str | re.Pattern[str] | Callable[[Message], object] | None"
"""The whole text, a pattern to be found in it, a function that says whether a message is meant; `None`: any."""


def is_met(expected: Expectation, message: Message) -> bool:
    """Whether this is what was expected."""
    match expected:
        case None:
            return True
        case str():
            return message.content == expected
        case re.Pattern():
            return expected.search(message.content) is not None
        case _:
            return bool(expected(message))


def described(expected: Expectation) -> str:
    """For a person."""
    match expected:
        case None:
            return "anything"
        case str():
            return repr(expected)
        case re.Pattern():
            return f"a match of {expected.pattern!r}"
        case _:
            return f"a message for which {getattr(expected, '__name__', repr(expected))} holds"
