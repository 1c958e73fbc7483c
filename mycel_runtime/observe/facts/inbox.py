"""Listening: the stream, its frames, and the looks at the server's lists."""

from __future__ import annotations

from typing import ClassVar

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.facts.fact import Fact, Level


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamConnected(Fact):
    """
    The subscription stands and the resume message is sent.

    Attributes:
        epoch: Of the checkpoint.
        since_seq: The checkpoint; what comes after it is asked for.
    """

    name: ClassVar[str] = "stream.connected"
    epoch: int
    since_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEnded(Fact):
    """
    The connection is over; a new one follows.

    Attributes:
        reason: In our own words, or as the other side has closed it.
        lasted: Seconds.
    """

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
    """
    The stream stands and serves again, after so many seconds.

    Attributes:
        lasted: Seconds.
    """

    name: ClassVar[str] = "polling.ended"
    lasted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRetryScheduled(Fact):
    """
    When the next connection is tried.

    Attributes:
        attempt: 1 for the first reconnection.
        retry_in: Seconds.
    """

    name: ClassVar[str] = "stream.retry_scheduled"
    attempt: int
    retry_in: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochChanged(Fact):
    """
    Numbers contradict the journal: the server restarted or another one answers (Q1, Q2).

    Attributes:
        epoch: The new one; counted by the journal.
        reason: What contradicts the journal.
    """

    name: ClassVar[str] = "epoch.changed"
    level: ClassVar[Level] = "warning"
    epoch: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOverflowed(Fact):
    """
    The ring no longer reached back to the checkpoint (Q4).

    Attributes:
        since_seq: The checkpoint.
        oldest_seq: The oldest number that the ring has.
    """

    name: ClassVar[str] = "replay.overflowed"
    level: ClassVar[Level] = "warning"
    since_seq: int
    oldest_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRejected(Fact):
    """
    A message was no frame that we know; it is journaled as it came.

    Attributes:
        kind: `!unknown`: a frame of a kind that we do not know; `!malformed`: none.
        reason: What is wrong with it, without its text.
    """

    name: ClassVar[str] = "frame.rejected"
    level: ClassVar[Level] = "warning"
    alike_by: ClassVar[tuple[str, ...]] = ("kind", "reason")
    kind: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FramesCommitted(Fact):
    """
    `new` of `received` frames were not in the journal before; `since_seq` is the checkpoint after them.

    Attributes:
        received: Frames of this commit.
        new: Of them, that were not in the journal.
        epoch: Whose numbers they are.
        since_seq: The checkpoint after them.
    """

    name: ClassVar[str] = "frames.committed"
    level: ClassVar[Level] = "debug"
    received: int
    new: int
    epoch: int
    since_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FramesGivenUp(Fact):
    """
    Numbers that no replay reaches any more; what they were hints of is asked for instead.

    Attributes:
        count: Of numbers.
    """

    name: ClassVar[str] = "frames.given_up"
    level: ClassVar[Level] = "warning"
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileFinished(Fact):
    """
    The server was asked what it holds for us.

    Attributes:
        reason: Why the server was asked.
        drained: Notifications that it had queued.
        unread_chats: Chats that hold something unread.
        events: Changes that were found.
    """

    name: ClassVar[str] = "reconcile.finished"
    level: ClassVar[Level] = "debug"
    reason: str
    drained: int
    unread_chats: int
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileFailed(Fact):
    """
    The server could not be asked; it will be at the next interval or connect.

    Attributes:
        reason: Why the server was asked.
        error: The type's name.
    """

    name: ClassVar[str] = "reconcile.failed"
    level: ClassVar[Level] = "warning"
    alike_by: ClassVar[tuple[str, ...]] = ("reason", "error")
    reason: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeafnessDetected(Fact):
    """
    Unread messages that no frame has announced: their work is due, and the connection is replaced.

    Attributes:
        chats: How many hold something unannounced.
    """

    name: ClassVar[str] = "deafness.detected"
    level: ClassVar[Level] = "warning"
    chats: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatListPoisoned(Fact):
    """
    The server cannot list the chats (Q20); the known ones are asked one by one.

    Attributes:
        known_chats: How many chats are asked one by one.
    """

    name: ClassVar[str] = "chat_list.poisoned"
    level: ClassVar[Level] = "error"
    known_chats: int
