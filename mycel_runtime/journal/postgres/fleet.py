"""
Knows which processes would be at work on which identities, and tells each journal of this process when it should.

One thread and one connection for all journals of a database in this process, however many agents it has. Each third
of a lease's life it reads whose leases stand and who else is there (`listener.py` tells that), and decides by
`placement.py`. In between it hears of leases that were given back (LISTEN), so that another process comes to work at
once, and looks when one would end that nobody has renewed.

It reads without the journal's lock, and what it tells is advice: the transaction of `lease` decides.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from typing import TYPE_CHECKING, Final, NamedTuple

import psycopg

from mycel_runtime.journal.postgres.connections import connected
from mycel_runtime.journal.postgres.failures import AwayError
from mycel_runtime.journal.postgres.placement import Standing, to_hand_over, to_take
from mycel_runtime.journal.postgres.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from psycopg import Connection

    from mycel_runtime.journal.postgres.process import ProcessMark
    from mycel_runtime.journal.postgres.rows import Row
    from mycel_runtime.wire.ids import UserId

LOOKED_AFTER: Final = 1 / 3
"""Of a lease's life: how often it is looked."""

SILENT_AFTER: Final = 2 / 3
"""Of a lease's life, without a word: a process that is not counted on any more. Its leases stand until they end."""

OVERDUE_AFTER: Final = 1 / 3
"""Of a lease's life: for which an identity is left to the process that should take it, before any other does."""

COOL_DOWN: Final = 1.0
"""Of a lease's life: since the newest process has come, before anything is moved to it."""

PAUSE: Final = 1 / 30
"""Of a lease's life: between two moves from one process."""

_SHORTEST_WAIT: Final = 0.02

_AGAIN_AFTER: Final = 1 / 15
"""Of a lease's life: until it is tried again to reach the database."""


class View(NamedTuple):
    """
    What a journal is told.

    Attributes:
        is_turn: It should take the lease.
        is_move: It should give it back.
        holder: Who has it, for a person; empty: nobody, or nobody knows.
        is_dead: It is taken for dead.
        away_since: The database cannot be asked since, epoch seconds of this machine; `None`: it can.
    """

    is_turn: bool = False
    is_move: bool = False
    holder: str = ""
    is_dead: bool = False
    away_since: float | None = None


class Member(NamedTuple):
    """
    A journal of this process.

    Attributes:
        mark: Its process, as it is registered.
        identity: On which it would be at work.
        tell: Told each view, in the thread.
        is_idle: Whether a move would disturb nothing; asked in the thread.
    """

    mark: ProcessMark
    identity: UserId
    tell: Callable[[View], None]
    is_idle: Callable[[], bool]


class FleetWatch:
    """
    Of one database, from its start until it ends, which is for good.

    Args:
        url: libpq's, with the password; nobody is told it.
        lease_seconds: A lease's life.
    """

    def __init__(self, url: str, lease_seconds: float) -> None:
        self._url = url
        self._lease_seconds = lease_seconds
        self._members: dict[str, Member] = {}
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        self._is_ending = False
        self._free_since: dict[str, float] = {}
        self._moved_at = 0.0
        self._away_since: float | None = None
        self._thread = threading.Thread(target=self._run, name="journal-fleet", daemon=True)

    def start(self) -> None:
        """From now on."""
        self._thread.start()

    def enter(self, member: Member) -> None:
        """It is told from now on."""
        self._members[member.mark.process_id] = member
        self._wake()

    def leave(self, member: Member) -> bool:
        """It is told no more; whether it was the last one."""
        del self._members[member.mark.process_id]
        return not self._members

    def end(self) -> None:
        """Blocking."""
        self._is_ending = True
        self._wake()
        self._thread.join()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _wake(self) -> None:
        os.write(self._wake_write, b"x")

    def _run(self) -> None:
        while not self._is_ending:
            try:
                with connected(self._url) as connection:
                    connection.execute("SET synchronous_commit = off; LISTEN mycel_lease")
                    self._watch(connection)
            except (AwayError, psycopg.Error):
                self._tell_away()
                self._wait(self._lease_seconds * _AGAIN_AFTER)

    def _watch(self, connection: Connection[Row]) -> None:
        """Until the connection is lost, which raises, or it is to end."""
        while not self._is_ending:
            wait = self._look(connection)
            self._away_since = None
            self._wait(wait, connection)
            connection.pgconn.consume_input()
            while connection.pgconn.notifies():
                pass

    def _wait(self, seconds: float, connection: Connection[Row] | None = None) -> None:
        sources = [self._wake_read, *([] if connection is None else [connection.fileno()])]
        ready, _, _ = select.select(sources, [], [], max(seconds, _SHORTEST_WAIT))
        if self._wake_read in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_read, 4096)

    def _tell_away(self) -> None:
        if self._away_since is None:
            self._away_since = time.time()
        for member in tuple(self._members.values()):
            member.tell(View(away_since=self._away_since))

    def _look(self, connection: Connection[Row]) -> float:
        """Say who is here, see who else is, and tell; seconds until the next look."""
        members = tuple(self._members.values())
        if not members:
            return self._lease_seconds
        rows = [(member.mark.process_id, member.identity) for member in members]
        Session(connection, None).run_rows("stand_by", rows)
        found = _Found.read(connection, members, self._lease_seconds)
        own = (found.names.get(member.mark.process_id) for member in members)
        process = next(filter(None, own), "")
        standings = found.standings()
        taken = to_take(standings, process, overdue=self._overdue(standings, found.now))
        moved = self._moved(standings, process, members, found)
        for member in members:
            member.tell(
                View(
                    is_turn=member.identity in taken,
                    is_move=member.identity == moved,
                    holder=found.holder_text(member.identity),
                    is_dead=member.mark.process_id not in found.registered,
                )
            )
        return self._next_look(found)

    def _overdue(self, standings: Sequence[Standing], now: float) -> set[str]:
        free = {each.identity for each in standings if each.holder is None}
        self._free_since = {identity: self._free_since.get(identity, now) for identity in free}
        patience = self._lease_seconds * OVERDUE_AFTER
        return {identity for identity, since in self._free_since.items() if now - since >= patience}

    def _moved(
        self, standings: Sequence[Standing], process: str, members: Sequence[Member], found: _Found
    ) -> str | None:
        lease = self._lease_seconds
        if found.now - found.newest_since < COOL_DOWN * lease or found.now - self._moved_at < PAUSE * lease:
            return None
        idle = {member.identity for member in members if member.is_idle()}
        moved = to_hand_over(standings, process, idle)
        if moved is not None:
            self._moved_at = found.now
        return moved

    def _next_look(self, found: _Found) -> float:
        lease = self._lease_seconds
        times = [found.now + lease * LOOKED_AFTER, found.next_end, self._moved_at + lease * PAUSE]
        times += [since + lease * OVERDUE_AFTER for since in self._free_since.values()]
        return min(at for at in times if at > found.now) - found.now


class _Found(NamedTuple):
    """
    What one look has found.

    Attributes:
        now: By the database's clock.
        leases: By identity.
        candidates: Of those that are not silent: by identity, their processes.
        names: Of processes by their openings: all journals of one process count together.
        newest_since: When the newest of the candidates' processes came.
        registered: Openings that are not taken for dead, silent ones as well.
    """

    now: float
    leases: Mapping[str, Row]
    candidates: Mapping[str, frozenset[str]]
    names: Mapping[str, str]
    newest_since: float
    registered: Collection[str]

    @classmethod
    def read(cls, connection: Connection[Row], members: Sequence[Member], lease_seconds: float) -> _Found:
        session = Session(connection, None)
        candidates = session.run("candidates", {}).fetchall()
        leases = session.run("leases", {}).fetchall()
        now = candidates[0]["now"] if candidates else time.time()
        proof = _Proof(members)
        alive = [
            row
            for row in candidates
            if now - row["seen_at"] < lease_seconds * SILENT_AFTER and not proof.is_dead(row)
        ]
        wanted: dict[str, set[str]] = {}
        came: dict[str, float] = {}
        for row in alive:
            name = _name_of(row)
            wanted.setdefault(row["identity"], set()).add(name)
            came[name] = min(row["opened_at"], came.get(name, row["opened_at"]))
        held = {row["identity"]: row for row in leases if row["expires_at"] > now and not proof.is_dead(row)}
        return cls(
            now=now,
            leases=held,
            candidates={identity: frozenset(names) for identity, names in wanted.items()},
            names={row["process_id"]: _name_of(row) for row in (*alive, *held.values())},
            newest_since=max(came.values(), default=0.0),
            registered={row["process_id"] for row in candidates},
        )

    @property
    def next_end(self) -> float:
        """When the first lease ends if nobody renews it."""
        return min((row["expires_at"] for row in self.leases.values()), default=0.0)

    def standings(self) -> list[Standing]:
        return [
            Standing(
                identity=identity,
                holder=_name_of(self.leases[identity]) if identity in self.leases else None,
                candidates=self.candidates.get(identity, frozenset()),
            )
            for identity in sorted({*self.leases, *self.candidates})
        ]

    def holder_text(self, identity: str) -> str:
        row = self.leases.get(identity)
        return "" if row is None else f"{row['host']}, process {row['pid']}"


class _Proof:
    """Which processes are proven dead, each looked at once."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._marks = {member.identity: member.mark for member in members}
        self._any = members[0].mark
        self._known: dict[str, bool] = {}

    def is_dead(self, row: Row) -> bool:
        process_id = row["process_id"]
        if process_id not in self._known:
            # The place of an agent is known by its own mark.
            mark = self._marks.get(row["identity"], self._any)
            self._known[process_id] = mark.process_id != process_id and mark.proves_dead(dict(row))
        return self._known[process_id]


def _name_of(row: Row) -> str:
    """The same of all journals that one process has open."""
    parts = ("machine_id", "boot_id", "namespace", "host", "pid", "started")
    return " ".join(str(row[part]) for part in parts)


class _SharedWatches:
    """Of this process, by their URL."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watches: dict[str, FleetWatch] = {}

    def enter(self, url: str, lease_seconds: float, member: Member) -> None:
        """Have a journal told by the watch of its database."""
        with self._lock:
            if (watch := self._watches.get(url)) is None:
                watch = self._watches[url] = FleetWatch(url, lease_seconds)
                watch.start()
            watch.enter(member)

    def leave(self, url: str, member: Member) -> None:
        """It is told no more; blocking."""
        with self._lock:
            watch = self._watches[url]
            if not watch.leave(member):
                return
            del self._watches[url]
        # Not within the lock: it may just wait for a database that is away.
        watch.end()


SHARED_WATCHES: Final = _SharedWatches()
"""The watches of this process."""
