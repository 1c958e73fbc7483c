"""
One verdict from what every part knows.

Ready means: hearing is proven. The stream stands and tells, and the server was asked within the last two intervals.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mycel_runtime.daemon.assembly import Parts
    from mycel_runtime.daemon.network_health import NetworkHealth
    from mycel_runtime.dispatch.abandoned import AbandonedRuns
    from mycel_runtime.dispatch.blocked_chats import BlockedChat
    from mycel_runtime.dispatch.lifecycle import Start
    from mycel_runtime.inbox.polling import StreamTrouble
    from mycel_runtime.journal.hold import Hold
    from mycel_runtime.journal.questions import OpenQuestions
    from mycel_runtime.journal.summary import JournalStatistics, Waiting, WaitingUtterance
    from mycel_runtime.observe.counters import Counters

STALE_INTERVALS: Final = 2.0
"""Reconcile intervals after which a look at the server is no proof any more; jitter and slow answers fit in."""

LONG_WAIT_SECONDS: Final = 60.0
"""What is to be said first is named when it has waited for longer."""


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True)


class StreamTroubleReport(_Report):
    """
    Why no stream stands, or none that serves. Times are epoch seconds.

    Attributes:
        cause: One word of `sdk.cause.Cause`; `unknown` if there is none for it.
        reason: As the log has it.
        since: Of the first end or failed try in a row.
        polled: A look was answered since: messages come, some seconds late.
        fix: What to do; empty if nobody knows.
    """

    cause: str
    reason: str
    since: float
    polled: bool
    fix: str


class HearingReport(_Report):
    """
    What is known of listening. Times are epoch seconds, `None` before the first.

    Attributes:
        connected: A subscription stands.
        epoch, since_seq: The checkpoint.
        proven_at: The stream was last shown to tell what it should.
        reconciled_at: The server last said what it holds for us.
        unannounced_chats: Chats with something unread that no frame has announced.
        trouble: Why no stream stands, or none that serves; `None` while one does.
    """

    connected: bool = False
    epoch: int = 0
    since_seq: int = 0
    proven_at: float | None = None
    reconciled_at: float | None = None
    unannounced_chats: int = 0
    trouble: StreamTroubleReport | None = None


class WaitingUtteranceReport(_Report):
    """
    What a handler wants to say first and cannot yet: somebody's words were not shown to all, or the backend fails.

    Attributes:
        since: Epoch seconds, of when the handler said it.
        attempts: That have failed.
    """

    handler: str
    chat_id: str
    since: float
    attempts: int


class OpenQuestionsReport(_Report):
    """
    What people were asked, or are to be asked, and an answer may still come to.

    Attributes:
        count: How many.
        plugin, name, chat_id: Of the oldest.
        since: Epoch seconds, of when its plugin asked.
    """

    count: int
    plugin: str
    name: str
    chat_id: str
    since: float


class SpeakingReport(_Report):
    """
    What is known of answering; `conflicted` and `unresolved` count since the start.

    Attributes:
        questions: `None` while none is open.
        waiting: What was to be said first more than a minute ago; ten at most.
        held: Chats in which the loop guard lets nothing be said; `mycel-runtime resume CHAT`.
    """

    sent: int = 0
    sent_at: float | None = None
    conflicted: int = 0
    unresolved: int = 0
    unsettled: int = 0
    unknown: int = 0
    waiting: tuple[WaitingUtteranceReport, ...] = ()
    questions: OpenQuestionsReport | None = None
    held: tuple[str, ...] = ()


class OldestReport(_Report):
    """
    What has waited longest. Times are epoch seconds.

    Attributes:
        since: When it became due; later attempts do not change it.
        due_at: Of its next attempt.
        attempts: Spent so far.
    """

    handler: str
    lane: str
    chat_id: str | None
    attempts: int
    since: float
    due_at: float


class BlockedChatReport(_Report):
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


class StartReport(_Report):
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


class UnavailableReport(_Report):
    """A plugin that is left alone because what it needs is not there; `reason`: as it says, with what to do."""

    plugin: str
    reason: str


class WorkReport(_Report):
    """
    What waits; `oldest_due_at` in epoch seconds.

    Attributes:
        not_started: Plugins whose `on_start` has not returned.
        oldest: `None` while nothing waits.
        suspects: Of those due or running, how many were running when a process died; they run one at a time.
        blocked_chats: Which cannot be read or spoken to, longest first.
        quarantined: Plugins that are left alone for a while; `mycel-runtime resume PLUGIN`.
        unavailable: Of those, the ones that have said what they lack.
        abandoned_tasks, abandoned_threads: Of handlers that outlived their deadline and go on.
    """

    due: int = 0
    running: int = 0
    suspects: int = 0
    oldest_due_at: float | None = None
    oldest: OldestReport | None = None
    blocked_chats: tuple[BlockedChatReport, ...] = ()
    dead_letters: int = 0
    journal_entries: int = 0
    quarantined: tuple[str, ...] = ()
    abandoned_tasks: int = 0
    abandoned_threads: int = 0
    not_started: tuple[StartReport, ...] = ()
    unavailable: tuple[UnavailableReport, ...] = ()


class CauseReport(_Report):
    """
    What keeps calls from the backend. Times are epoch seconds.

    Attributes:
        cause: One word of `sdk.cause.Cause`.
        since, last_at: Of the first and the last call that failed by it.
        failures: Tries of calls, so far.
        detail: What the other side itself has said: a status, where a redirect leads, when it will be back.
        fix: What to do.
    """

    cause: str
    since: float
    last_at: float
    failures: int
    detail: str
    fix: str


class NetworkReport(_Report):
    """
    The road to the backend.

    Attributes:
        failing_since: Epoch seconds; since then every call has failed. `None` while calls are answered.
        causes: What is wrong, the latest met first; what ails some calls only stays for an interval.
    """

    failing_since: float | None = None
    causes: tuple[CauseReport, ...] = ()


class LogReport(_Report):
    """
    What was lost of what was to be told.

    Attributes:
        dropped_lines: Of standard output and error of the process: a full disk, a terminal that is gone, a pipe that
            nobody reads.
        failed_observers: How often one raised.
    """

    dropped_lines: int = 0
    failed_observers: int = 0


class Status(_Report):
    """
    The whole process, as `mycel-runtime status --json` prints it. No token, no text of a message.

    Attributes:
        problems: Why it is not ready; empty when it is.
        events: How often each fact was told since the start.
    """

    agent: str
    server: str
    user_id: str | None
    version: str
    pid: int
    started_at: float
    now: float
    ready: bool
    problems: tuple[str, ...]
    network: NetworkReport = NetworkReport()
    hearing: HearingReport
    speaking: SpeakingReport
    work: WorkReport
    log: LogReport = LogReport()
    events: dict[str, int]


def hearing_report(parts: Parts | None) -> HearingReport:
    """What listening knows; nothing while the identity is still being asked for."""
    if parts is None:
        return HearingReport()
    checkpoint = parts.intake.checkpoint
    return HearingReport(
        connected=parts.listener.is_connected,
        epoch=checkpoint.epoch,
        since_seq=checkpoint.since_seq,
        proven_at=parts.liveness.heard_at,
        reconciled_at=parts.reconciler.succeeded_at,
        unannounced_chats=len(parts.liveness.unannounced_chats),
        trouble=_stream_trouble_report(parts.listener.trouble),
    )


def _stream_trouble_report(trouble: StreamTrouble | None) -> StreamTroubleReport | None:
    if trouble is None:
        return None
    return StreamTroubleReport(
        cause=trouble.cause.value if trouble.cause else "unknown",
        reason=trouble.reason,
        since=trouble.since,
        polled=trouble.is_polled,
        fix=trouble.cause.fix if trouble.cause else "",
    )


def speaking_report(
    counters: Counters,
    statistics: JournalStatistics | None,
    holds: Iterable[Hold] = (),
    *,
    utterances: Iterable[WaitingUtterance] = (),
    questions: OpenQuestions | None = None,
    now: float = 0.0,
) -> SpeakingReport:
    """
    What answering knows.

    Args:
        counters: Of facts.
        statistics: Of the journal, if it could be read.
        holds: Of the loop guard.
        utterances: Those that wait.
        questions: Those that are open.
        now: Epoch seconds.
    """
    return SpeakingReport(
        sent=counters.counts["message.sent"],
        sent_at=counters.last_at("message.sent"),
        conflicted=counters.counts["send.conflicted"],
        unresolved=counters.counts["send.unresolved"],
        unsettled=statistics.intents_unsettled if statistics else 0,
        unknown=statistics.intents_unknown if statistics else 0,
        waiting=tuple(
            WaitingUtteranceReport(
                handler=each.handler, chat_id=each.chat_id, since=each.made_at, attempts=each.attempts
            )
            for each in utterances
            if now - each.made_at > LONG_WAIT_SECONDS
        ),
        questions=None if questions is None else _questions_report(questions),
        held=tuple(hold.chat_id for hold in holds),
    )


def _questions_report(questions: OpenQuestions) -> OpenQuestionsReport:
    return OpenQuestionsReport(
        count=questions.questions,
        plugin=questions.plugin,
        name=questions.name,
        chat_id=questions.chat_id,
        since=questions.made_at,
    )


def blocked_reports(chats: Iterable[BlockedChat]) -> tuple[BlockedChatReport, ...]:
    """As dispatch tells them."""
    return tuple(BlockedChatReport(**asdict(chat)) for chat in chats)


def work_report(
    statistics: JournalStatistics | None,
    quarantined: Iterable[str] = (),
    *,
    unavailable: Mapping[str, str] | None = None,
    oldest: Waiting | None = None,
    blocked: Iterable[BlockedChatReport] = (),
    abandoned: AbandonedRuns | None = None,
    starts: Iterable[Start] = (),
) -> WorkReport:
    """What the journal holds, and what keeps it from being done."""
    if statistics is None:
        return WorkReport()
    return WorkReport(
        due=statistics.due,
        running=statistics.running,
        suspects=statistics.suspects,
        oldest_due_at=statistics.oldest_due_at,
        oldest=None if oldest is None else OldestReport(**asdict(oldest)),
        blocked_chats=tuple(blocked),
        dead_letters=statistics.dead_letters,
        journal_entries=statistics.entries,
        quarantined=tuple(sorted(quarantined)),
        unavailable=tuple(
            UnavailableReport(plugin=plugin, reason=reason)
            for plugin, reason in sorted((unavailable or {}).items())
        ),
        abandoned_tasks=abandoned.tasks if abandoned else 0,
        abandoned_threads=abandoned.threads if abandoned else 0,
        not_started=tuple(map(_start_report, starts)),
    )


def _start_report(start: Start) -> StartReport:
    return StartReport(
        plugin=start.plugin,
        attempts=start.attempts,
        reason=start.reason,
        retry_at=start.retry_at if math.isfinite(start.retry_at) else None,
    )


def network_report(health: NetworkHealth) -> NetworkReport:
    """What the agent's calls have met."""
    return NetworkReport(
        failing_since=health.failing_since,
        causes=tuple(
            CauseReport(
                cause=spell.cause.value,
                since=spell.since,
                last_at=spell.last_at,
                failures=spell.failures,
                detail=spell.detail,
                fix=spell.cause.fix,
            )
            for spell in health.spells
        ),
    )


def network_problems(network: NetworkReport, *, interval: float, now: float) -> tuple[str, ...]:
    """
    That no call gets through, which makes an agent deaf and dumb though its stream stands; empty if one does.

    Args:
        network: As reported.
        interval: `[inbox] reconcile_interval`: a shorter outage may be a restart, and costs no message.
        now: Epoch seconds.
    """
    if network.failing_since is None or now - network.failing_since <= interval:
        return ()
    words = network.causes and f": {network.causes[0].cause}"
    return (f"every call fails since {now - network.failing_since:.0f} s{words or ''}",)


def problems_of(
    hearing: HearingReport, *, user_id: str | None, interval: float, now: float, trouble: str = ""
) -> tuple[str, ...]:
    """
    Why hearing is not proven; empty when it is.

    Args:
        hearing: As reported.
        user_id: `None` while the backend has not said whose token it is.
        interval: `[inbox] reconcile_interval`.
        now: Epoch seconds.
        trouble: Why the backend has not said so, as far as it is known.
    """
    if user_id is None:
        return (f"the backend has not answered yet{trouble and f': {trouble}'}",)
    problems = []
    if not hearing.connected:
        problems.append(f"the stream is not connected{_polled(hearing.trouble, now)}")
    if hearing.reconciled_at is None:
        problems.append("the server was not asked yet")
    elif now - hearing.reconciled_at < -interval:
        problems.append("the clock was set back since the server was last asked")
    elif now - hearing.reconciled_at > STALE_INTERVALS * interval:
        problems.append(f"the server was last asked {now - hearing.reconciled_at:.0f} s ago")
    if hearing.unannounced_chats:
        problems.append(f"{hearing.unannounced_chats} chats hold something that the stream has not announced")
    return tuple(problems)


def _polled(trouble: StreamTroubleReport | None, now: float) -> str:
    if trouble is None or not trouble.polled:
        return ""
    return f" since {now - trouble.since:.0f} s, messages are polled for: {trouble.cause}"
