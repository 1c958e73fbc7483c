"""What is to be seen of a database that keeps journals, as values."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence


class Migrated(NamedTuple):
    """
    What making or migrating a schema has done.

    Attributes:
        before: Its version; 0: there was none.
        now: Its version, which is above this program's where a newer one has made it.
    """

    before: int
    now: int


class MissingRights(NamedTuple):
    """
    What a user may not do, and should.

    Attributes:
        what: Each right, `INSERT on delivery`; none: he lacks nothing.
        grants: Statements by which the owner grants them.
    """

    what: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseLook:
    """
    What a database can do, and is set to.

    Attributes:
        server: Its program's version as it says it, `18.1`.
        server_number: The same to compare, 180001.
        version, newest_version: Of the schema; 0: there is none yet. What this program knows.
        serves: The earliest version of a program that may use the schema.
        missing: What this user lacks for the rows of the journal.
        missing_of_workers: Likewise, for what workers need beside it; `None`: that was not made yet.
        may_change: The tables; where there are none, make them.
        fsync, full_page_writes: Whether what is committed outlives a failure of the power.
        encoding: Of its text.
        is_pooled: Transactions of one connection are given to several of the database's.
        connections, used_connections: How many this user may have at most, and how many of them are in use now.
        connections_each: That a process may want.
        clock_ahead: Seconds that its clock is ahead of this machine's.
        clock_doubt: Seconds within which that is known.
    """

    server: str
    server_number: int
    version: int
    newest_version: int
    serves: int
    missing: MissingRights
    missing_of_workers: MissingRights | None
    may_change: bool
    fsync: bool
    full_page_writes: bool
    encoding: str
    is_pooled: bool
    connections: int
    used_connections: int
    connections_each: int
    clock_ahead: float
    clock_doubt: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownIdentity:
    """
    One identity of a database.

    Attributes:
        identity: Whose id.
        process_id, host, pid: Of the process that listens; `None`: none does.
        lease_seconds: Until its lease is over if nobody renews it; negative: it was not renewed in time.
        due, running: Deliveries.
        dead: Dead letters.
    """

    identity: str
    process_id: str | None
    host: str | None
    pid: int | None
    lease_seconds: float | None
    due: int
    running: int
    dead: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownProcess:
    """
    A process that has an agent's journal open, or has gone without saying so; of several agents one for each.

    Attributes:
        process_id: As of this opening; what `bury` takes.
        program: The same of all that one process has open, and no other's.
        opened_at: Epoch seconds, by the database's clock.
        seen_seconds: Since it was last heard of.
        is_silent: It was not heard of for the life of a lease: it may be gone, frozen or cut off.
        listens: To these identities.
        running: Deliveries that it has claimed.
        unsettled: Sends that it has begun, and of which it is not known what became of them.
    """

    process_id: str
    program: str
    host: str
    pid: int
    opened_at: float
    seen_seconds: float
    is_silent: bool
    listens: Sequence[str]
    running: int
    unsettled: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseState:
    """
    Who and what is in a database, at one moment.

    Attributes:
        size: Bytes.
    """

    server: str
    version: int
    newest_version: int
    size: int
    identities: Sequence[KnownIdentity]
    processes: Sequence[KnownProcess]
