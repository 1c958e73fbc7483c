"""
Received messages become work in the journal: tracker, router and journal under one lock.

The stream and the drains of reconcile feed the same tracker. The lock keeps their commits in the order in which
the tracker has seen them, so that a checkpoint never is committed before the entries below it.
"""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING, Final, Protocol

from mycel_runtime.inbox.known_lists import KnownLists, said_of
from mycel_runtime.inbox.list_diff import (
    CHAT,
    JOIN_REQUEST,
    RELATIONSHIP,
    compare,
    events_of,
    left,
    told_versions,
    welcome,
)
from mycel_runtime.inbox.sequence import MEMORY_FRAMES, SequenceTracker, first_checkpoint
from mycel_runtime.journal.batch import Arrival, Batch
from mycel_runtime.journal.checkpoint import Checkpoint
from mycel_runtime.journal.told import told_kind
from mycel_runtime.observe.facts import FramesCommitted
from mycel_runtime.observe.trace import Untraced
from mycel_runtime.wire.ids import ChatId, InboxSeq

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from mycel_runtime.inbox.list_diff import ListDiff, ListOfChat, Record
    from mycel_runtime.inbox.sequence import Received, Step
    from mycel_runtime.journal.batch import Change
    from mycel_runtime.journal.ids import HandlerId
    from mycel_runtime.journal.lease import Lease
    from mycel_runtime.journal.port.listener import ListenerJournal
    from mycel_runtime.journal.work import ChatWork, EventWork
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.observe.trace import Traces
    from mycel_runtime.wire.frames import Notify
    from mycel_runtime.wire.ids import MessageSeq, UserId


_DECIDED: Final = (RELATIONSHIP, JOIN_REQUEST)
"""Kinds in which somebody waits for the agent to decide."""


class Router(Protocol):
    """Whose work a notification is; `dispatch` has the real one."""

    def route_event(self, notify: Notify) -> tuple[EventWork, ...]:
        """The work of a notification itself."""

    def route_chat(self, chat_id: ChatId, wanted_seq: MessageSeq | None) -> tuple[ChatWork, ...]:
        """The work of a chat that holds something unread."""

    def wants_event(self, event_type: str) -> bool:
        """Whether a notification of this type would be work."""

    def deciders(self, kind: str) -> tuple[HandlerId, ...]:
        """Handlers that are to hear of what waits in a list of this kind."""


class Intake:
    """
    One identity's way into the journal.

    Args:
        journal: Where to.
        lease: The right to write there.
        router: Whose work it is.
        observer: Told of what was committed.
        clock: Epoch seconds.
        announced: Told of which chats there may be news, after they are committed.
        traces: Told when the work of chats came, and was committed.
    """

    def __init__(
        self,
        tracker: SequenceTracker,
        *,
        journal: ListenerJournal,
        lease: Lease,
        router: Router,
        observer: Observer,
        clock: Callable[[], float],
        announced: Callable[[Collection[ChatId]], None] = lambda _chats: None,
        traces: Traces | None = None,
    ) -> None:
        self._tracker = tracker
        self._journal = journal
        self._lease = lease
        self._router = router
        self._observer = observer
        self._clock = clock
        self._announced = announced
        self._traces = traces or Untraced()
        self._lock = asyncio.Lock()
        self._losses = 0
        self._known_lists = KnownLists()

    def wants(self, kind: str) -> bool:
        """Whether a difference of this kind's lists would be work."""
        return any(self._router.wants_event(event_type) for event_type in events_of(kind))

    @property
    def losses(self) -> int:
        """How often frames went missing so far; a notification may have been among them."""
        return self._losses

    @property
    def checkpoint(self) -> Checkpoint:
        """What is heard without a gap."""
        return self._tracker.checkpoint

    @property
    def gap(self) -> InboxSeq | None:
        """Below which hole the checkpoint stands; `None` without one."""
        return self._tracker.gap

    @property
    def newest_seq(self) -> InboxSeq:
        """The newest number that was received in this epoch."""
        return self._tracker.newest_seq

    def resume(self) -> InboxSeq:
        """The `since_seq` of a new connection."""
        return self._tracker.resume()

    async def take(self, messages: Iterable[Received]) -> Step:
        """
        Commit the stream's messages, the work they make due, and the checkpoint.

        Args:
            messages: As received; each is asked for when the one before is taken in.

        Returns:
            What else is to be done: reconnect, reconcile.

        Raises:
            JournalError: Nothing was committed; the tracker is ahead of the journal and must not be used again.

        Cancelling: committed whole or not at all.
        """
        async with self._lock:
            now = self._clock()
            step = self._tracker.receive(messages, now=now, route=self._router.route_event)
            self._losses += bool(step.reconcile)
            hints = self._hints(step.announced.items())
            await self._commit(step, hints, now)
            self._announce(step.announced, hints)
        return step

    async def take_drained(
        self, messages: Iterable[Received], *, asked_at: Checkpoint
    ) -> Mapping[ChatId, MessageSeq | None]:
        """
        As `take`, of an HTTP drain's items; but the work of chats is left to whoever has drained.

        A drain names each chat that holds something unread, and so does the list that is asked for next.

        Args:
            messages: The items.
            asked_at: The checkpoint when the drain was asked for.

        Returns:
            The chats that it names, for `hint`.
        """
        async with self._lock:
            now = self._clock()
            step = self._tracker.drained(messages, asked_at=asked_at, now=now, route=self._router.route_event)
            self._losses += step.reconcile == "epoch"  # that a drain overtakes frames is no loss (Q55)
            await self._commit(step, (), now)
        return step.announced

    async def compare(
        self,
        records: Sequence[Record],
        *,
        asked: frozenset[str],
        complete: frozenset[str],
        failed: Collection[ListOfChat] = (),
    ) -> int:
        """
        Commit what is different from the server's lists as they were, each difference with its event's work.

        Lists that say what they said the last time cost the journal nothing, unless handlers were told of something
        meanwhile: a quiet agent's journal rests between the looks.

        Args:
            records: What the lists say.
            asked: The kinds that were asked for.
            complete: Those of them whose list was read whole.
            failed: Lists of single chats that could not be.

        Returns:
            How many events that made.
        """
        async with self._lock:
            now, identity = self._clock(), self.checkpoint.identity
            deciders = {kind: self._router.deciders(kind) for kind in _DECIDED}
            said = said_of(
                records, asked=asked, complete=complete, failed=failed, deciders=tuple(deciders.values())
            )
            before = self._journal.snapshot_changes
            if self._known_lists.say_the_same(said, snapshot=before):
                return 0
            known = await self._journal.snapshot(identity)
            diff = compare(
                known,
                records,
                asked=asked,
                complete=complete,
                failed=failed,
                told=told_versions(known, deciders),
                now=now,
            )
            read = asked - {kind for kind, _ in failed}
            changes, arrivals = self._welcomes(known, records, diff, deciders, read, now)
            changes = [each.change for each in diff] + changes
            arrivals = [self._told(each.event, now) for each in diff if each.event is not None] + arrivals
            if changes:
                batch = Batch(identity=identity, arrivals=tuple(arrivals), changes=tuple(changes))
                await self._append(batch, heard_at=now)
            self._known_lists.note(said, read_at=before, left_at=before + bool(changes))
        return len(arrivals)

    def _told(self, event: Notify, now: float) -> Arrival:
        return Arrival(entry=self._tracker.own_entry(event, now), events=self._router.route_event(event))

    def _welcomes(
        self,
        known: Mapping[tuple[str, str], str],
        records: Sequence[Record],
        diff: Sequence[ListDiff],
        deciders: Mapping[str, tuple[HandlerId, ...]],
        read: frozenset[str],
        now: float,
    ) -> tuple[list[Change], list[Arrival]]:
        """Handlers that are new are told of whoever waits already: nobody else would tell them."""
        changes = left(known, [handler for handlers in deciders.values() for handler in handlers])
        arrivals: list[Arrival] = []
        for kind in read & deciders.keys():
            newcomers = [each for each in deciders[kind] if (told_kind(each), "") not in known]
            welcomed = welcome(newcomers, kind, records, diff, now)
            changes += welcomed.changes
            for arrival in (self._told(event, now) for event in welcomed.events):
                events = tuple(work for work in arrival.events if work.handler in newcomers)
                arrivals.append(arrival._replace(events=events))
        return changes, arrivals

    async def known_chats(self) -> set[ChatId]:
        """The chats of the server's list when it was last read whole."""
        known = await self._journal.snapshot(self.checkpoint.identity)
        return {ChatId(key) for kind, key in known if kind == CHAT and key}

    async def hint(self, chats: Sequence[tuple[ChatId, MessageSeq | None]]) -> None:
        """Commit the work of chats that hold something unread, with the seq of their newest message."""
        if hints := self._hints(chats):
            batch = Batch(identity=self.checkpoint.identity, hints=hints)
            await self._append(batch, heard_at=self._clock())
        self._announce([chat_id for chat_id, _ in chats], hints)

    async def hint_read(
        self, newest: Mapping[ChatId, MessageSeq], *, before: Mapping[ChatId, MessageSeq]
    ) -> None:
        """
        Commit the work of chats in which everything is read, and not everything was handed to a handler.

        Another program of this identity reads there; read is not answered.

        Args:
            newest: The seq of each chat's newest message.
            before: What that was when the list was last read.
        """
        identity = self.checkpoint.identity
        levels = await self._journal.levels(identity)
        begun = {**before, **levels}
        hints = [
            dataclasses.replace(work, after_seq=None if chat_id in levels else begun[chat_id])
            for chat_id, seq in newest.items()
            if seq > begun.get(chat_id, seq)
            for work in self._router.route_chat(chat_id, seq)
        ]
        if hints:
            await self._append(Batch(identity=identity, hints=tuple(hints)), heard_at=self._clock())
        self._announce([each for each, seq in newest.items() if seq > before.get(each, seq)], hints)

    async def _commit(self, step: Step, hints: tuple[ChatWork, ...], now: float) -> None:
        batch = Batch(
            identity=step.checkpoint.identity,
            arrivals=step.heard,
            hints=hints,
            checkpoint=step.checkpoint,
        )
        self._tell(step, await self._append(batch, heard_at=now))

    async def _append(self, batch: Batch, *, heard_at: float) -> int:
        """Whoever is cancelled here leaves the batch committed, and its work wakes somebody all the same."""
        chats = {work.chat_id for work in batch.hints}
        if chats:
            self._traces.heard(chats, heard_at)
        try:
            return await self._journal.append(batch, lease=self._lease)
        finally:
            if chats:
                self._traces.journalled(chats, heard_at, self._clock())
                self._announced(chats)

    def _announce(self, chats: Collection[ChatId], hints: Sequence[ChatWork]) -> None:
        """Where no handler of messages makes it work: an answer may be waited for there all the same."""
        if chats and not hints:
            self._announced(frozenset(chats))

    def _hints(self, chats: Iterable[tuple[ChatId, MessageSeq | None]]) -> tuple[ChatWork, ...]:
        return tuple(work for chat_id, seq in chats for work in self._router.route_chat(chat_id, seq))

    def _tell(self, step: Step, new: int) -> None:
        for fact in step.facts:
            self._observer.tell(fact)
        if step.heard:
            self._observer.tell(
                FramesCommitted(
                    received=len(step.heard),
                    new=new,
                    epoch=step.checkpoint.epoch,
                    since_seq=step.checkpoint.since_seq,
                )
            )


async def open_tracker(journal: ListenerJournal, *, identity: UserId, server: str) -> SequenceTracker:
    """
    The tracker as the journal remembers it.

    A checkpoint of another server or identity ends its epoch: its numbers mean nothing here.
    """
    fresh = Checkpoint(identity=identity, server=server, epoch=1, since_seq=InboxSeq(0))
    checkpoint = first_checkpoint(await journal.checkpoint(identity), fresh)
    marks = await journal.marks(identity, epoch=checkpoint.epoch, limit=MEMORY_FRAMES)
    return SequenceTracker(checkpoint, marks)
