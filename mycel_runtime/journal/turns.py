"""
The log of turns: what a handler was shown, and what it has said and done, by ids and hashes.

Written in the commit that ends the delivery, read by `mycel-runtime replay`. Never a body: of what was said, of what
a plugin remembers or plans, and of the keys of that, there are hashes and lengths here. Pure.
"""

from __future__ import annotations

import functools
import hashlib
import json
import operator
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pydantic_core

from mycel_runtime.journal.changes import UNCHANGED
from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mycel_runtime.journal.changes import Changes

MESSAGE_KIND: Final = "message"
TIMER_KIND: Final = "timer"
ANSWER_KIND: Final = "answer"
"""Kinds of turns; those of other events are called as their frames are."""

_ESCAPING: Final = json.JSONEncoder(separators=(",", ":"))
"""Which can also write half a surrogate pair, as an id of a server's may hold it."""

_SHORT_CHARACTERS: Final = 64
"""Of a text whose hash is kept for the next time."""

_PLACE: Final = operator.itemgetter(0, 1)
"""By which deeds of a kind are in order."""

_HASH_CHARACTERS: Final = 32
"""Of a SHA-256: enough to tell any two texts apart."""


class Said(NamedTuple):
    """
    A reply that was asked for, in its order.

    Attributes:
        hash: Of content and mentions, as in an `Intent`.
        length: Of the content, in characters.
        error: What it was answered with, if it was not accepted: the name of an error's class.
    """

    hash: str
    length: int
    error: str = ""


class Decided(NamedTuple):
    """A deed about a request, and whether it counts as done."""

    deed: str
    is_done: bool


class Uttered(NamedTuple):
    """
    What was said first in another chat, in the order of the run.

    Attributes:
        chat_id: Where; of a direct chat that is made by a replay `direct:` and the user's id.
        hash: As of `Said`; of a question with its name behind it.
        length: As of `Said`.
    """

    chat_id: str
    hash: str
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRecord:
    """
    What is to be logged of a run that has ended its delivery.

    Attributes:
        kind: What it was about.
        shown: JSON values; of messages their numbers and ids.
        began_at: Epoch seconds.
        changes: Of what its plugin remembers and plans, which is hashed when it is written.
        raised: Why the delivery is given up, without anybody's words; empty: it is not.
    """

    kind: str
    attempt: int
    began_at: float
    shown: Mapping[str, Any]
    said: Sequence[Said] = ()
    uttered: Sequence[Uttered] = ()
    decided: Sequence[Decided] = ()
    changes: Changes = field(default=UNCHANGED, repr=False)
    raised: str = ""


class LoggedTurn(NamedTuple):
    """
    A row of the log.

    Attributes:
        raw: Event work: the frame as it came.
        said: JSON of `Said`.
        done: JSON of a `Done`.
    """

    turn_id: int
    handler: str
    lane: str
    chat_id: str | None
    raw: str | None
    attempt: int
    kind: str
    shown: str
    said: str
    done: str
    raised: str
    began_at: float
    ended_at: float


class DoneItem(NamedTuple):
    """
    A change of a store.

    Attributes:
        is_of_chat: It is the chat's store and not the plugin's.
        key, value: Hashes; no value: it was deleted.
        length: Of the value, in characters of JSON.
    """

    is_of_chat: bool
    key: str
    value: str | None
    length: int


class DoneTimer(NamedTuple):
    """
    A timer that was set or, without a time, cancelled.

    Attributes:
        key, data: Hashes.
    """

    name: str
    key: str
    due_at: float | None = None
    data: str = ""
    is_relative: bool = False


class Done(NamedTuple):
    """All deeds of a run but its words."""

    items: tuple[DoneItem, ...] = ()
    timers: tuple[DoneTimer, ...] = ()
    decided: tuple[Decided, ...] = ()
    uttered: tuple[Uttered, ...] = ()


def text_hash(text: str) -> str:
    """What stands in the log for a text."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:_HASH_CHARACTERS]


def _hash(text: str) -> str:
    """As `text_hash`: keys, counters, flags and the data of most timers come again and again."""
    return _known_hash(text) if len(text) <= _SHORT_CHARACTERS else text_hash(text)


_known_hash: Final = functools.lru_cache(1_024)(text_hash)


def done_of(changes: Changes, decided: Sequence[Decided] = (), uttered: Sequence[Uttered] = ()) -> Done:
    """The deeds as they are logged; in an order of their own, whatever the order in which they were done."""
    return Done(
        tuple(DoneItem(*row) for row in _item_rows(changes)),
        tuple(DoneTimer(*row) for row in _timer_rows(changes)),
        tuple(decided),
        tuple(uttered),
    )


def done_text(changes: Changes, decided: Sequence[Decided] = (), uttered: Sequence[Uttered] = ()) -> str:
    """`done_of` these as JSON; nothing done is the empty text."""
    # Plain tuples: whoever writes JSON looks into a named one for what else it may be.
    deeds = (
        _item_rows(changes) if changes.items else (),
        _timer_rows(changes) if changes.timers or changes.cancelled else (),
        [*map(tuple, decided)],
        [*map(tuple, uttered)],
    )
    return _json(deeds) if any(deeds) else ""


def _item_rows(changes: Changes) -> list[tuple[bool, str, str | None, int]]:
    """Fields of a `DoneItem`."""
    rows = [
        (
            chat_id is not None,
            _hash(key),
            None if value is None else _hash(value),
            len(value or ""),
        )
        for chat_id, key, value, _ in changes.items
    ]
    rows.sort(key=_PLACE)
    return rows


def _timer_rows(changes: Changes) -> list[tuple[str, str, float | None, str, bool]]:
    """Fields of a `DoneTimer`; what is cancelled and set anew stands there twice, in this order."""
    rows: list[tuple[str, str, float | None, str, bool]] = [
        (name, _hash(key), None, "", False) for name, key in changes.cancelled
    ]
    rows += [
        (name, _hash(key), due_at, _hash(data), is_relative)
        for name, key, due_at, data, is_relative in changes.timers
    ]
    rows.sort(key=_PLACE)
    return rows


def _json(value: Any) -> str:
    try:
        return pydantic_core.to_json(value).decode()
    except pydantic_core.PydanticSerializationError:
        return _ESCAPING.encode(value)


def done_from(text: str) -> Done:
    """What `done_text` made the text of."""
    if not text:
        return Done()
    items, timers, decided, *more = json.loads(text)
    return Done(
        tuple(DoneItem(*each) for each in items),
        tuple(DoneTimer(*each) for each in timers),
        tuple(Decided(*each) for each in decided),
        # Not in those that were logged before there was any.
        tuple(Uttered(*each) for each in (more[0] if more else ())),
    )


def said_from(text: str) -> tuple[Said, ...]:
    """The replies of a row."""
    return tuple(Said(*each) for each in json.loads(text))


def row_of(record: TurnRecord) -> dict[str, Any]:
    """The columns that a record fills; its texts are hashed here, in the journal's own thread."""
    return {
        "attempt": record.attempt,
        "kind": record.kind,
        "shown": _json(record.shown),
        "said": _json([*map(tuple, record.said)]) if record.said else "[]",
        "done": done_text(record.changes, record.decided, record.uttered),
        "raised": record.raised.encode(errors="backslashreplace").decode(),
        "began_at": record.began_at,
    }
