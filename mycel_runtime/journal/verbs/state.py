"""Verbs about what plugins remember and plan: items, timers and their firings."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from typing_extensions import override

from mycel_runtime.journal.changes import (
    TIMER_KIND,
    EndOutcome,
    Item,
    ReadCursor,
    StoredItem,
    StoreSize,
    Timer,
    TurnEnd,
)
from mycel_runtime.journal.delivery import EventDelivery
from mycel_runtime.journal.firing import Fired
from mycel_runtime.journal.hole_text import holes_of, text_of_holes
from mycel_runtime.journal.ids import plugin_of
from mycel_runtime.journal.verbs.made_entry import insert_made_entry
from mycel_runtime.journal.verbs.questions import note_overdue
from mycel_runtime.journal.verbs.speech import SpeechVerbs
from mycel_runtime.journal.verbs.timers import next_timer_at, set_timers, timer_of, timers_due
from mycel_runtime.journal.verbs.utterances import make_utterance
from mycel_runtime.journal.verbs.values_of import values_of
from mycel_runtime.journal.verbs.wake_times import WakeTimes, first_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from mycel_runtime.journal.changes import Changes, Firing, ItemChange, ReadMove
    from mycel_runtime.journal.delivery import Delivery
    from mycel_runtime.journal.verbs.connection import Connection, Result
    from mycel_runtime.journal.work import EventWork
    from mycel_runtime.wire.ids import ChatId, UserId

_DICE: Final = random.SystemRandom()
"""Which no plugin can seed, and no fork repeats."""


class Whose(NamedTuple):
    """Of whom an item, a timer or a cursor is; the first columns of their tables."""

    identity: UserId
    plugin: str


def new_versions() -> Iterator[int]:
    """
    Versions for all turns of a journal, from its opening to its end.

    They begin at a drawn number and count on, so that none ever comes again, neither here nor after a restart: each
    draw would be a call of the system, for which the interpreter's lock is given away. Ids of deliveries grow with
    each hint, and leave no room for more.
    """
    return itertools.count(1 + _DICE.getrandbits(62))


class OutdatedError(Exception):
    """
    What changes were made from is not what is there.

    Raised by the statement that would write, instead of looked for before: that is rare, and a look costs each turn.
    """


class StateVerbs(SpeechVerbs):
    """Base of the journal; its owner opens the writer, and draws the versions then."""

    _versions: Iterator[int]

    @override
    async def items(self, identity: UserId, plugin: str, *, chat_id: ChatId | None) -> Mapping[str, Item]:
        key = {"identity": identity, "plugin": plugin, "chat_id": chat_id or ""}
        rows = await self._rows("read_items", key)
        return {row["key"]: Item(row["value"], row["version"]) for row in rows}

    @override
    async def read_cursor(self, identity: UserId, plugin: str, *, chat_id: ChatId) -> ReadCursor | None:
        key = {"identity": identity, "plugin": plugin, "chat_id": chat_id}
        rows = await self._rows("read_reading", key)
        return next(
            (ReadCursor(row["read_seq"], holes_of(row["holes"]), row["version"]) for row in rows), None
        )

    @override
    async def has_items(self, identity: UserId, plugin: str) -> bool:
        ((is_one,),) = await self._rows("has_items", {"identity": identity, "plugin": plugin})
        return bool(is_one)

    @override
    async def stores(self, identity: UserId) -> Sequence[StoreSize]:
        return [StoreSize(*row) for row in await self._rows("stores", {"identity": identity})]

    @override
    async def all_items(self, identity: UserId) -> Sequence[StoredItem]:
        return [StoredItem(*row) for row in await self._rows("all_items", {"identity": identity})]

    @override
    async def clear_items(self, identity: UserId, plugin: str, *, chat_id: str | None) -> int:
        values = {"identity": identity, "plugin": plugin, "chat_id": chat_id}
        return await self._writer.submit(lambda connection: connection.run("clear_items", values).rowcount)

    @override
    async def timers(self, identity: UserId) -> Sequence[Timer]:
        return [timer_of(row) for row in await self._rows("timers", {"identity": identity})]

    @override
    async def timers_due(
        self, identity: UserId, *, names: Collection[tuple[str, str]], limit: int
    ) -> Sequence[Timer]:
        return await self._writer.commit(
            lambda connection: timers_due(connection, identity, names=names, limit=limit, now=self._clock())
        )

    @override
    async def next_timer_at(self, identity: UserId, *, after: float) -> float | None:
        return await self._writer.commit(lambda connection: next_timer_at(connection, identity, after=after))

    @override
    async def fire(self, identity: UserId, firings: Sequence[Firing]) -> int:
        def write(connection: Connection) -> int:
            now = self._clock()
            return sum(_fire(connection, firing, now) for firing in firings)

        return await self._writer.commit(write)

    @override
    async def plan(self, identity: UserId, plugin: str, changes: Changes) -> TurnEnd:
        whose, version = Whose(identity, plugin), next(self._versions)

        def write(connection: Connection) -> TurnEnd:
            return TurnEnd(EndOutcome.DONE, _change(connection, whose, changes, version))

        return await self._end(write, WakeTimes(timer_at=first_of(changes)))

    async def _end(self, write: Callable[[Connection], TurnEnd], later: WakeTimes) -> TurnEnd:
        """As `write` says; if it finds its changes outdated, nothing that it has written is left."""
        try:
            return await self._commit_due(write, later)
        except OutdatedError:
            return TurnEnd(EndOutcome.OUTDATED)


def apply_changes(
    connection: Connection, delivery: Delivery, changes: Changes, version: int
) -> tuple[int, ...]:
    """
    After the end of a turn, in its transaction; the versions of the changed items.

    Args:
        connection: Of the writer.
        delivery: Whose turn it was.
        changes: To be made.
        version: Of all that the turn writes; nothing else has it.

    Raises:
        OutdatedError: Something that they were made from is not there any more; the transaction is to be undone.
    """
    if isinstance(delivery, EventDelivery) and delivery.fired is not None:
        connection.run("delete_firing", {"entry_id": delivery.fired.entry_id})
    return remember(connection, delivery, changes, version)


def remember(connection: Connection, delivery: Delivery, changes: Changes, version: int) -> tuple[int, ...]:
    """As `apply_changes`, of a delivery that is given up: its firing stays, for its letter may be revived."""
    if not changes:
        return ()
    whose = Whose(delivery.identity, plugin_of(delivery.handler))
    versions = _change(connection, whose, changes, version)
    for told in changes.told:
        connection.run("write_change", whose._asdict() | told._asdict())
    return versions


def fired_of(connection: Connection, entry_id: int) -> Fired:
    """The timer that an entry of `TIMER_KIND` is."""
    return Fired(*connection.run("read_firing", {"entry_id": entry_id}).fetchone())


def _change(connection: Connection, whose: Whose, changes: Changes, version: int) -> tuple[int, ...]:
    versions = tuple([_change_item(connection, whose, item, version) for item in changes.items])
    for timer_key in changes.cancelled:
        _cancel(connection, whose._asdict() | timer_key._asdict())
    if changes.timers:
        set_timers(connection, *whose, changes.timers)
    for read in changes.reads:
        _move_reading(connection, whose, read, version)
    for utterance in changes.utterances:
        make_utterance(connection, utterance, utterance.made_at)
    return versions


def _change_item(connection: Connection, whose: Whose, item: ItemChange, version: int) -> int:
    chat_id, key, value, made_from = item
    if value is None:
        place = whose._asdict() | {"chat_id": chat_id or "", "key": key}
        _require_version(made_from, connection.run("item_version", place))
        connection.run("delete_item", place)
        return 0
    made = (value, version, *whose, chat_id or "", key)
    written = (
        connection.run("update_item", (*made, made_from))
        if made_from
        else connection.run("write_item" if made_from is None else "insert_item", made)
    )
    if not written.rowcount:
        raise OutdatedError
    return version


def _move_reading(connection: Connection, whose: Whose, read: ReadMove, version: int) -> None:
    chat = whose._asdict() | {"chat_id": read.chat_id}
    _require_version(read.made_from, connection.run("reading_version", chat))
    moved = {"read_seq": read.read_seq, "holes": text_of_holes(read.holes), "version": version}
    connection.run("write_reading", chat | moved)


def _require_version(made_from: int | None, found: Result) -> None:
    if made_from is not None and found.fetchone()[0] != made_from:
        raise OutdatedError


def _cancel(connection: Connection, key: dict[str, Any]) -> None:
    """Also where the time has come and nothing has come of it yet."""
    connection.run("cancel_timer", key)
    for row in connection.run("firings_of_timer", key).fetchall():
        if connection.run("cancel_firing", dict(row)).rowcount:
            connection.run("delete_firing", dict(row))
            connection.run("promote_event", dict(row))


def _fire(connection: Connection, firing: Firing, now: float) -> bool:
    """Whether the timer was still there."""
    timer = firing.timer
    if not connection.run("take_timer", timer._asdict()).rowcount:
        return False
    if firing.question_id is not None:
        note_overdue(connection, firing.question_id, now)
    if firing.work is not None and not (firing.is_one_enough and _waits(connection, timer, firing.work)):
        _make_due(connection, timer, firing.work, now)
    if firing.following is not None:
        set_timers(connection, timer.identity, timer.plugin, (firing.following,))
    return True


def _waits(connection: Connection, timer: Timer, work: EventWork) -> bool:
    values = {"identity": timer.identity} | values_of(work)
    return connection.run("waiting_event", values).fetchone() is not None


def _make_due(connection: Connection, timer: Timer, work: EventWork, now: float) -> None:
    # Without the key and the data: an entry stays, and they may say something of somebody.
    entry_id = insert_made_entry(
        connection,
        identity=timer.identity,
        kind=TIMER_KIND,
        made_at=timer.due_at,
        told={"plugin": timer.plugin, "timer": timer.name, "due_at": timer.due_at},
        now=now,
    )
    values = timer._asdict() | values_of(work) | {"entry_id": entry_id, "now": now}
    connection.run("insert_event", values)
    connection.run("insert_firing", values)
