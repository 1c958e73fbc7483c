"""Verbs about what is heard: checkpoint, numbers, entries and the work that comes of them."""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
from typing import TYPE_CHECKING

from typing_extensions import override

from mycel_runtime.errors import IdentityHeldError, LeaseLostError
from mycel_runtime.journal.checkpoint import Checkpoint
from mycel_runtime.journal.entry import Mark
from mycel_runtime.journal.lease import Lease
from mycel_runtime.journal.verbs.candidacy import LoneCandidacy
from mycel_runtime.journal.verbs.speech import SpeechVerbs
from mycel_runtime.journal.verbs.values_of import values_of
from mycel_runtime.wire.ids import InboxSeq, MessageSeq

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence

    from mycel_runtime.journal.batch import Arrival, Batch
    from mycel_runtime.journal.changes import ToldVersion
    from mycel_runtime.journal.ids import HandlerId
    from mycel_runtime.journal.port.candidacy import Candidacy
    from mycel_runtime.journal.verbs.connection import Changed, Connection
    from mycel_runtime.journal.verbs.running_lanes import RunningLanes
    from mycel_runtime.journal.work import ChatWork
    from mycel_runtime.wire.ids import ChatId, UserId


class HearingVerbs(SpeechVerbs):
    """Base of the journal; its owner opens the writer. No other process writes, so that leases stand in memory."""

    _leases: dict[UserId, Lease | None]
    _running_lanes: RunningLanes
    _snapshot_changes: int

    @override
    async def checkpoint(self, identity: UserId) -> Checkpoint | None:
        def read(connection: Connection) -> Checkpoint | None:
            row = connection.run("read_checkpoint", {"identity": identity}).fetchone()
            return Checkpoint(**dict(row)) if row else None

        return await self._writer.commit(read)

    @override
    async def marks(self, identity: UserId, *, epoch: int, limit: int) -> Mapping[InboxSeq, Mark]:
        def read(connection: Connection) -> Mapping[InboxSeq, Mark]:
            rows = connection.run("read_marks", {"identity": identity, "epoch": epoch, "limit": limit})
            return {InboxSeq(row["seq"]): Mark(fingerprint=row["fingerprint"], ts=row["ts"]) for row in rows}

        return await self._writer.commit(read)

    @override
    async def snapshot(self, identity: UserId) -> Mapping[tuple[str, str], str]:
        def read(connection: Connection) -> Mapping[tuple[str, str], str]:
            rows = connection.run("read_snapshot", {"identity": identity})
            return {(row["kind"], row["key"]): row["state"] for row in rows}

        return await self._writer.commit(read)

    @override
    async def noted(self, identity: UserId, *, kind: str, key: str) -> str | None:
        def read(connection: Connection) -> str | None:
            line = {"identity": identity, "kind": kind, "key": key}
            row = connection.run("read_change", line).fetchone()
            return None if row is None else str(row["state"])

        return await self._writer.commit(read)

    @override
    async def note(self, identity: UserId, told: ToldVersion) -> None:
        self._snapshot_changes += 1
        await self._change("write_change", {"identity": identity} | told._asdict())

    @override
    async def levels(self, identity: UserId) -> Mapping[ChatId, MessageSeq]:
        def read(connection: Connection) -> Mapping[ChatId, MessageSeq]:
            levels: dict[ChatId, MessageSeq] = {}
            for row in connection.run("read_levels", {"identity": identity}):
                levels[row["chat_id"]] = max(row["seq"], levels.get(row["chat_id"], row["seq"]))
            return levels

        return await self._writer.commit(read)

    @override
    @contextlib.asynccontextmanager
    async def candidacy(self, identity: UserId) -> AsyncIterator[Candidacy]:
        yield LoneCandidacy()

    @override
    async def lease(self, identity: UserId) -> Lease:
        if identity in self._leases:
            raise IdentityHeldError(identity, "a listener of this process")
        # Taken from here on; nobody's, until its token is known.
        self._leases[identity] = None
        try:
            token = await self._writer.submit(
                lambda connection: connection.run("lease", {"identity": identity}).fetchone()[0]
            )
        except BaseException:
            del self._leases[identity]
            raise
        lease = self._leases[identity] = Lease(identity=identity, token=token, lasts=math.inf)
        return lease

    @override
    async def renew(self, lease: Lease) -> Lease:
        self._require_own(lease, lease.identity)
        return lease

    @override
    async def release(self, lease: Lease) -> None:
        if self._leases.get(lease.identity) == lease:
            del self._leases[lease.identity]

    @override
    async def hint(self, identity: UserId, hints: Sequence[ChatWork]) -> None:
        await self._commit_due(lambda connection: _want_chats(connection, identity, hints, self._clock()))

    @override
    async def append(self, batch: Batch, *, lease: Lease) -> int:
        def write(connection: Connection) -> int:
            # Here, and not before: it may be given back while this waits for its commit.
            require = self._lease_check(connection, lease, batch.identity)
            now = self._clock()
            new = _append_arrivals(connection, batch.arrivals, now)
            _want_chats(connection, batch.identity, batch.hints, now)
            for change in batch.changes:
                name = "delete_change" if change.state is None else "write_change"
                connection.run(name, {"identity": batch.identity} | values_of(change))
            if batch.checkpoint is not None:
                connection.run("write_checkpoint", values_of(batch.checkpoint))

            def count() -> int:
                require()
                return sum(each.rowcount for each in new)

            return connection.later(count)

        self._snapshot_changes += bool(batch.changes)
        has_events = any(arrival.events for arrival in batch.arrivals)
        # What is unread in a chat the server says again, until the agent has read it; before that comes `intend`.
        is_told_once = has_events or bool(batch.changes)
        if not has_events and self._running_lanes.keep_back(batch.identity, batch.hints):
            return await (self._writer.submit(write) if is_told_once else self._writer.commit(write))
        return await (self._make_due(write) if is_told_once else self._commit_due(write))

    def _lease_check(
        self,
        connection: Connection,  # noqa: ARG002
        lease: Lease,
        identity: UserId,
    ) -> Callable[[], None]:
        """Asks for a lease, in the transaction that it is for; what looks at the answer raises `LeaseLostError`."""
        return functools.partial(self._require_own, lease, identity)

    def _require_own(self, lease: Lease, identity: UserId) -> None:
        if self._leases.get(identity) != lease:
            raise LeaseLostError(identity)


def _append_arrivals(connection: Connection, arrivals: Sequence[Arrival], now: float) -> Sequence[Changed]:
    """Insert entries in their order, and the event work of the new ones; tells how many were new."""
    new: list[Changed] = []
    for has_events, run in itertools.groupby(arrivals, lambda arrival: bool(arrival.events)):
        if has_events:
            new += [_append_events(connection, arrival, now) for arrival in run]
        else:
            new.append(connection.run_rows("insert_entries", [each.entry for each in run]))
    return new


def _append_events(connection: Connection, arrival: Arrival, now: float) -> Changed:
    """Insert an entry and its event work; tells whether it was new."""
    inserted = connection.run("insert_entries", arrival.entry)
    if not inserted.rowcount:
        return inserted
    values = {"identity": arrival.entry.identity, "entry_id": inserted.lastrowid, "now": now}
    for work in arrival.events:
        connection.run("insert_event", values | values_of(work))
    return inserted


def _want_chats(connection: Connection, identity: UserId, hints: Sequence[ChatWork], now: float) -> None:
    """Raise the levels that these hints raise."""
    highest = _highest_per_chat(hints)
    wanted = [
        (
            identity,
            work.handler,
            work.lane,
            work.chat_id,
            work.after_seq,
            work.after_seq,
            work.wanted_seq,
            work.wanted_seq,
            now,
        )
        for work in highest
        if work.wanted_seq is not None
    ]
    looks = [
        (identity, work.handler, work.lane, work.chat_id, now) for work in highest if work.wanted_seq is None
    ]
    connection.run_rows("want_chats", wanted)
    connection.run_rows("look_at_chats", looks)


def _highest_per_chat(hints: Sequence[ChatWork]) -> Collection[ChatWork]:
    """One per handler and chat: levels coalesce."""
    highest: dict[tuple[HandlerId, ChatId], ChatWork] = {}
    for work in hints:
        known = highest.get((work.handler, work.chat_id))
        if known is None or _is_higher(work, known):
            highest[work.handler, work.chat_id] = work
    return highest.values()


def _is_higher(work: ChatWork, known: ChatWork) -> bool:
    """A hint without a number asks for one more look and so outranks any number."""
    if known.wanted_seq is None:
        return False
    return work.wanted_seq is None or work.wanted_seq > known.wanted_seq
