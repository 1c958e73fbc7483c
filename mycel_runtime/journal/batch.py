"""What one commit appends, as values."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.journal.checkpoint import Checkpoint
    from mycel_runtime.journal.entry import Entry
    from mycel_runtime.journal.work import ChatWork, EventWork
    from mycel_runtime.wire.ids import UserId


class Arrival(NamedTuple):
    """An entry with the event work that it makes due; the chats that it announces are hints of its batch."""

    entry: Entry
    events: tuple[EventWork, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """
    A line of the server's lists that is not as it was.

    Attributes:
        kind: Which list, for example `relationship`; or a `told_kind`.
        key: Which line of it.
        state: What it says now; `None`: it is gone.
    """

    kind: str
    key: str
    state: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """
    What one commit appends.

    Attributes:
        changes: Of the snapshot of the server's lists, told by `arrivals` of their own.
        hints: Chat work: what the entries announce, or what reconcile found; counts for replayed entries, too.
        checkpoint: Covers only entries that are in the journal once this batch is.
    """

    identity: UserId
    arrivals: Sequence[Arrival] = ()
    hints: tuple[ChatWork, ...] = ()
    changes: tuple[Change, ...] = ()
    checkpoint: Checkpoint | None = None
