"""
Facts as JSON lines: what is the same in all lines of a kind of fact is made once.

A line has the keys, the order and the text that `rendering.json_line` gives the same event, at half the cost.
"""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import structlog

from mycel_runtime.known_secrets import masked
from mycel_runtime.observe.fact_fields import fields_of
from mycel_runtime.observe.redaction import has_hint
from mycel_runtime.observe.rendering import escaped, finished, json_line, text_of, time_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mycel_runtime.observe.facts import Fact

_OF_EVERY_LINE: Final = frozenset({"event", "level", "timestamp"})

_SHORT: Final = 64
"""Characters of an id or a name, at most."""

_PLAIN: Final = frozenset({int, bool, float})

_NOT_ALWAYS: Final = "trace"
"""A field that an empty value leaves out of the line."""


class _Kind(NamedTuple):
    """
    Of a kind of fact.

    Attributes:
        values: Those of its fields.
        form: Of its lines; what is bound, the values, and the time, are to be put into it.
        has_hint: Of something secret, whatever is put into it.
    """

    values: Callable[[Fact], Iterable[Any]]
    form: str
    has_hint: bool


class FactLines:
    """
    Makes the lines of one observer's facts. For any thread.

    Args:
        bound: Key-value pairs on every line.
    """

    def __init__(self, bound: Mapping[str, str]) -> None:
        self._bound = dict(bound)
        self._names = tuple(bound)
        self._texts = tuple(map(text_of, bound.values()))
        self._has_hint = any(map(has_hint, self._texts))

    def line(self, fact: Fact, repeated: int) -> str:
        """
        The text of a line, without its end.

        Args:
            fact: Its fields are what is told.
            repeated: How many alike had no line of their own.
        """
        told_by_handler = structlog.contextvars.merge_contextvars(None, fact.level, {})
        kind = _kind(type(fact), self._names)  # type: ignore[arg-type]  # mypy takes the hash of an instance for it
        if kind is None or repeated or told_by_handler:
            return self._of_event(fact, repeated)
        texts, is_hinted = [], kind.has_hint or self._has_hint
        for value in kind.values(fact):
            text, has_one = _value(value)
            texts.append(text)
            is_hinted = is_hinted or has_one
        line = kind.form % (*self._texts, *texts, time_text())
        return finished(line) if is_hinted else masked(escaped(line))

    def _of_event(self, fact: Fact, repeated: int) -> str:
        event = {**self._bound, **fields_of(fact)}
        if repeated:
            event["repeated"] = repeated
        event["event"] = fact.name
        structlog.contextvars.merge_contextvars(None, fact.level, event)
        event["level"] = fact.level
        return json_line(event)


@lru_cache(maxsize=512)
def _kind(kind: type[Fact], bound: tuple[str, ...]) -> _Kind | None:
    """
    Of all observers of a process that bind the same keys: a form is some 200 characters, and each agent has one.

    Returns:
        `None`: keys of its lines come and go, or stand for others.
    """
    names = tuple(field.name for field in dataclasses.fields(kind))
    if not ({*bound, _NOT_ALWAYS} | _OF_EVERY_LINE).isdisjoint(names):
        return None
    ends = {"event": kind.name, "level": kind.level}
    pairs = [
        *(f"{_constant(text_of(name))}: %s" for name in (*bound, *names)),
        *(_pair(name, text_of(value)) for name, value in ends.items()),
        '"timestamp": "%s"',
    ]
    form = "{" + ", ".join(pairs) + "}"
    return _Kind(_values_of(names), form, has_hint(form))


def _values_of(names: tuple[str, ...]) -> Callable[[Fact], Iterable[Any]]:
    """What reads these attributes, all at once where there are several."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda fact: [getattr(fact, name) for name in names]


def _value(value: object) -> tuple[str, bool]:
    """As JSON, and whether that has a hint."""
    if type(value) is str:
        return _short_text(value) if len(value) <= _SHORT else _text(value)
    text = text_of(value)
    return text, type(value) not in _PLAIN and has_hint(text)


def _text(value: str) -> tuple[str, bool]:
    text = text_of(value)
    return text, has_hint(text)


_short_text: Final = lru_cache(maxsize=1_024)(_text)
"""Handlers, chats and lanes are the same again and again."""


def _pair(name: str, text: str) -> str:
    return _constant(f"{text_of(name)}: {text}")


def _constant(text: str) -> str:
    """As a part of a form."""
    return text.replace("%", "%%")
