"""The journal in a PostgreSQL database."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from mycel_runtime.errors import IdentityHeldError, JournalError, LeaseLostError
from mycel_runtime.journal.ids import Lane
from mycel_runtime.journal.lease import Lease
from mycel_runtime.journal.postgres.attendance import Attendance, Subscription
from mycel_runtime.journal.postgres.candidacy import PostgresCandidacy
from mycel_runtime.journal.postgres.clock import DatabaseClock
from mycel_runtime.journal.postgres.connections import SHARED, Connections, place_of
from mycel_runtime.journal.postgres.fleet import SHARED_WATCHES
from mycel_runtime.journal.postgres.group import Reading
from mycel_runtime.journal.postgres.moved import require_here
from mycel_runtime.journal.postgres.process import OPEN, PLACE_PREFIX, ProcessMark
from mycel_runtime.journal.postgres.writer import PostgresWriter
from mycel_runtime.journal.verbs.claims import key_of
from mycel_runtime.journal.verbs.journal import SqlJournal
from mycel_runtime.journal.verbs.recovery import blame_each, recover, suspects_of
from mycel_runtime.journal.verbs.running_lanes import RunningLanes
from mycel_runtime.journal.verbs.state import new_versions
from mycel_runtime.wire.ids import UserId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from mycel_runtime.journal.batch import Arrival, Batch
    from mycel_runtime.journal.delivery import Delivery
    from mycel_runtime.journal.pause import Pause, PauseKind
    from mycel_runtime.journal.port.candidacy import Candidacy
    from mycel_runtime.journal.port.waker import Waker
    from mycel_runtime.journal.postgres.listener import Listener
    from mycel_runtime.journal.suspicion import Suspect
    from mycel_runtime.journal.verbs.connection import Connection, Result, Row

LEASE_SECONDS: Final = 30.0
"""Of a lease that nobody renews."""

PRUNING_STEP: Final = 16
"""Turns of all identities, after which the oldest that are logged go."""

STILL_SHARE: Final = 1 / 6
"""Of a lease's life, within a transaction: all connections of a process, one after the other, less than that life."""


class PostgresJournal(SqlJournal):
    """
    The journal in a database, which other processes may have open, too.

    Args:
        url: libpq's, with the password, which nobody is told.
        on_away: As of `PostgresWriter`.
        on_commit: Told, in another thread, for how many seconds a group of so many operations was written.
        kept_turns: How many turns the log keeps, give or take a few; 0: there is none.
        clock: Epoch seconds, in the place of the database's clock.
        lease_seconds: Of a lease that nobody renews.
        place: Of which this process has the lock, as long as it lives; empty: of none.
        on_candidate: Told, in another thread, as whom it would be at work.
    """

    _writer: PostgresWriter

    def __init__(
        self,
        url: str,
        *,
        on_away: Callable[[str, float], None] = lambda _reason, _seconds: None,
        on_commit: Callable[[float, int], None] = lambda _seconds, _operations: None,
        kept_turns: int,
        clock: Callable[[], float] | None = None,
        lease_seconds: float = LEASE_SECONDS,
        place: str = "",
        on_candidate: Callable[[UserId], None] = lambda _: None,
    ) -> None:
        self._url = url
        self._on_away, self._on_commit = on_away, on_commit
        self._kept_turns = kept_turns
        self._database_clock = DatabaseClock()
        self._clock = clock or self._database_clock
        self._lease_seconds = lease_seconds
        self._recovered: set[UserId] = set()
        self._running_lanes = RunningLanes()
        self._snapshot_changes = 0
        self._wakers: list[Waker] = []
        self._process = ProcessMark.of_this(place)
        self._on_candidate = on_candidate
        self._is_open = False

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} {place_of(self._url)}>"

    def open(self) -> None:
        """
        Connect and migrate; blocking.

        Raises:
            JournalError: The database cannot be reached, or is none of ours.
        """
        self._connections: Connections = SHARED.take(self._url)
        OPEN.add(self._process.process_id)
        try:
            self._versions = new_versions()
            self._writer = PostgresWriter(
                self._connections,
                self._process,
                self._database_clock.note,
                on_away=self._on_away,
                on_commit=self._on_commit,
                still_seconds=self._lease_seconds * STILL_SHARE,
            )
            began = Attendance.begin_beat()
            self._writer.register(self._register)
            self._attendance = Attendance(
                self._process.process_id,
                self._lease_seconds,
                self._database_clock.note,
                self._clock,
                began=began,
            )
            self._listener.attend(self._attendance)
        except BaseException:
            self._let_go()
            raise
        self._is_open = True

    def _register(self, connection: Connection) -> None:
        life = {"now": self._clock(), "lease_seconds": self._lease_seconds}
        connection.run("register_process", self._process._asdict() | life)

    @property
    def _listener(self) -> Listener:
        return self._connections.listener

    @property
    def schema_version(self) -> int:
        """That the database had when this process connected to it."""
        return self._connections.schema_version

    @property
    @override
    def is_shared(self) -> bool:
        return True

    @property
    @override
    def is_at_rest(self) -> bool:
        return self._writer.is_at_rest

    @property
    @override
    def snapshot_changes(self) -> int:
        return self._snapshot_changes

    @override
    @contextlib.asynccontextmanager
    async def candidacy(self, identity: UserId) -> AsyncIterator[Candidacy]:
        self._writer.work_as(identity)
        # Whoever is at work as it elsewhere rests by them, too, and from now on they are found under its name only.
        await self._change("adopt_pauses", {"identity": identity})
        await asyncio.to_thread(self._on_candidate, identity)
        candidacy = PostgresCandidacy(self._process, identity, asyncio.get_running_loop())
        SHARED_WATCHES.enter(self._url, self._lease_seconds, candidacy.member)
        try:
            yield candidacy
        finally:
            await asyncio.to_thread(SHARED_WATCHES.leave, self._url, candidacy.member)

    @override
    async def lease(self, identity: UserId) -> Lease:
        self._writer.work_as(identity)

        def take(connection: Connection) -> int:
            now = self._clock()
            self._require_here(connection, identity)
            self._forget_dead(connection, identity)
            found = connection.run("read_lease", {"identity": identity}).fetchone()
            if found is not None and found["is_held"] and now < found["expires_at"]:
                raise IdentityHeldError(
                    identity, f"process {found['pid']} on {found['host']}", fix=_held_fix(self._lease_seconds)
                )
            ends = {"identity": identity, "due_at": now + self._lease_seconds}
            return int(connection.run("write_lease", ends).fetchone()["token"])

        token = await self._writer.submit(take)
        return Lease(identity=identity, token=token, lasts=self._lease_seconds)

    @override
    async def renew(self, lease: Lease) -> Lease:
        def renew(connection: Connection) -> None:
            ends = {"identity": lease.identity, "token": lease.token}
            ends |= {"due_at": self._clock() + self._lease_seconds}
            if not connection.run("renew_lease", ends).rowcount:
                raise LeaseLostError(lease.identity)
            # Also where nobody can listen.
            self._beat(connection)

        began = self._attendance.begin_beat()
        await self._writer.submit(renew)
        self._attendance.note_beat(self._clock(), began=began)
        return Lease(identity=lease.identity, token=lease.token, lasts=self._lease_seconds)

    @override
    async def release(self, lease: Lease) -> None:
        values = {"identity": lease.identity, "token": lease.token}
        await self._writer.submit(lambda connection: connection.run("release_lease", values))

    @override
    async def append(self, batch: Batch, *, lease: Lease) -> int:
        return await super().append(_without_copies(batch), lease=lease)

    @override
    def _lease_check(self, connection: Connection, lease: Lease, identity: UserId) -> Callable[[], None]:
        found = connection.run("own_lease", {"identity": lease.identity, "token": lease.token})

        def require() -> None:
            if lease.identity != identity or found.fetchone() is None:
                raise LeaseLostError(identity)

        return require

    @override
    async def recover(self, identity: UserId, *, death_pause: float = 0.0) -> Sequence[Suspect]:
        self._writer.work_as(identity)

        def forget(connection: Connection) -> None:
            self._require_here(connection, identity)
            self._forget_dead(connection, identity)

        await self._writer.submit(forget)
        return await super().recover(identity, death_pause=death_pause)

    @override
    async def take_over(self, identity: UserId, *, death_pause: float = 0.0) -> Sequence[Suspect]:
        self._writer.work_as(identity)

        def take(connection: Connection) -> Sequence[Suspect]:
            self._require_here(connection, identity)
            self._forget_dead(connection, identity)
            # In the name of no process: what this one has is another's there, and goes on.
            values = {"identity": identity, "now": self._clock(), "pause": death_pause, "process": ""}
            if connection.run("first_orphan", values).fetchone() is not None:
                self._recover(connection, values)
            return suspects_of(connection, identity)

        suspects = await self._writer.submit(take)
        self._recovered.add(identity)
        return suspects

    @override
    async def due_lanes(self, identity: UserId, *, limit: int) -> Sequence[Lane]:
        """As a reading, in nobody's way: it is asked more often than anything is claimed."""
        values = {"identity": identity, "now": self._clock(), "limit": limit}
        return [Lane(row["lane"]) for row in await self._rows("due_lanes", values)]

    @override
    def _recover(self, connection: Connection, values: Mapping[str, Any]) -> None:
        recover(connection, values, blame_each)

    @override
    async def pauses(self, identity: UserId) -> Sequence[Pause]:
        return await super().pauses(identity or pause_place(self._process))

    @override
    async def pause(self, identity: UserId, kind: PauseKind, name: str) -> bool:
        return await super().pause(identity or pause_place(self._process), kind, name)

    @override
    async def resume(self, identity: UserId, kind: PauseKind, name: str) -> bool:
        return await super().resume(identity or pause_place(self._process), kind, name)

    @override
    async def keeps_claim(self, delivery: Delivery) -> bool:
        if self._attendance.is_safe:
            return True
        return await self._writer.submit(lambda connection: self._prove(connection, delivery))

    def _prove(self, connection: Connection, delivery: Delivery) -> bool:
        """Whether the claim stands; who asks is heard of, and so keeps it."""
        self._beat(connection)
        return connection.run("own_claim", key_of(delivery)).fetchone() is not None

    @override
    async def _rows(self, name: str, values: dict[str, Any]) -> list[Row]:
        return await self._writer.commit(Reading(name, values))

    @override
    def _prune(self, connection: Connection, logged: Result) -> None:
        newest = logged.lastrowid or 0
        if not newest % PRUNING_STEP:
            bounds = {"through": newest - self._kept_turns, "limit": 4 * PRUNING_STEP}
            connection.run("prune_turns_beside_others", bounds)

    def _beat(self, connection: Connection) -> None:
        connection.run_rows("beat", [(self._process.process_id, self._clock())])

    def _require_here(self, connection: Connection, identity: UserId) -> None:
        require_here(connection, identity, f"{identity} in {place_of(self._url)}")

    def _forget_dead(self, connection: Connection, identity: UserId) -> None:
        """
        Of the processes that have something of an identity, those that have it no more.

        What is proven dead is no process any more. What is silent has lost what it had; that of those nothing is in
        doubt any more is forgotten.
        """
        now = self._clock()
        for row in connection.run("other_processes", {"identity": identity}).fetchall():
            if self._process.proves_dead(row):
                connection.run("bury_process", {"process_id": row["process_id"]})
            elif row["lost_at"] is None and self._attendance.finds_silent(row, now):
                connection.run("lose_process", {"process_id": row["process_id"], "now": now})
                connection.run("forget_lost", {})

    @override
    def on_work(self, identity: UserId, waker: Waker) -> None:
        self._writer.work_as(identity)
        super().on_work(identity, waker)
        subscription = Subscription(identity, waker, asyncio.get_running_loop())
        self._listener.subscribe(self._attendance, subscription)

    @override
    def _give_back(self, connection: Connection) -> int:
        """Nothing: the database's autovacuum does."""
        return 0

    @override
    def _used_bytes(self, connection: Connection) -> int:
        (used,) = connection.run("used_bytes", {}).fetchone()
        return int(used)

    @override
    def hurry(self) -> None:
        self._writer.hurry()

    @override
    async def close(self) -> None:
        if not self._is_open:
            return
        for identity in self._recovered:
            # If that cannot be written, what runs is suspected: that is no harm.
            with contextlib.suppress(JournalError):
                await self.expect_end(identity)
        await self._close(functools.partial(self._leave, tuple(self._recovered)))

    @override
    async def abandon(self) -> None:
        if self._is_open:
            await self._close(self._vanish)

    async def _close(self, leave: Callable[[], None]) -> None:
        self._is_open = False
        self._recovered.clear()
        await self._writer.close()
        await asyncio.to_thread(leave)

    def _leave(self, identities: Sequence[UserId]) -> None:
        self._writer.unregister(lambda connection: self._give_up(connection, identities))
        self._vanish()

    def _give_up(self, connection: Connection, identities: Sequence[UserId]) -> None:
        """Give back what it has: another process may go on at once."""
        for identity in identities:
            self._recover(connection, {"identity": identity, "now": self._clock(), "pause": 0.0})
        connection.run("release_leases", {})
        connection.run("end_process", {})

    def _vanish(self) -> None:
        self._listener.leave(self._attendance)
        self._let_go()

    def _let_go(self) -> None:
        OPEN.discard(self._process.process_id)
        SHARED.leave(self._url)


def _without_copies(batch: Batch) -> Batch:
    """Of a number that is there more than once the first: what is inserted together does not see each other."""
    first: dict[object, Arrival] = {}
    for place, arrival in enumerate(batch.arrivals):
        entry = arrival.entry
        first.setdefault(place if entry.seq is None else (entry.epoch, entry.seq), arrival)
    return batch if len(first) == len(batch.arrivals) else replace(batch, arrivals=tuple(first.values()))


def pause_place(process: ProcessMark) -> UserId:
    """
    Whose a pause of `NOBODY` is in a database that may be several agents': the agent's with that state directory.

    As it nobody works.
    """
    return UserId(f"{PLACE_PREFIX}{process.place}")


def _held_fix(seconds: float) -> str:
    return (
        "One process at a time listens as an identity: another one may when that one has stopped, or has not been"
        f" heard of for {seconds:g} seconds."
    )
