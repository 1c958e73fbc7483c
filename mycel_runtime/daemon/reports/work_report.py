"""What the journal holds to be done, and what keeps it from being done."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mycel_runtime.dispatch.abandoned import AbandonedRuns
    from mycel_runtime.dispatch.blocked_chats import BlockedChat
    from mycel_runtime.dispatch.lifecycle import Start
    from mycel_runtime.journal.pause import Pause
    from mycel_runtime.journal.summary import JournalStatistics, Waiting


class OldestReport(BaseModel, frozen=True, defer_build=True):
    """
    What has waited long. Times are epoch seconds.

    Attributes:
        delivery_id: What `mycel-runtime work` knows it by.
        state: `due` or `running`.
        since: When it became due; later attempts do not change it.
        due_at: Of its next attempt.
        attempts: Spent so far.
        last_error: Why the last attempt was in vain: an error's type and its place, or what the server says; `None`:
            none was yet.
    """

    delivery_id: int = 0
    handler: str
    lane: str
    chat_id: str | None
    state: str = "due"
    attempts: int
    since: float
    due_at: float
    last_error: str | None = None


class BlockedChatReport(BaseModel, frozen=True, defer_build=True):
    """
    A chat whose work cannot go on because the backend fails there alone.

    Attributes:
        operation: What fails: `read` or `send`.
        since: Epoch seconds.
        reason: What the server says; never the text of a message.
    """

    chat_id: str
    operation: str
    since: float
    reason: str


class StartReport(BaseModel, frozen=True, defer_build=True):
    """
    A plugin that could not be started yet; its work waits.

    Attributes:
        attempts: In vain so far; 0 while the first one goes on.
        reason: Why the last one failed.
        retry_at: Epoch seconds; `None`: not in this process, unless `mycel-runtime resume PLUGIN`.
    """

    plugin: str
    attempts: int
    reason: str
    retry_at: float | None


class UnavailableReport(BaseModel, frozen=True, defer_build=True):
    """A plugin that is left alone because what it needs is not there; `reason`: as it says, with what to do."""

    plugin: str
    reason: str


class PauseReport(BaseModel, frozen=True, defer_build=True):
    """
    What the operator has paused; its work waits.

    Attributes:
        kind: `agent`, `chat` or `plugin`.
        name: The chat's id or the plugin's name; empty of the agent.
        since: Epoch seconds.
    """

    kind: str
    name: str
    since: float


class WorkReport(BaseModel, frozen=True, defer_build=True):
    """
    What waits; `oldest_due_at` in epoch seconds.

    Attributes:
        due, dead_letters: Counted up to 10,000: so many means so many or more.
        lanes: In which something is due, of the 1,000 deliveries that are due first.
        longest: What has waited longest, `oldest` first; ten at most.
        not_started: Plugins whose `on_start` has not returned.
        oldest: `None` while nothing waits.
        suspects: Of those due or running, how many were running when a process died; they run one at a time.
        blocked_chats: Which cannot be read or spoken to, longest first.
        journal_entries: Frames and events that the journal has taken in, ever; the old ones are there no more.
        letters_expired: Dead letters that were dropped because of their age (`[journal] keep_dead_letters`), ever.
        quarantined: Plugins that are left alone for a while; `mycel-runtime resume PLUGIN`.
        unavailable: Of those, the ones that have said what they lack.
        paused: By the operator, oldest first; `mycel-runtime resume`.
        abandoned_tasks, abandoned_threads: Of handlers that outlived their deadline and go on.
        late_calls: How often a handler has used its context after its run had ended, since the start: what it wanted
            said was not. A process of a plugin tells of its own when its next run ends.
    """

    due: int = 0
    running: int = 0
    lanes: int = 0
    suspects: int = 0
    oldest_due_at: float | None = None
    oldest: OldestReport | None = None
    blocked_chats: tuple[BlockedChatReport, ...] = ()
    dead_letters: int = 0
    letters_expired: int = 0
    journal_entries: int = 0
    quarantined: tuple[str, ...] = ()
    abandoned_tasks: int = 0
    abandoned_threads: int = 0
    late_calls: int = 0
    not_started: tuple[StartReport, ...] = ()
    unavailable: tuple[UnavailableReport, ...] = ()
    paused: tuple[PauseReport, ...] = ()
    longest: tuple[OldestReport, ...] = ()


def blocked_reports(chats: Iterable[BlockedChat]) -> tuple[BlockedChatReport, ...]:
    """As dispatch tells them."""
    return tuple(BlockedChatReport(**asdict(chat)) for chat in chats)


def work_report(
    statistics: JournalStatistics | None,
    quarantined: Iterable[str] = (),
    *,
    unavailable: Mapping[str, str] | None = None,
    longest: Iterable[Waiting] = (),
    blocked: Iterable[BlockedChatReport] = (),
    abandoned: AbandonedRuns | None = None,
    starts: Iterable[Start] = (),
    pauses: Iterable[Pause] = (),
) -> WorkReport:
    """What the journal holds, and what keeps it from being done."""
    if statistics is None:
        return WorkReport()
    waiting = tuple(OldestReport(**asdict(each)) for each in longest)
    return WorkReport(
        due=statistics.due,
        running=statistics.running,
        lanes=statistics.lanes,
        suspects=statistics.suspects,
        oldest_due_at=statistics.oldest_due_at,
        oldest=next(iter(waiting), None),
        longest=waiting,
        blocked_chats=tuple(blocked),
        dead_letters=statistics.dead_letters,
        letters_expired=statistics.letters_expired,
        journal_entries=statistics.entries,
        quarantined=tuple(sorted(quarantined)),
        unavailable=tuple(
            UnavailableReport(plugin=plugin, reason=reason)
            for plugin, reason in sorted((unavailable or {}).items())
        ),
        abandoned_tasks=abandoned.tasks if abandoned else 0,
        abandoned_threads=abandoned.threads if abandoned else 0,
        late_calls=abandoned.late_calls if abandoned else 0,
        not_started=tuple(map(_start_report, starts)),
        paused=tuple(
            PauseReport(kind=pause.kind.value, name=pause.name, since=pause.paused_at) for pause in pauses
        ),
    )


def _start_report(start: Start) -> StartReport:
    return StartReport(
        plugin=start.plugin,
        attempts=start.attempts,
        reason=start.reason,
        retry_at=start.retry_at if math.isfinite(start.retry_at) else None,
    )
