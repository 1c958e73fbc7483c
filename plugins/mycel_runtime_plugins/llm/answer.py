"""What a model has said, whoever's API it speaks; and how it came to an end. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Stop(StrEnum):
    """Why the model has stopped; a stream that ends without saying so has been cut, and is no answer."""

    DONE = "done"
    """It had nothing more to say."""
    LENGTH = "length"
    """It had more to say."""
    TOOLS = "tools"
    """It waits for what its tools return."""
    FILTERED = "filtered"
    """It, or whoever watches it, refuses to answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """
    What the model wants to be done.

    Attributes:
        id: By which it knows the result.
        name: Of the tool, as the model wrote it.
        arguments: JSON, as the model wrote it.
    """

    id: str
    name: str
    arguments: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens that a request has cost; 0 where the endpoint does not say."""

    read: int = 0
    written: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    A whole answer.

    Attributes:
        text: Without what the model thought aloud.
        calls: Of tools, in order; empty unless `stop` is `TOOLS`.
    """

    text: str = field(repr=False)
    stop: Stop
    calls: tuple[ToolCall, ...] = ()
    usage: Usage = Usage()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRound:
    """
    What the model wanted to be done, and what came of it.

    Attributes:
        text: What it said besides.
        results: Of `calls`, in the same order.
    """

    text: str = field(repr=False)
    calls: tuple[ToolCall, ...]
    results: tuple[str, ...] = field(repr=False)
