"""
The agent's status as metrics: each value is read from the same snapshot that `mycel-runtime status` prints.

What only a fact tells is counted by its event; those that people alert on have names of their own as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias, get_args

from mycel_runtime.daemon.metrics.metric import Metric
from mycel_runtime.daemon.reports.plugin_report import PluginState
from mycel_runtime.journal.pause import PauseKind
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe import facts
from mycel_runtime.sdk.cause import Cause

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mycel_runtime.daemon.status import Status

EVENTS: Final = tuple(
    sorted(kind.name for kind in (getattr(facts, name) for name in facts.__all__) if hasattr(kind, "name"))
)
"""Of every fact there is."""

Values: TypeAlias = "Iterator[tuple[tuple[str, ...], float]]"
"""Label values, and the value; nothing where nothing is known."""


@dataclass(frozen=True, slots=True)
class Level:
    """A metric, and where in the status its values are."""

    metric: Metric
    read: Callable[[Status], Values]


def _gauge(name: str, meaning: str, value: Callable[[Status], float | None]) -> Level:
    return Level(Metric(name=name, kind="gauge", meaning=meaning), _single(value))


def _counter(name: str, meaning: str, value: Callable[[Status], float | None]) -> Level:
    return Level(Metric(name=name, kind="counter", meaning=meaning), _single(value))


def _labelled(name: str, label: str, meaning: str, values: Callable[[Status], Values]) -> Level:
    return Level(Metric(name=name, kind="gauge", meaning=meaning, labels=(label,)), values)


def _told(name: str, event: str, meaning: str) -> Level:
    return _counter(name, meaning, lambda status: status.events.get(event, 0))


def _single(value: Callable[[Status], float | None]) -> Callable[[Status], Values]:
    def read(status: Status) -> Values:
        if (number := value(status)) is not None:
            yield (), number

    return read


def _age(since: float | None, now: float) -> float | None:
    return None if since is None else max(0.0, now - since)


def _oldest_age(status: Status) -> float:
    oldest = status.work.oldest
    return 0.0 if oldest is None else max(0.0, status.now - oldest.since)


def _question_age(status: Status) -> float:
    questions = status.speaking.questions
    return 0.0 if questions is None else max(0.0, status.now - questions.since)


def _blocked_chats(status: Status) -> Values:
    for operation in ("read", "send"):
        yield (operation,), sum(chat.operation == operation for chat in status.work.blocked_chats)


def _abandoned_runs(status: Status) -> Values:
    yield ("task",), status.work.abandoned_tasks
    yield ("thread",), status.work.abandoned_threads


def _plugin_states(status: Status) -> Values:
    for plugin in status.plugins:
        yield from (((plugin.name, state), float(plugin.state == state)) for state in get_args(PluginState))


def _pauses(status: Status) -> Values:
    for kind in PauseKind:
        yield (kind.value,), sum(pause.kind == kind for pause in status.work.paused)


def _config_drift(status: Status) -> float | None:
    program = status.program
    return None if program is None or program.config == "unknown" else float(program.config == "drift")


def _network_troubles(status: Status) -> Values:
    known = {cause.value for cause in Cause}
    met = {report.cause for report in status.network.causes}
    yield from (((cause,), float(cause in met)) for cause in sorted(known | met))


def _stream_troubles(status: Status) -> Values:
    trouble = status.hearing.trouble
    if trouble is not None:
        yield (trouble.cause,), 1.0


def _events(status: Status) -> Values:
    yield from (((event,), status.events.get(event, 0)) for event in EVENTS)


LEVELS: Final = (
    _gauge("ready", "1 while `/readyz` is 200: hearing is proven, and calls get through.", lambda s: s.ready),
    _gauge(
        "standby",
        "1 while another process is at work on the agent's identity, and this one waits for its turn, and is ready.",
        lambda s: s.standby is not None,
    ),
    _told(
        "leases_taken_total", "lease.taken", "How often this process came to work on the agent's identity."
    ),
    _told("leases_lost_total", "lease.lost", "How often it lost the right to that while it was at work."),
    _gauge("start_time_seconds", "Epoch seconds of the agent's start.", lambda s: s.started_at),
    _gauge("stream_up", "1 while a subscription stands.", lambda s: s.hearing.connected),
    _gauge(
        "stream_last_proof_age_seconds",
        "Seconds since the stream was last shown to tell what it should; absent before the first time.",
        lambda s: _age(s.hearing.proven_at, s.now),
    ),
    _labelled(
        "stream_trouble",
        "cause",
        "1 while no stream serves, by the cause's word; absent else.",
        _stream_troubles,
    ),
    _gauge(
        "reconcile_age_seconds",
        "Seconds since the server last said what it holds for the agent; absent before the first time.",
        lambda s: _age(s.hearing.reconciled_at, s.now),
    ),
    _gauge(
        "unannounced_chats",
        "Chats that hold something which the stream has not announced.",
        lambda s: s.hearing.unannounced_chats,
    ),
    _gauge("checkpoint_seq", "Number of the frame up to which all are held.", lambda s: s.hearing.since_seq),
    _gauge(
        "checkpoint_epoch",
        "Epoch of that number; a new one begins with the server.",
        lambda s: s.hearing.epoch,
    ),
    _gauge(
        "journal_lag_frames",
        "Numbers that the checkpoint is behind the newest frame: something below it is missing.",
        lambda s: s.hearing.lag,
    ),
    _gauge(
        "calls_failing_seconds",
        "Seconds for which every call has failed; 0 while calls are answered.",
        lambda s: _age(s.network.failing_since, s.now) or 0.0,
    ),
    _labelled(
        "network_trouble",
        "cause",
        "1 while calls fail by this cause, 0 while they do not.",
        _network_troubles,
    ),
    _gauge(
        "deliveries_due",
        "Deliveries that wait for their turn or next attempt; 10,000 at most.",
        lambda s: s.work.due,
    ),
    _gauge("lanes_due", "Lanes of the 1,000 deliveries that are due first.", lambda s: s.work.lanes),
    _gauge("deliveries_running", "Deliveries that run.", lambda s: s.work.running),
    _gauge(
        "deliveries_suspected",
        "Of both, those that ran when a process died; they run one at a time.",
        lambda s: s.work.suspects,
    ),
    _gauge(
        "delivery_oldest_age_seconds",
        "Seconds for which the oldest delivery that waits or runs has been due; 0 without one.",
        _oldest_age,
    ),
    _labelled(
        "chats_blocked", "operation", "Chats in which the backend fails a read or a send.", _blocked_chats
    ),
    _gauge("chats_held", "Chats that the loop guard holds.", lambda s: len(s.speaking.held)),
    Level(
        Metric(
            name="plugin_state",
            kind="gauge",
            meaning="1 for the state that a plugin is in, as `status` has it, 0 for the others: "
            + ", ".join(f"`{state}`" for state in get_args(PluginState))
            + ".",
            labels=("plugin", "state"),
        ),
        _plugin_states,
    ),
    _labelled("pauses", "kind", "What the operator has paused: `agent`, `chat`, `plugin`.", _pauses),
    _counter(
        "late_calls_total",
        "How often a handler has used its context after its run had ended: what it wanted said was not.",
        lambda s: s.work.late_calls,
    ),
    _labelled(
        "runs_abandoned",
        "kind",
        "Runs of handlers that go on after their deadline: `task`, `thread`.",
        _abandoned_runs,
    ),
    _gauge(
        "dead_letters",
        "Deliveries that were given up, 10,000 at most: `mycel-runtime dead`.",
        lambda s: s.work.dead_letters,
    ),
    _counter(
        "dead_letters_expired_total",
        "Dead letters that were dropped because of their age, over restarts.",
        lambda s: s.work.letters_expired,
    ),
    _gauge("sends_unsettled", "Sends whose outcome is being looked for.", lambda s: s.speaking.unsettled),
    _gauge(
        "replies_unknown",
        "Sends that nobody can tell the outcome of: `mycel-runtime outbox`.",
        lambda s: s.speaking.unknown,
    ),
    _gauge(
        "last_sent_age_seconds",
        "Seconds since the backend last stored a message of the agent; absent before the first one.",
        lambda s: _age(s.speaking.sent_at, s.now),
    ),
    _gauge(
        "utterances_waiting",
        "What was to be said first more than a minute ago, ten at most.",
        lambda s: len(s.speaking.waiting),
    ),
    _gauge(
        "questions_open",
        "Questions of plugins without an outcome.",
        lambda s: s.speaking.questions.count if s.speaking.questions else 0,
    ),
    _gauge(
        "question_oldest_age_seconds", "Seconds since the oldest was asked; 0 without one.", _question_age
    ),
    _gauge(
        "journal_entries", "Frames that the journal has taken in, ever.", lambda s: s.work.journal_entries
    ),
    _gauge(
        "journal_growth_bytes_per_day",
        "Bytes a day by which the journal's files have grown since the start; absent in the first hour.",
        lambda s: s.journal.bytes_per_day,
    ),
    _gauge(
        "journal_free_bytes",
        "Bytes that are left on the journal's disk; absent where nobody can tell.",
        lambda s: s.journal.free,
    ),
    _gauge(
        "restart_wanted",
        "1 while another release is installed than the one that runs.",
        lambda s: s.program is not None and s.program.is_outdated,
    ),
    _gauge(
        "config_drift",
        "1 while the configuration file is not as it was when it was read; absent where nobody can tell.",
        _config_drift,
    ),
    _counter(
        "log_dropped_lines_total",
        "Lines of the process's output that were lost.",
        lambda s: s.log.dropped_lines,
    ),
    _gauge(
        "traces_lost", "1 while the receiver of traces does not take them.", lambda s: bool(s.log.traces_lost)
    ),
    _gauge(
        "capture_failed",
        "1 while what runs are shown cannot be captured.",
        lambda s: bool(s.log.capture_failed),
    ),
    _counter(
        "observer_failures_total",
        "How often telling a fact failed: lines or counts may be missing.",
        lambda s: s.log.failed_observers,
    ),
    _told("stream_connects_total", "stream.connected", "Subscriptions that stood."),
    _told("reconnects_total", "stream.ended", "Subscriptions that ended, or failed; a new one follows each."),
    _told("deaf_detected_total", "deafness.detected", "Streams that stood, told nothing, and were replaced."),
    _told(
        "epoch_changes_total", "epoch.changed", "New epochs: the server restarted, or another one answers."
    ),
    _told(
        "replay_overflows_total", "replay.overflowed", "Resumes that the server could not replay as a whole."
    ),
    _told("frames_rejected_total", "frame.rejected", "Frames that nobody understands; they are journalled."),
    _told("reconciles_total", "reconcile.finished", "Looks at what the server holds."),
    _told("reconcile_failures_total", "reconcile.failed", "Looks that failed."),
    _told("calls_retried_total", "call.retried", "Tries of calls that failed and were repeated."),
    _told(
        "rate_limits_total",
        "rate.limited",
        "How often a limit of requests was told of, at most once a minute.",
    ),
    _told("loop_guard_trips_total", "guard.tripped", "Chats that the loop guard has begun to hold."),
    _told("twins_detected_total", "twin.detected", "Own messages that this journal has not sent."),
    _told("schedules_missed_total", "schedule.missed", "Schedules whose times passed while nobody looked."),
    _told(
        "journal_locks_total", "journal.locked", "How often another program held the journal's write lock."
    ),
    _told(
        "database_outages_total",
        "database.lost",
        "How often the journal's database was away, by reasons told.",
    ),
    _told("unhandled_errors_total", "unhandled_error.raised", "Errors where nobody awaits them."),
    _told("jobs_failed_total", "job.failed", "Jobs of the runtime's own that raised."),
    Level(
        Metric(
            name="events_total",
            kind="counter",
            meaning="Facts by the name of their log event, told or not by the log's level; all names from the start.",
            labels=("event",),
        ),
        _events,
    ),
)
