"""Verbs about speech: intents, unresolved sends, and what was said without a human in view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from typing_extensions import override

from mycel_runtime.journal.hold import Hold
from mycel_runtime.journal.ids import plugin_of
from mycel_runtime.journal.intent import Intent, IntentState
from mycel_runtime.journal.own_sends import OwnSends, Unattended
from mycel_runtime.journal.port.journal import Journal
from mycel_runtime.journal.verbs.values_of import values_of
from mycel_runtime.journal.verbs.wake_times import WakeTimes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mycel_runtime.journal.delivery import Delivery
    from mycel_runtime.journal.ids import DeliveryId
    from mycel_runtime.journal.port.waker import Waker
    from mycel_runtime.journal.verbs.connection import Connection, Row
    from mycel_runtime.journal.verbs.writer import JournalWriter
    from mycel_runtime.wire.ids import MessageSeq, UserId


T = TypeVar("T")

NEVER: Final = WakeTimes()
"""Nothing comes later."""


class SpeechVerbs(Journal):
    """Base of the journal; its owner opens the writer."""

    _writer: JournalWriter
    _clock: Callable[[], float]
    _wakers: list[Waker]

    @override
    def now(self) -> float:
        return self._clock()

    @override
    async def intend(self, delivery: Delivery, intent: Intent) -> bool:
        return await self._change("intend", _values_of(intent) | {"claim": delivery.claim})

    @override
    async def keeps_claim(self, delivery: Delivery) -> bool:
        # No other process is at work on a journal of this engine, and this one loses no claim while it works.
        return True

    @override
    async def settle(self, intent: Intent) -> None:
        await self._writer.commit(lambda connection: connection.run("write_intent", _values_of(intent)))

    @override
    def record(self, intent: Intent, *, wanted_seq: MessageSeq | None = None) -> None:
        def write(connection: Connection) -> None:
            connection.run("write_intent", _values_of(intent))
            if wanted_seq is not None:
                look = {"wanted_seq": wanted_seq, "now": self._clock()}
                connection.run("want_others", values_of(intent) | look)

        self._writer.post(write)

    @override
    async def want_others(self, delivery: Delivery, *, wanted_seq: MessageSeq | None) -> None:
        values: dict[str, Any] = {"identity": delivery.identity, "delivery_id": delivery.delivery_id}
        values |= {"wanted_seq": wanted_seq}
        await self._writer.commit(
            lambda connection: connection.run("want_others", values | {"now": self._clock()})
        )

    @override
    async def message_ids(self, identity: UserId, *, chat_id: str, after_seq: MessageSeq) -> frozenset[str]:
        key = {"identity": identity, "chat_id": chat_id, "after_seq": after_seq}
        rows = await self._rows("sent_message_ids", key)
        return frozenset(row["message_id"] for row in rows if row["message_id"])

    @override
    async def own_sends(self, identity: UserId, *, chat_id: str, after_seq: MessageSeq) -> OwnSends:
        key = {"identity": identity, "chat_id": chat_id, "after_seq": after_seq}
        return await self._writer.commit(lambda connection: own_sends_of(connection, key))

    @override
    async def unresolved(self, identity: UserId) -> Sequence[Intent]:
        return [intent_of(row) for row in await self._rows("unresolved", {"identity": identity})]

    @override
    async def park(self, delivery: Delivery, *, older_than: float) -> Sequence[Intent]:
        turn = {"delivery_id": delivery.delivery_id, "turn": delivery.turn}

        def write(connection: Connection) -> Sequence[Intent]:
            rows = connection.run("park", turn | {"before": self._clock() - older_than})
            return [intent_of(row) for row in rows.fetchall()]

        return await self._writer.commit(write)

    @override
    async def hasten(self, identity: UserId, *, delivery_id: int | None, plugin: str | None) -> None:
        key = {"identity": identity, "delivery_id": delivery_id, "plugin": plugin}
        await self._make_due(lambda connection: connection.run("hasten", key | {"now": self._clock()}))

    @override
    async def resolve(
        self, identity: UserId, delivery_id: DeliveryId, turn: int, ordinal: int, *, is_sent: bool
    ) -> bool:
        key = {"identity": identity, "delivery_id": delivery_id, "turn": turn, "ordinal": ordinal}
        state = IntentState.SENT if is_sent else IntentState.REFUSED
        return await self._change("resolve", key | {"state": state})

    @override
    async def unattended(
        self, delivery: Delivery, *, plugin: str, within: float, limits: Unattended
    ) -> Unattended:
        values = values_of(limits) | {
            "identity": delivery.identity,
            "chat_id": delivery.chat_id,
            "delivery_id": delivery.delivery_id,
            "turn": delivery.turn,
            "plugin": plugin,
        }

        def read(connection: Connection) -> Unattended:
            row = connection.run("count_unattended", values | {"since": self._clock() - within}).fetchone()
            return Unattended(**dict(row))

        return await self._writer.commit(read)

    @override
    async def unattended_chats(self, identity: UserId) -> frozenset[str]:
        rows = await self._rows("unattended_chats", {"identity": identity})
        return frozenset(row["chat_id"] for row in rows)

    @override
    async def attend(self, identity: UserId, chat_id: str) -> bool:
        key = {"identity": identity, "chat_id": chat_id}

        def write(connection: Connection) -> bool:
            connection.run("attend", key)
            return connection.run("release", key).rowcount > 0

        return await self._writer.commit(write)

    @override
    async def hold(self, identity: UserId, chat_id: str, *, reason: str) -> bool:
        values = {"identity": identity, "chat_id": chat_id, "reason": reason}
        return await self._writer.submit(
            lambda connection: connection.run("hold", values | {"now": self._clock()}).rowcount > 0
        )

    @override
    async def holds(self, identity: UserId) -> Sequence[Hold]:
        return [Hold(**dict(row)) for row in await self._rows("holds", {"identity": identity})]

    @override
    def on_work(self, identity: UserId, waker: Waker) -> None:
        # A journal of this engine has one identity at work.
        self._wakers.append(waker)

    async def _make_due(self, operation: Callable[[Connection], T], later: WakeTimes = NEVER) -> T:
        """
        Run an operation after which something may be claimed, and wake whoever claims.

        First: whoever is woken goes on when the next line has queued the operation. What it claims comes behind, and
        mostly in the same commit: after this one, each claim would wait for the disk once more. What comes later is
        told when it is committed, also where the caller has been cancelled meanwhile.
        """
        self._wake()
        try:
            return await self._writer.submit(operation)
        finally:
            later.tell(self._wakers)

    async def _commit_due(self, operation: Callable[[Connection], T], later: WakeTimes = NEVER) -> T:
        """As `_make_due`, without waiting for the disk."""
        self._wake()
        try:
            return await self._writer.commit(operation)
        finally:
            later.tell(self._wakers)

    def _wake(self) -> None:
        for waker in self._wakers:
            waker.wake()

    async def _change(self, name: str, values: dict[str, Any]) -> bool:
        def write(connection: Connection) -> bool:
            done = connection.run(name, values)
            return connection.later(lambda: done.rowcount > 0)

        return await self._writer.submit(write)

    async def _rows(self, name: str, values: dict[str, Any]) -> list[Row]:
        def read(connection: Connection) -> list[Row]:
            found = connection.run(name, values)
            return connection.later(found.fetchall)

        return await self._writer.commit(read)


def _values_of(intent: Intent) -> dict[str, Any]:
    return values_of(intent) | {"plugin": plugin_of(intent.handler)}


def intent_of(row: Row) -> Intent:
    """A row of the table as a value."""
    fields = dict(row)
    fields |= {
        "state": IntentState(fields["state"]),
        "is_unattended": bool(fields["is_unattended"]),
        "is_in_doubt": bool(fields.get("is_in_doubt")),
    }
    return Intent(**fields)


def own_sends_of(connection: Connection, key: dict[str, Any], *, has_forgotten: bool = True) -> OwnSends:
    """
    What is known of the identity's own messages in a chat.

    Args:
        connection: To the journal.
        key: Its `identity` and `chat_id`, and `after_seq`, below which nothing is read.
        has_forgotten: It is of a version that forgets sends.
    """
    rows = connection.run("own_sends", key).fetchall()
    explained = connection.run("own_through", key).fetchone() if has_forgotten else None
    return OwnSends(
        message_ids=frozenset(row["message_id"] for row in rows if row["message_id"]),
        unplaced={row["content_hash"]: row["base_seq"] for row in rows if not row["message_id"]},
        through_seq=explained["seq"] if explained else 0,
    )
