"""Verbs about how much is there, and how long it waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from mycel_runtime.journal.hold import Hold
from mycel_runtime.journal.pause import PARKED_AT
from mycel_runtime.journal.questions import OpenQuestions
from mycel_runtime.journal.summary import (
    COUNT_LIMIT,
    LANES_LIMIT,
    LONGEST_WAITING,
    NEXT_TIMERS,
    JournalStatistics,
    JournalSummary,
    NextTimer,
    Waiting,
    WaitingUtterance,
)
from mycel_runtime.journal.verbs.speech import SpeechVerbs

if TYPE_CHECKING:
    from mycel_runtime.journal.verbs.connection import Connection
    from mycel_runtime.wire.ids import UserId


class StatisticsVerbs(SpeechVerbs):
    """Base of the journal; its owner opens the writer."""

    @override
    async def statistics(self, identity: UserId) -> JournalStatistics:
        return await self._writer.commit(lambda connection: statistics_of(connection, identity))

    @override
    async def oldest_waiting(self, identity: UserId) -> Waiting | None:
        longest = await self._writer.commit(lambda connection: longest_waiting_of(connection, identity, 1))
        return next(iter(longest), None)


def statistics_of(connection: Connection, identity: UserId) -> JournalStatistics:
    """Counts of what is there."""
    values = {"identity": identity, "most": COUNT_LIMIT, "most_lanes": LANES_LIMIT}
    fields = dict(connection.run("statistics", values).fetchone())
    if fields["oldest_due_at"] is not None and fields["oldest_due_at"] >= PARKED_AT:
        fields["oldest_due_at"] = None
    return JournalStatistics(**fields)


def longest_waiting_of(connection: Connection, identity: UserId, limit: int) -> tuple[Waiting, ...]:
    """What has waited longest, first."""
    rows = connection.run("longest_waiting", {"identity": identity, "limit": limit})
    return tuple(Waiting(**dict(row)) for row in rows)


def summary_of(connection: Connection, identity: UserId) -> JournalSummary:
    """What a status shows, within a transaction."""
    me = {"identity": identity}
    return JournalSummary(
        statistics=statistics_of(connection, identity),
        longest=longest_waiting_of(connection, identity, LONGEST_WAITING),
        holds=tuple(Hold(**dict(row)) for row in connection.run("holds", me)),
        utterances=tuple(WaitingUtterance(*row) for row in connection.run("waiting_utterances", me)),
        timers=tuple(NextTimer(*row) for row in connection.run("next_timers", me | {"limit": NEXT_TIMERS})),
        questions=_open_questions(connection, identity),
    )


def _open_questions(connection: Connection, identity: UserId) -> OpenQuestions | None:
    row = connection.run("open_questions", {"identity": identity}).fetchone()
    return None if row is None else OpenQuestions(*row)
