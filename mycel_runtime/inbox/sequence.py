"""
What a frame means here and now. Pure: frames go in, a `Step` comes out, and somebody else carries it out.

The tracker tells a replay from something new, notices that numbers contradict what is known (a restarted server
counts from 1 again, Q1; several workers count apart, Q2), and knows how far the checkpoint may move.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from mycel_runtime.inbox.checkpoint import Progress
from mycel_runtime.journal.batch import Arrival
from mycel_runtime.journal.checkpoint import Checkpoint
from mycel_runtime.journal.entry import Entry, Mark
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.facts import EpochChanged, FrameRejected, FramesGivenUp, ReplayOverflowed
from mycel_runtime.wire.codec import encode_notify
from mycel_runtime.wire.frames import CHAT_MESSAGE, Frame, MalformedFrame, Notify, Overflow, UnknownFrame
from mycel_runtime.wire.ids import InboxSeq
from mycel_runtime.wire.limits import RING_FRAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mycel_runtime.journal.work import EventWork
    from mycel_runtime.observe.facts import Fact
    from mycel_runtime.wire.ids import ChatId, MessageSeq

MEMORY_FRAMES: Final = 4 * RING_FRAMES
"""Numbers whose fingerprints are remembered: a replay reaches back over the ring, a drain may add to it."""

_QUARTERS: Final = 4

KIND_UNKNOWN: Final = "!unknown"
KIND_MALFORMED: Final = "!malformed"


class Received(NamedTuple):
    """A message of the stream, or an item of a drain, as text and as what it says."""

    frame: Frame
    raw: str


Facts: TypeAlias = list["Fact"]

Route: TypeAlias = "Callable[[Notify], tuple[EventWork, ...]]"
"""Whose work a notification itself is."""


@dataclass(slots=True, kw_only=True)
class Step:
    """
    What is to be done about some received messages, together.

    Attributes:
        announced: The chats that hints of messages name, with the highest seq; `None`: a hint gave none.
        checkpoint: To be committed with `heard`.
        reconnect: The connection must be replaced to get what the ring still holds (Q4).
        reconcile: Why the server should be asked now; empty: no need.
    """

    heard: list[Arrival] = field(default_factory=list)
    announced: dict[ChatId, MessageSeq | None] = field(default_factory=dict)
    checkpoint: Checkpoint
    reconnect: bool = False
    reconcile: str = ""
    facts: Facts = field(default_factory=list)


def _nobody(_notify: Notify) -> tuple[EventWork, ...]:
    return ()


class SequenceTracker:
    """
    The state of listening for one identity, across connections.

    Args:
        checkpoint: As journaled.
        marks: The newest numbers of its epoch, as journaled.
    """

    def __init__(self, checkpoint: Checkpoint, marks: Mapping[InboxSeq, Mark]) -> None:
        self._identity = checkpoint.identity
        self._server = checkpoint.server
        self._epoch = checkpoint.epoch
        self._progress = Progress(checkpoint.since_seq)
        self._first: InboxSeq | None = None
        self._is_echo = self._can_prove = False
        self._echoes_missed = 0
        self._is_proven = True
        self._oldest_seq: InboxSeq | None = None
        self._overflows = 0
        self._late_after = checkpoint.since_seq
        self._marks: dict[InboxSeq, Mark] = dict(marks)
        for seq in marks:
            self._progress.hold(seq)
        self._anchor = self._newest_told()

    @property
    def checkpoint(self) -> Checkpoint:
        """Where the stream is to be resumed from, once everything received so far is committed."""
        return Checkpoint(
            identity=self._identity,
            server=self._server,
            epoch=self._epoch,
            since_seq=self._progress.since_seq,
        )

    @property
    def gap(self) -> InboxSeq | None:
        """Below which hole the checkpoint stands; `None` without one."""
        return self._progress.since_seq if self._progress.has_gap else None

    @property
    def newest_seq(self) -> InboxSeq:
        """The newest number that is held, be it beyond a hole."""
        return max(self._progress.above, default=self._progress.since_seq)

    def resume(self) -> InboxSeq:
        """
        The `since_seq` of a new connection: one less than the number that the replay is to begin with.

        That is the anchor's, the newest frame up to the checkpoint that a proven stream has told: by it the server
        shows that its numbers are still the same (Q1). The checkpoint's own would not do: a drain may have moved it,
        or a wake before our resume (Q14), and either may have come from a server that counts anew. Without an anchor,
        or if it lies near the end of the ring, everything is asked for: then nothing is left that the server could
        show us. After an overflow (Q4) that is the whole ring; after each other in a row, for the ring moves on while
        we connect, a quarter less, and in the end only the checkpoint's own.
        """
        begin = self._begin()
        self._first, self._is_echo = begin, begin in self._marks
        self._can_prove = begin in {1, self._anchor, self._oldest_seq}
        self._overflows = 0 if self._oldest_seq is None else self._overflows
        self._is_proven, self._oldest_seq = False, None
        self._late_after = self._progress.since_seq
        return InboxSeq(begin - 1)

    def _begin(self) -> InboxSeq:
        """The number that the next replay is to begin with."""
        since, oldest = self._progress.since_seq, self._oldest_seq
        if oldest is None:
            is_anchor_safe = since - self._anchor < RING_FRAMES // 2
            return InboxSeq(max(1, self._anchor)) if is_anchor_safe else InboxSeq(1)
        if self._overflows > _QUARTERS:
            return since if since in self._marks else InboxSeq(since + 1)
        safe = InboxSeq(oldest + (self._overflows - 1) * RING_FRAMES // _QUARTERS)
        return self._anchor if self._anchor > safe else min(safe, max(since, oldest))

    def drained(
        self, messages: Iterable[Received], *, asked_at: Checkpoint, now: float, route: Route = _nobody
    ) -> Step:
        """
        Take a drain's items in; as `receive`, but they say nothing about this connection's replay.

        Args:
            messages: The items.
            asked_at: The checkpoint when the drain was asked for.
            now: Epoch seconds.
            route: As in `receive`.
        """
        of_the_stream = self._first, self._is_proven, self._late_after
        is_of_epoch = asked_at.epoch == self._epoch
        self._first, self._is_proven = None, False
        self._late_after = asked_at.since_seq if is_of_epoch else self._progress.since_seq
        step = self.receive(messages, now=now, route=route)
        if step.reconcile != "epoch":
            self._first, self._is_proven, self._late_after = of_the_stream
        return step

    def receive(self, messages: Iterable[Received], *, now: float, route: Route = _nobody) -> Step:
        """
        Take the stream's messages in, in order.

        What they say is not kept: of thousands it would fill the processor's cache, and be fetched again to be freed.

        Args:
            messages: As they came; each is asked for when the one before is taken in.
            now: Epoch seconds, kept as `received_at`.
            route: Asked once for each notification; nobody's work without it.
        """
        had_gap, progress = self._progress.has_gap, self._progress
        given_up = progress.given_up
        step = Step(checkpoint=self.checkpoint)
        for frame, raw in messages:
            if isinstance(frame, Notify):
                self._notified(frame, raw, step, now, route)
            else:
                self._told_otherwise(frame, raw, step, now)
        if self._is_proven:
            self._anchor = max(self._anchor, self._told_checkpoint())
        self._forget_old_marks()
        if progress.given_up > given_up:
            step.facts.append(FramesGivenUp(count=progress.given_up - given_up))
        if self._progress.has_gap and not had_gap:
            step.reconcile = step.reconcile or "gap"
        step.checkpoint = self.checkpoint
        return step

    def own_entry(self, event: Notify, now: float) -> Entry:
        """The row of an event that we found out ourselves: it has no number of the server's."""
        return Entry(
            identity=self._identity,
            epoch=self._epoch,
            seq=None,
            kind=event.event_type,
            fingerprint=event.fingerprint,
            ts=event.ts,
            raw=encode_notify(event),
            received_at=now,
        )

    def _told_otherwise(
        self, frame: Overflow | UnknownFrame | MalformedFrame, raw: str, step: Step, now: float
    ) -> None:
        match frame:
            case Overflow() as overflow:
                self._overflowed(overflow, step)
            case UnknownFrame(type=type_):
                step.facts.append(FrameRejected(kind=KIND_UNKNOWN, reason=f"type {type_[:64]!r}"))
                step.heard.append(self._unnumbered(KIND_UNKNOWN, raw, now))
            case MalformedFrame(reason=reason):
                step.facts.append(FrameRejected(kind=KIND_MALFORMED, reason=reason[:200]))
                step.heard.append(self._unnumbered(KIND_MALFORMED, raw, now))

    def _notified(self, notify: Notify, raw: str, step: Step, now: float, route: Route) -> None:
        seq, mark = notify.seq, Mark(notify.fingerprint, notify.ts)
        known = self._marks.get(seq)
        # Nearly every frame is new and above all that is held: it cannot contradict anything.
        if known is not None or self._first is not None or seq <= self._progress.since_seq:
            contradiction = self._contradiction(seq, known, mark) or self._missed_first(seq, step)
            if contradiction:
                self._begin_epoch(contradiction, step)
                known = None
        if known is None or known.ts is None:
            self._marks[seq] = mark
        self._progress.hold(seq)
        # Only what a proven stream has told can be an anchor, also after the next start.
        ts = notify.ts if self._is_proven else None
        kind = notify.event_type
        entry = Entry(self._identity, self._epoch, seq, kind, notify.fingerprint, ts, raw, now)
        step.heard.append(Arrival(entry, route(notify)))
        if kind == CHAT_MESSAGE and (chat_id := notify.chat_id):
            _announce(step.announced, chat_id, notify.message_seq)

    def _contradiction(self, seq: InboxSeq, known: Mark | None, mark: Mark) -> str:
        """
        Why this number cannot belong to the epoch; empty when it can.

        A number that was given up since this connection, or this drain, began is late (Q55): it was under way when a
        drain of more than a ring, or an overflow, moved the checkpoint past it.
        """
        if known is None:
            can_be = self._is_above(seq) or seq > self._late_after
            return "" if can_be else f"seq {seq} at checkpoint {self._progress.since_seq}"
        return "" if _is_same(known, mark) else f"seq {seq} again with other content"

    def _missed_first(self, seq: InboxSeq, step: Step) -> str:
        """
        Why the replay that was asked for shows another epoch; empty when it does not.

        The number that it was to begin with comes first, or nothing is proven: a wake may have come before our resume
        (Q14), or a drain may have taken the first numbers that there are (Q9). If it was the number of a frame that
        we know, another connection tells; twice in a row, the server does not have our frame any more.
        """
        if self._first is None:
            return ""
        first, self._first = self._first, None
        if seq == first:
            self._is_proven, self._echoes_missed = self._can_prove, 0
            return ""
        if not self._is_echo:
            return ""
        self._echoes_missed += 1
        if self._echoes_missed > 1:
            return f"seq {first} is not replayed"
        step.reconnect = True
        return ""

    def _begin_epoch(self, reason: str, step: Step) -> None:
        self._epoch += 1
        self._first = None
        self._echoes_missed = 0
        self._is_proven = True
        self._anchor = self._late_after = InboxSeq(0)
        self._progress = Progress(InboxSeq(0))
        self._marks.clear()
        step.reconcile = "epoch"
        step.facts.append(EpochChanged(epoch=self._epoch, reason=reason))

    def _overflowed(self, overflow: Overflow, step: Step) -> None:
        step.facts.append(ReplayOverflowed(since_seq=overflow.since_seq, oldest_seq=overflow.oldest_seq))
        self._progress.start_at(InboxSeq(overflow.oldest_seq - 1))
        self._first = None
        self._oldest_seq = overflow.oldest_seq
        self._overflows += 1
        step.reconnect = True
        step.reconcile = step.reconcile or "overflow"

    def _unnumbered(self, kind: str, raw: str, now: float) -> Arrival:
        entry = Entry(
            identity=self._identity,
            epoch=self._epoch,
            seq=None,
            kind=kind,
            fingerprint="",
            ts=None,
            raw=raw,
            received_at=now,
        )
        return Arrival(entry)

    def _told_checkpoint(self) -> InboxSeq:
        """The checkpoint if the stream has told its frame; 0 if only a drain has, which tells no time."""
        mark = self._marks.get(self._progress.since_seq)
        return InboxSeq(0) if mark is None or mark.ts is None else self._progress.since_seq

    def _newest_told(self) -> InboxSeq:
        told = (seq for seq, mark in self._marks.items() if mark.ts is not None and not self._is_above(seq))
        return max(told, default=InboxSeq(0))

    def _is_above(self, seq: InboxSeq) -> bool:
        return seq > self._progress.since_seq

    def _forget_old_marks(self) -> None:
        if len(self._marks) > 2 * MEMORY_FRAMES:
            newest = sorted(self._marks)[-MEMORY_FRAMES:]
            self._marks = {seq: self._marks[seq] for seq in newest}


def first_checkpoint(known: Checkpoint | None, fresh: Checkpoint) -> Checkpoint:
    """
    Where to start: at the journal's checkpoint if it is of this server and identity, else at a new epoch.

    Args:
        known: As journaled.
        fresh: Of this server and identity, at 0.
    """
    if known is None:
        return fresh
    if (known.server, known.identity) == (fresh.server, fresh.identity):
        return known
    return Checkpoint(
        identity=fresh.identity, server=fresh.server, epoch=known.epoch + 1, since_seq=InboxSeq(0)
    )


def _announce(announced: dict[ChatId, MessageSeq | None], chat_id: ChatId, seq: MessageSeq | None) -> None:
    """The highest number counts; no number asks for one more look and outranks any."""
    known = announced.setdefault(chat_id, seq)
    if known is not None and (seq is None or seq > known):
        announced[chat_id] = seq


def _is_same(known: Mark, mark: Mark) -> bool:
    """Equal content, and equal time where both know it (an HTTP item does not)."""
    is_other_time = known.ts is not None and mark.ts is not None and known.ts != mark.ts
    return known.fingerprint == mark.fingerprint and not is_other_time
