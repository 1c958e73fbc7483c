"""
What can happen, in the past tense.

A fact's `name` is its log event, `noun.verb_past`. Durations are seconds. No field ever carries the text of a
message, a token, or an exception's message that may quote one: errors are told by their class and by texts of
our own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

Level = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """
    Something that happened.

    Attributes:
        name: The log event.
        level: Of its line.
        may_storm: One cause can make it happen thousands of times a second, each alike: its lines are thinned out.
    """

    name: ClassVar[str]
    level: ClassVar[Level] = "info"
    may_storm: ClassVar[bool] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonStarted(Fact):
    """Configuration, journal, plugins and lock stand."""

    name: ClassVar[str] = "daemon.started"
    agent: str
    server: str
    state_dir: str
    handlers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemStoreMissing(Fact):
    """The system has no certificates of authorities, so that those which come with the runtime are trusted."""

    name: ClassVar[str] = "system_store.missing"
    level: ClassVar[Level] = "warning"
    fix: str = 'Install the system\'s ca-certificates, or set [network] ca_file, or trust = "bundled".'


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonStopping(Fact):
    """A signal or an error asked for the end; running deliveries are drained first."""

    name: ClassVar[str] = "daemon.stopping"
    reason: str
    drain_timeout: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonStopped(Fact):
    """`abandoned` deliveries were still running; they are due again at the next start."""

    name: ClassVar[str] = "daemon.stopped"
    abandoned: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFailed(Fact):
    """
    One of several agents ended by an error; the others go on.

    Attributes:
        reason: In our own words; empty if it is a fault of ours.
    """

    name: ClassVar[str] = "agent.failed"
    level: ClassVar[Level] = "error"
    error: str
    reason: str
    exit_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigRefused(Fact):
    """One of several configuration files is wrong; its agent is not started, the others are."""

    name: ClassVar[str] = "config.refused"
    level: ClassVar[Level] = "error"
    where: str
    problem: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinesDropped(Fact):
    """Standard output or error could not be written: so many lines were lost since this was last told."""

    name: ClassVar[str] = "lines.dropped"
    level: ClassVar[Level] = "warning"
    lines: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityUnknown(Fact):
    """The backend could not yet be asked who the token belongs to."""

    name: ClassVar[str] = "identity.unanswered"
    level: ClassVar[Level] = "warning"
    error: str
    retry_in: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityConfirmed(Fact):
    """The backend knows the token."""

    name: ClassVar[str] = "identity.confirmed"
    user_id: str
    user_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAwaited(Fact):
    """The backend refused the token, and its file holds no other one; it is read again after these `seconds`."""

    name: ClassVar[str] = "token.awaited"
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRenewed(Fact):
    """The backend refused the token; its file holds a new one of the same user, which is used from now on."""

    name: ClassVar[str] = "token.renewed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginImporting(Fact):
    """A plugin's import begins; if nothing follows, it is what the start waits for."""

    name: ClassVar[str] = "plugin.importing"
    plugin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginImportSlow(Fact):
    """A plugin's import goes on since so many seconds; the start waits for it."""

    name: ClassVar[str] = "plugin.import_slow"
    level: ClassVar[Level] = "warning"
    plugin: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStateRestored(Fact):
    """A plugin has changed what belongs to the process; the runtime's own was put back. Told once for each."""

    name: ClassVar[str] = "process.state_restored"
    level: ClassVar[Level] = "warning"
    plugin: str
    aspect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginLoaded(Fact):
    """A plugin passed its checks."""

    name: ClassVar[str] = "plugin.loaded"
    plugin: str
    version: str
    origin: str
    handlers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginRefused(Fact):
    """An isolated plugin's import failed: its work waits, the other plugins run; a restart tries it again."""

    name: ClassVar[str] = "plugin.refused"
    level: ClassVar[Level] = "error"
    plugin: str
    problem: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamConnected(Fact):
    """The subscription stands and the resume message is sent."""

    name: ClassVar[str] = "stream.connected"
    epoch: int
    since_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEnded(Fact):
    """The connection is over; a new one follows."""

    name: ClassVar[str] = "stream.ended"
    level: ClassVar[Level] = "warning"
    reason: str
    lasted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PingShortened(Fact):
    """
    Something on the way ends a stream through which nothing goes for `quiet_limit` seconds: pings come oftener now.

    Attributes:
        quiet_limit: As several ends in a row have shown.
        ping_interval: From the next connection on.
    """

    name: ClassVar[str] = "ping.shortened"
    level: ClassVar[Level] = "warning"
    quiet_limit: float
    ping_interval: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PollingBegun(Fact):
    """
    The stream cannot be had, and calls are answered: messages are polled for. Told once for each cause.

    Attributes:
        cause: One word of `sdk.cause.Cause`, or `unknown`.
        reason: As of `StreamEnded`.
        fix: What to do; empty if nobody knows.
        interval: Seconds between two looks.
    """

    name: ClassVar[str] = "polling.begun"
    level: ClassVar[Level] = "warning"
    cause: str
    reason: str
    fix: str
    interval: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PollingEnded(Fact):
    """The stream stands and serves again, after so many seconds."""

    name: ClassVar[str] = "polling.ended"
    lasted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRetryScheduled(Fact):
    """When the next connection is tried."""

    name: ClassVar[str] = "stream.retry_scheduled"
    attempt: int
    retry_in: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochChanged(Fact):
    """Numbers contradict the journal: the server restarted or another one answers (Q1, Q2)."""

    name: ClassVar[str] = "epoch.changed"
    level: ClassVar[Level] = "warning"
    epoch: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOverflowed(Fact):
    """The ring no longer reached back to the checkpoint (Q4)."""

    name: ClassVar[str] = "replay.overflowed"
    level: ClassVar[Level] = "warning"
    since_seq: int
    oldest_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRejected(Fact):
    """A message was no frame that we know; it is journaled as it came."""

    name: ClassVar[str] = "frame.rejected"
    level: ClassVar[Level] = "warning"
    kind: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FramesCommitted(Fact):
    """`new` of `received` frames were not in the journal before; `since_seq` is the checkpoint after them."""

    name: ClassVar[str] = "frames.committed"
    level: ClassVar[Level] = "debug"
    received: int
    new: int
    epoch: int
    since_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FramesGivenUp(Fact):
    """Numbers that no replay reaches any more; what they were hints of is asked for instead."""

    name: ClassVar[str] = "frames.given_up"
    level: ClassVar[Level] = "warning"
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileFinished(Fact):
    """The server was asked what it holds for us."""

    name: ClassVar[str] = "reconcile.finished"
    level: ClassVar[Level] = "debug"
    reason: str
    drained: int
    unread_chats: int
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileFailed(Fact):
    """The server could not be asked; it will be at the next interval or connect."""

    name: ClassVar[str] = "reconcile.failed"
    level: ClassVar[Level] = "warning"
    reason: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeafnessDetected(Fact):
    """Unread messages that no frame has announced: their work is due, and the connection is replaced."""

    name: ClassVar[str] = "deafness.detected"
    level: ClassVar[Level] = "warning"
    chats: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatListPoisoned(Fact):
    """The server cannot list the chats (Q20); the known ones are asked one by one."""

    name: ClassVar[str] = "chat_list.poisoned"
    level: ClassVar[Level] = "error"
    known_chats: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFinished(Fact):
    """A handler returned; the cursor moved."""

    name: ClassVar[str] = "delivery.finished"
    level: ClassVar[Level] = "debug"
    handler: str
    lane: str
    shown: int
    sends: int
    took: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPostponed(Fact):
    """
    A delivery will be tried again.

    Attributes:
        spent: Whether it cost an attempt.
        trace: Of the first attempt that failed: files, lines and functions; later ones are silent about it.
    """

    name: ClassVar[str] = "delivery.postponed"
    level: ClassVar[Level] = "warning"
    handler: str
    lane: str
    reason: str
    attempts: int
    spent: bool
    retry_in: float
    trace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryOutdated(Fact):
    """A run has changed what another one had changed since it read it: it is run again, and costs no attempt."""

    name: ClassVar[str] = "delivery.outdated"
    may_storm: ClassVar[bool] = True
    handler: str
    lane: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleMissed(Fact):
    """
    Times of a handler's schedule have passed while nobody looked, be it by a downtime or by a clock that was set.

    Attributes:
        late: Seconds since the first of them.
        is_caught_up: It is called once for all of them; else they are let pass.
    """

    name: ClassVar[str] = "schedule.missed"
    level: ClassVar[Level] = "warning"
    handler: str
    late: int
    is_caught_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalLocked(Fact):
    """Another program holds the journal's write lock; nothing is committed until it lets go."""

    name: ClassVar[str] = "journal.locked"
    level: ClassVar[Level] = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalUnlocked(Fact):
    """It has let go, after `waited` seconds."""

    name: ClassVar[str] = "journal.unlocked"
    waited: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySuspected(Fact):
    """It was running when a process died, and runs by itself now; `deaths`: of which it was the only suspect."""

    name: ClassVar[str] = "delivery.suspected"
    level: ClassVar[Level] = "warning"
    handler: str
    lane: str
    deaths: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryBuried(Fact):
    """
    A delivery was given up; it stands in the dead letters.

    Attributes:
        trace: If its first attempt was the last: where that was raised, as in `DeliveryPostponed`.
    """

    name: ClassVar[str] = "delivery.buried"
    level: ClassVar[Level] = "error"
    handler: str
    lane: str
    reason: str
    attempts: int
    trace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestDecided(Fact):
    """A handler has approved or rejected what somebody asked for; `why` are the author's words."""

    name: ClassVar[str] = "request.decided"
    handler: str
    key: str
    decision: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSent(Fact):
    """The backend stored what a handler said."""

    name: ClassVar[str] = "message.sent"
    handler: str
    chat_id: str
    message_seq: int
    recovered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceDropped(Fact):
    """Somebody spoke before what a handler was to say first, and then it is not to be said."""

    name: ClassVar[str] = "utterance.dropped"
    handler: str
    chat_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionsForgotten(Fact):
    """Nobody handles the answers any more: they are shown to the handlers of messages, as any message."""

    name: ClassVar[str] = "question.forgotten"
    level: ClassVar[Level] = "warning"
    plugin: str
    question: str
    questions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SendConflicted(Fact):
    """Somebody spoke first; the handler is asked again with the new messages in view."""

    name: ClassVar[str] = "send.conflicted"
    handler: str
    chat_id: str
    unseen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SendUnresolved(Fact):
    """The outcome of a send is unknown; the chat's history is read before anything is sent again."""

    name: ClassVar[str] = "send.unresolved"
    level: ClassVar[Level] = "warning"
    handler: str
    chat_id: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendParked(Fact):
    """The history cannot be read for long: nobody can tell whether a message was stored. Nothing is sent again."""

    name: ClassVar[str] = "send.parked"
    level: ClassVar[Level] = "error"
    handler: str
    chat_id: str
    send: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinDetected(Fact):
    """An own message that this journal has not sent: somebody else speaks as this agent."""

    name: ClassVar[str] = "twin.detected"
    level: ClassVar[Level] = "error"
    chat_id: str
    message_seq: int
    is_held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinReleased(Fact):
    """The operator says that the agent is alone again."""

    name: ClassVar[str] = "twin.released"


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalOutdated(Fact):
    """
    Messages that were due here have been answered in this agent's name before the start, and not by this journal.

    They are dead letters, all counted since the start: `mycel-runtime dead retry` answers them.
    """

    name: ClassVar[str] = "journal.outdated"
    level: ClassVar[Level] = "error"
    chats: int
    messages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardTripped(Fact):
    """Agents talk among themselves: nothing is said in this chat until a human speaks or the operator resumes it."""

    name: ClassVar[str] = "guard.tripped"
    level: ClassVar[Level] = "warning"
    handler: str
    chat_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardReleased(Fact):
    """A human spoke, or the operator resumed the chat."""

    name: ClassVar[str] = "guard.released"
    chat_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginStarted(Fact):
    """All hooks of the plugin's start have returned; `took`: the last one."""

    name: ClassVar[str] = "plugin.started"
    plugin: str
    attempts: int
    took: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginStartFailed(Fact):
    """
    A hook of a plugin's start failed or exceeded its deadline: the plugin's deliveries wait; none is given up.

    Attributes:
        attempts: In vain so far.
        retry_in: `None`: not in this process, unless the operator resumes the plugin.
    """

    name: ClassVar[str] = "plugin.start_failed"
    level: ClassVar[Level] = "error"
    handler: str
    reason: str
    attempts: int
    retry_in: float | None
    trace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginStopFailed(Fact):
    """A hook of a plugin's stop failed, exceeded its deadline or was cut short; the stop goes on."""

    name: ClassVar[str] = "plugin.stop_failed"
    level: ClassVar[Level] = "warning"
    handler: str
    reason: str
    trace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginQuarantined(Fact):
    """A plugin failed so many times in a row that its deliveries wait; none of them is given up meanwhile."""

    name: ClassVar[str] = "plugin.quarantined"
    level: ClassVar[Level] = "error"
    plugin: str
    failures: int
    retry_in: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginClogged(Fact):
    """
    So many of a plugin's runs go on after their deadline that its deliveries wait until one of them ends.

    A restart of the agent ends them all; `isolation = "process"` lets each be killed at its deadline.
    """

    name: ClassVar[str] = "plugin.clogged"
    level: ClassVar[Level] = "error"
    plugin: str
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginReleased(Fact):
    """A plugin that was left alone works again, or the operator resumed it."""

    name: ClassVar[str] = "plugin.released"
    plugin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFailed(Fact):
    """A scheduled job raised; it runs again at its next time."""

    name: ClassVar[str] = "job.failed"
    level: ClassVar[Level] = "error"
    job: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSendFailed(Fact):
    """The backend answered 500 to a send that it had stored; the stored message is the result (Q21)."""

    name: ClassVar[str] = "send.stored_despite_error"
    level: ClassVar[Level] = "warning"
    chat_id: str
    message_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRetried(Fact):
    """A call that is safe to repeat failed and will be."""

    name: ClassVar[str] = "call.retried"
    level: ClassVar[Level] = "warning"
    method: str
    attempt: int
    error: str
    retry_in: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimited(Fact):
    """
    The server limits the rate of requests: calls wait for their turn from now on. Told once a minute while it lasts.

    Attributes:
        cause: The word for it, as in `status`.
        status: 429, or 503.
        retry_after: What the answer asked for; `None` if nothing.
        interval: Seconds between two calls now; felt for from short to long.
        refusals: Since it began.
    """

    name: ClassVar[str] = "rate.limited"
    level: ClassVar[Level] = "warning"
    cause: str = "rate_limited"
    status: int
    retry_after: float | None
    interval: float
    refusals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRecovered(Fact):
    """The server limits nothing any more that can be felt, after so many refusals."""

    name: ClassVar[str] = "rate.recovered"
    refusals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkTroubled(Fact):
    """
    A call has failed by this cause, which was not met of late. Told once, not for each call.

    Attributes:
        cause: One word of `sdk.cause.Cause`.
        detail: What the other side itself has said: a status, where a redirect leads, when it will be back.
        fix: What to do.
    """

    name: ClassVar[str] = "network.troubled"
    level: ClassVar[Level] = "warning"
    cause: str
    detail: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRecovered(Fact):
    """Calls do not fail by this cause any more, after so many seconds and so many failed tries."""

    name: ClassVar[str] = "network.recovered"
    cause: str
    lasted: float
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnhandledErrorRaised(Fact):
    """
    Something raised where nobody awaits it: in what a handler has left behind.

    Attributes:
        kind: `task`, `thread` or `finalizer`.
        error: The type's name; empty when nothing was raised, as by a task that never ended.
        trace: Files, lines and functions.
    """

    name: ClassVar[str] = "unhandled_error.raised"
    level: ClassVar[Level] = "error"
    may_storm: ClassVar[bool] = True
    kind: str
    error: str
    trace: str
