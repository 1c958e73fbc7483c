"""What was done, and what would be done: where they differ. Pure."""

from __future__ import annotations

import itertools
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from mycel_runtime.journal.turns import Done, DoneItem, DoneTimer, Said, Uttered
from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

RETURNED: Final = "returned"

_SLACK_SECONDS: Final = 1.0
"""Within which two times of the clock are the same."""

_ROUNDING_SECONDS: Final = 0.001

_LAST_WORDS: Final = "; and on_give_up failed"

Side: TypeAlias = "dict[str, Any] | None"


class Difference(NamedTuple):
    """
    One word or deed that is not as it was.

    Attributes:
        what: `end`, `reply`, `say`, `store`, `chat_store`, `timer` or `decision`.
        which: Its place among those of its kind from 1 on; else a hash of its key, after a timer's name.
        done, would: JSON values: hashes and lengths, or a word of ours; `None`: there was or would be none.
    """

    what: str
    which: str
    done: Side
    would: Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """
    Words and deeds of a run.

    Attributes:
        began_at, ended_at: Epoch seconds; between them it has set its timers.
        now: What the clock said then; of a run long ago the same.
        raised: Why its delivery was or would be given up; empty: it has returned.
    """

    began_at: float
    ended_at: float
    now: float
    said: Sequence[Said] = ()
    done: Done = field(default_factory=Done)
    raised: str = ""


def differences(was: Conduct, would: Conduct) -> tuple[Difference, ...]:
    """Where a replayed run differs from the logged one, in a fixed order."""
    return tuple(
        itertools.chain(
            _ends(was, would),
            _replies(was, would),
            _utterances(was, would),
            _items(was, would),
            _timers(was, would),
            _decided(was, would),
        )
    )


def _ends(was: Conduct, would: Conduct) -> Iterator[Difference]:
    before, after = was.raised.partition(_LAST_WORDS)[0], would.raised
    if before != after:
        yield Difference("end", "", {"end": before or RETURNED}, {"end": after or RETURNED})


def _replies(was: Conduct, would: Conduct) -> Iterator[Difference]:
    pairs = itertools.zip_longest(was.said, would.said)
    for place, (before, after) in enumerate(pairs, start=1):
        if before is None or after is None or before.hash != after.hash:
            yield Difference("reply", str(place), _words(before), _words(after))


def _utterances(was: Conduct, would: Conduct) -> Iterator[Difference]:
    pairs = itertools.zip_longest(was.done.uttered, would.done.uttered)
    for place, (before, after) in enumerate(pairs, start=1):
        if before != after:
            yield Difference("say", str(place), _uttered(before), _uttered(after))


def _uttered(said: Uttered | None) -> Side:
    return None if said is None else {"chat_id": said.chat_id, "length": said.length, "hash": said.hash}


def _words(said: Said | None) -> Side:
    return None if said is None else {"length": said.length, "hash": said.hash}


def _items(was: Conduct, would: Conduct) -> Iterator[Difference]:
    before, after = _by_key(was.done.items), _by_key(would.done.items)
    for is_of_chat, key in sorted(before.keys() | after.keys()):
        one, other = before.get((is_of_chat, key)), after.get((is_of_chat, key))
        if one is None or other is None or one.value != other.value:
            yield Difference("chat_store" if is_of_chat else "store", key, _item(one), _item(other))


def _by_key(items: Sequence[DoneItem]) -> Mapping[tuple[bool, str], DoneItem]:
    return {(item.is_of_chat, item.key): item for item in items}


def _item(item: DoneItem | None) -> Side:
    if item is None:
        return None
    return {"deleted": True} if item.value is None else {"length": item.length, "hash": item.value}


def _timers(was: Conduct, would: Conduct) -> Iterator[Difference]:
    before, after = _by_name(was.done.timers), _by_name(would.done.timers)
    for place in sorted(before.keys() | after.keys()):
        one, other = before.get(place), after.get(place)
        if one is None or other is None or not _is_same_timer(one, other, was, would):
            name, key, _ = place
            yield Difference("timer", f"{name} {key}", _timer(one, was), _timer(other, would))


def _by_name(timers: Sequence[DoneTimer]) -> Mapping[tuple[str, str, bool], DoneTimer]:
    return {(timer.name, timer.key, timer.due_at is None): timer for timer in timers}


def _is_same_timer(one: DoneTimer, other: DoneTimer, was: Conduct, would: Conduct) -> bool:
    """The same time, or as long after the run's own clock; the logged run read it at any time within the run."""
    if one.due_at is None or other.due_at is None:
        return True
    if one.data != other.data or one.is_relative != other.is_relative:
        return False
    if abs(one.due_at - other.due_at) <= _SLACK_SECONDS and not one.is_relative:
        return True
    slack = _ROUNDING_SECONDS if other.is_relative else _SLACK_SECONDS
    after = other.due_at - (would.began_at if other.is_relative else would.now)
    earliest, latest = one.due_at - was.ended_at, one.due_at - was.began_at
    return earliest - slack <= after <= latest + slack


def _timer(timer: DoneTimer | None, conduct: Conduct) -> Side:
    if timer is None:
        return None
    if timer.due_at is None:
        return {"cancelled": True}
    if timer.is_relative:
        return {"after": round(timer.due_at - conduct.began_at), "hash": timer.data}
    return {"at": round(timer.due_at), "hash": timer.data}


def _decided(was: Conduct, would: Conduct) -> Iterator[Difference]:
    pairs = itertools.zip_longest(was.done.decided, would.done.decided)
    for place, (before, after) in enumerate(pairs, start=1):
        if before is None or after is None or before.deed != after.deed:
            one, other = before and {"deed": before.deed}, after and {"deed": after.deed}
            yield Difference("decision", str(place), one, other)
