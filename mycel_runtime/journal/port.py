"""
The journal's verbs.

`dispatch`, `speech` and `inbox` know this only. Every engine passes one conformance suite
(`tests/integration/journal/conformance.py`); a handler cannot tell which engine serves it.

Order: verbs take effect in the order in which a process calls them, also where it awaits no answer between.

Cancelling: every verb commits or does nothing. A cancelled caller still waits for the commit's end, which is
bounded, and then is cancelled: no verb is left half done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mycel_runtime.journal.changes import UNCHANGED

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from mycel_runtime.journal.backlog import ReadSpan, Skipped, WaitingChat, WorkItem
    from mycel_runtime.journal.batch import Batch
    from mycel_runtime.journal.changes import (
        Changes,
        Firing,
        Item,
        ReadCursor,
        StoredItem,
        StoreSize,
        Timer,
        TurnEnd,
    )
    from mycel_runtime.journal.checkpoint import Checkpoint
    from mycel_runtime.journal.cursor import ChatCursor, CursorMove
    from mycel_runtime.journal.dead_letter import DeadLetter, Letter
    from mycel_runtime.journal.delivery import Delivery, MessageDelivery
    from mycel_runtime.journal.entry import Mark
    from mycel_runtime.journal.hold import Hold
    from mycel_runtime.journal.ids import DeliveryId, HandlerId, Lane
    from mycel_runtime.journal.intent import Intent
    from mycel_runtime.journal.own_sends import OwnSends, Unattended
    from mycel_runtime.journal.pause import Pause, PauseKind
    from mycel_runtime.journal.questions import AskedPlace, KnownQuestions, NewQuestion, Question
    from mycel_runtime.journal.retention import Age, Place, SweepStep
    from mycel_runtime.journal.summary import JournalStatistics, Waiting
    from mycel_runtime.journal.suspicion import Suspect
    from mycel_runtime.journal.turns import TurnRecord
    from mycel_runtime.journal.utterance import Spoken, Utterance
    from mycel_runtime.wire.ids import ChatId, InboxSeq, MessageSeq, UserId


class Journal(Protocol):
    """What is durable. All methods raise `JournalError` when the store fails."""

    async def lease(self, identity: UserId, *, now: float, death_pause: float = 0.0) -> Sequence[Suspect]:
        """
        Take the identity for the life of this journal.

        Deliveries that a predecessor had claimed are due again, without a spent attempt; their chats' other handlers
        look again too, because what it read is unread no more. If its end was not expected, they are suspects from
        now on, until their turn ends; the death counts if exactly one of them was a suspect already.

        Args:
            identity: Whose.
            now: Epoch seconds.
            death_pause: Seconds until a suspect is due after a death that counts, times the square of their number.

        Returns:
            All suspects.

        Raises:
            IdentityHeldError: Another process has it.
        """

    async def expect_end(self, identity: UserId) -> None:
        """However this process ends from now on, nothing that runs is to blame. `close` says so too."""

    async def checkpoint(self, identity: UserId) -> Checkpoint | None:
        """The checkpoint last committed."""

    async def marks(self, identity: UserId, *, epoch: int, limit: int) -> Mapping[InboxSeq, Mark]:
        """The newest `limit` numbered entries of an epoch."""

    async def snapshot(self, identity: UserId) -> Mapping[tuple[str, str], str]:
        """What the server's lists last said: state by kind and key."""

    async def noted(self, identity: UserId, *, kind: str, key: str) -> str | None:
        """One line of the snapshot; `None`: there is none."""

    async def levels(self, identity: UserId) -> Mapping[ChatId, MessageSeq]:
        """How far each chat has been handed to a handler, or will be; without those that none has looked at."""

    async def append(self, batch: Batch, *, now: float) -> int:
        """
        Commit entries, their work and the checkpoint, all or nothing.

        An entry whose (identity, epoch, seq) is there already is left alone, and its event work with it;
        its chat work counts, because a level cannot be announced too often.

        Returns:
            How many entries were new.
        """

    async def claim(self, identity: UserId, *, limit: int, now: float) -> Sequence[Delivery]:
        """
        Claim up to `limit` due deliveries, longest due first, at most one per lane.

        A lane with a running delivery has none to give. Events of one handler in one lane keep their order,
        a waiting one holds back its successors. Suspects are not among them.
        """

    async def claim_suspect(self, identity: UserId, *, now: float) -> Delivery | None:
        """Claim the due suspect of a free lane that the fewest deaths count against, longest due first."""

    async def note_shown(
        self, delivery: MessageDelivery, *, through_seq: MessageSeq | None, message_ids: Sequence[str]
    ) -> None:
        """Write down what a suspect's handler is about to be shown: what its letter would have to cover."""

    async def next_due_at(self, identity: UserId, *, now: float) -> float | None:
        """When, after `now`, the next unclaimed delivery becomes due; `None` when there is none."""

    async def rewind(self, identity: UserId, *, seconds: float, now: float) -> None:
        """
        The clock was set back by so much: what waits for its time waits no longer for that.

        But a timer that waits for a time of the clock does.
        """

    async def anchor(self, identity: UserId, lane: Lane, *, handled_seq: MessageSeq) -> None:
        """Give every handler of the lane that has no start yet this one."""

    async def finish(
        self,
        delivery: Delivery,
        move: CursorMove,
        *,
        now: float,
        changes: Changes = UNCHANGED,
        record: TurnRecord | None = None,
    ) -> TurnEnd:
        """
        The delivery is done; its cursor moves, its turn ends, and what its plugin remembers and plans changes.

        All of that or nothing. Of two deliveries that change an item which both have read, or that have read on in a
        chat from the same place, the second is refused.

        Args:
            delivery: As claimed.
            move: Of the cursor.
            now: When it is due again, if it is.
            changes: Of the state of the handler's plugin.
            record: For the log of turns; `None`: no handler was run.
        """

    async def items(self, identity: UserId, plugin: str, *, chat_id: ChatId | None) -> Mapping[str, Item]:
        """What a plugin remembers of a chat, or as a whole (`None`), by key."""

    async def read_cursor(self, identity: UserId, plugin: str, *, chat_id: ChatId) -> ReadCursor | None:
        """How far a plugin has read a chat beside its handlers; `None`: it never has."""

    async def has_items(self, identity: UserId, plugin: str) -> bool:
        """Whether a plugin remembers anything at all."""

    async def stores(self, identity: UserId) -> Sequence[StoreSize]:
        """Every store that holds something, by plugin and chat."""

    async def all_items(self, identity: UserId) -> Sequence[StoredItem]:
        """Everything that any plugin remembers."""

    async def clear_items(self, identity: UserId, plugin: str, *, chat_id: str | None) -> int:
        """
        Forget what a plugin remembers: of one chat, of itself as a whole (an empty `chat_id`), or all (`None`).

        Returns:
            How many items there were.
        """

    async def timers(self, identity: UserId) -> Sequence[Timer]:
        """All that have not fired, earliest first."""

    async def timers_due(
        self, identity: UserId, *, names: Collection[tuple[str, str]], limit: int, now: float
    ) -> Sequence[Timer]:
        """
        Up to `limit` timers whose time has come, earliest first.

        Args:
            identity: Whose.
            names: Plugin and name of those that somebody handles; the others wait for somebody who does.
            limit: How many at most.
            now: Epoch seconds.
        """

    async def next_timer_at(self, identity: UserId, *, now: float) -> float | None:
        """When, after `now`, the next timer is due; `None` when there is none."""

    async def fire(self, identity: UserId, firings: Sequence[Firing], *, now: float) -> int:
        """
        Make timers work that is due at `now`, each in a lane of its own, and set those that follow.

        All or nothing; a timer that is there no more, be it cancelled or set anew, is passed over.

        Returns:
            How many have fired, or were let pass.
        """

    async def plan(self, identity: UserId, plugin: str, changes: Changes) -> TurnEnd:
        """
        Change what a plugin remembers and plans, outside of any delivery.

        All of that or nothing; what was made from what is there no more is refused, as by `finish`. What is said is
        made in the same commit.

        Args:
            identity: Whose.
            plugin: Its name.
            changes: Of its state; without what a handler was told of.
        """

    async def postpone(self, delivery: Delivery, *, due_at: float, spend: bool, error: str = "") -> bool:
        """
        Try again at `due_at`. False: the claim is lost.

        Args:
            delivery: As claimed.
            due_at: Epoch seconds.
            spend: It counts as an attempt.
            error: Why this one was in vain, kept until the turn ends or the next one fails; never a message's text.
        """

    async def hasten(
        self, identity: UserId, *, delivery_id: int | None, plugin: str | None, now: float
    ) -> None:
        """What waits for a retry is due now: this delivery, or all of this plugin."""

    async def bury(
        self,
        delivery: Delivery,
        letter: Letter,
        move: CursorMove,
        *,
        now: float,
        changes: Changes = UNCHANGED,
        record: TurnRecord | None = None,
    ) -> TurnEnd:
        """
        Give up: a dead letter is kept and the lane goes on behind it.

        The letter covers the chat from the cursor to where it moves. When it does not move, because the chat was not
        read, the letter covers what earlier runs were shown, the holes, or what a newcomer was told of; else the
        letter, one at most, is a wish to look again, and what was told until now is due no more. A revived letter
        covers what it did.

        The turn's intents without an outcome become `unknown`; all of them come back with the letter's revival.

        Args:
            delivery: As claimed.
            letter: Why.
            move: Of the cursor.
            now: As of `finish`.
            changes: As of `finish`.
            record: As of `finish`.
        """

    async def dead_letters(self, identity: UserId) -> Sequence[DeadLetter]:
        """All of them, oldest first."""

    async def revive(self, dead_letter_id: int, *, now: float) -> bool:
        """Make a dead letter's work due again, in its lane. False: there is no such letter."""

    async def drop(self, dead_letter_id: int) -> bool:
        """Forget a dead letter; what it would have asked is unsaid for good. False: there is no such letter."""

    async def work(self, identity: UserId, *, limit: int) -> Sequence[WorkItem]:
        """What runs, and up to `limit` of what is due, the next first."""

    async def work_item(self, identity: UserId, delivery_id: int) -> WorkItem | None:
        """One of it; `None`: nothing of this number is due or running."""

    async def backlog(
        self, identity: UserId, *, chat_id: str | None, after: int, limit: int
    ) -> Sequence[WaitingChat]:
        """Chats whose messages wait for a handler, by their number above `after`; of one chat, or of all."""

    async def skip(
        self,
        identity: UserId,
        delivery_id: DeliveryId,
        *,
        reason: str,
        now: float,
        read: ReadSpan | None = None,
        skip_id: int | None = None,
    ) -> Skipped | None:
        """
        Give up what is due and does not run, without running it: a dead letter is kept, as by `bury`.

        Of a chat's messages the letter covers what was read, and what is above stays due; without that, as far as the
        chat is known to go. What the turn has said comes back with the letter.

        Args:
            identity: Whose.
            delivery_id: Which.
            reason: Of the letter.
            now: Epoch seconds.
            read: What of the chat; the letter is one of a skip then.
            skip_id: Of the skip's first letter; `None`: this is it.

        Returns:
            `None`: it runs or is done; or it is not any more as it was read.
        """

    async def want_others(self, delivery: Delivery, *, wanted_seq: MessageSeq | None, now: float) -> None:
        """
        The chat's other handlers look again at least so far; `None`: once more, whatever they find.

        Reading as the identity moves the server's cursor for all of them (Q26): no hint will come any more.
        """

    async def intend(self, intent: Intent) -> None:
        """Write down that this is about to be said; replaces an earlier intent of the same ordinal."""

    async def settle(self, intent: Intent) -> None:
        """Write down what became of an intent."""

    def record(self, intent: Intent, *, wanted_seq: MessageSeq | None = None) -> None:
        """
        As `settle`, of an intent that was sent, in the next commit and before whatever the caller asks for next.

        Nobody waits: a record that is lost leaves an unresolved send, and the history settles that. If it fails, the
        next verb raises.

        Args:
            intent: With its outcome.
            wanted_seq: In the same commit the chat's other handlers look again at least so far (Q28).
        """

    async def unresolved(self, identity: UserId) -> Sequence[Intent]:
        """Intents without a certain outcome, oldest first."""

    async def park(self, delivery: Delivery, *, before: float) -> Sequence[Intent]:
        """The turn's intents from before then that have no outcome become `unknown`; those that did."""

    async def resolve(
        self, identity: UserId, delivery_id: DeliveryId, turn: int, ordinal: int, *, is_sent: bool
    ) -> bool:
        """The operator tells what became of an `unknown` intent. False: there is none such."""

    async def unattended(
        self, delivery: Delivery, *, plugin: str, since: float, limits: Unattended
    ) -> Unattended:
        """
        What was said without a human in view, in the delivery's chat and by the plugin.

        Args:
            delivery: Claimed.
            plugin: Whose sends are counted in all chats.
            since: Sends later than this, epoch seconds.
            limits: None of them is counted further.
        """

    async def unattended_chats(self, identity: UserId) -> frozenset[str]:
        """Chats with anything to forget when a human speaks there."""

    async def attend(self, identity: UserId, chat_id: str) -> bool:
        """Forget what was said without a human in the chat, and give up its hold. False: there was none."""

    async def hold(self, identity: UserId, chat_id: str, *, reason: str, now: float) -> bool:
        """Let nothing be said in the chat. False: it is held already."""

    async def holds(self, identity: UserId) -> Sequence[Hold]:
        """All of them, oldest first."""

    async def pause(self, identity: UserId, kind: PauseKind, name: str, *, now: float) -> bool:
        """
        Write down that this is paused, and park what waits of a chat or a plugin.

        Args:
            identity: Whose.
            kind: What it is.
            name: The chat's id or the plugin's name; empty of the agent, whose work is not parked but not claimed.
            now: Epoch seconds.

        Returns:
            False: it was paused already, and stays so since then.
        """

    async def resume(self, identity: UserId, kind: PauseKind, name: str) -> bool:
        """End a pause: what it has parked is due at once, in the order in which it was. False: it was not paused."""

    async def pauses(self, identity: UserId) -> Sequence[Pause]:
        """All of them, oldest first."""

    async def message_ids(self, identity: UserId, *, chat_id: str, after_seq: MessageSeq) -> frozenset[str]:
        """Ids of the messages above `after_seq` that are known to be our sends."""

    async def own_sends(self, identity: UserId, *, chat_id: str, after_seq: MessageSeq) -> OwnSends:
        """What is known of the identity's own messages in a chat, above `after_seq`."""

    async def utter(self, utterance: Utterance, *, now: float, question: NewQuestion | None = None) -> bool:
        """
        Make what is said first work in its chat's lane, behind what is due there.

        Its words are kept until its delivery has finished, or its dead letter is dropped. The n-th of a turn in a
        chat is made once, whatever its words, and so it is when a dead letter's turn is run again.

        Args:
            utterance: Without a `known_seq`, the journal puts down what it knows.
            now: When it is due.
            question: What it asks, in the same commit. It is open from the end of its delivery on, if the words stand
                then; if they never will, its answer's handler has work.

        Returns:
            Whether it is new.
        """

    async def spoken(self, utterance: Utterance) -> Spoken | None:
        """What became of an utterance, known by its turn, chat and place; `None`: it was never made."""

    async def questions(
        self, identity: UserId, *, chat_id: ChatId, after_seq: MessageSeq
    ) -> Sequence[Question]:
        """Those of a chat to which an answer may still come, and those whose answer is above a number."""

    async def look_for_answers(self, identity: UserId, chats: Collection[ChatId], *, now: float) -> int:
        """
        Make it due to look for the answers to what is open in these chats; what looks right now looks again.

        Returns:
            In how many of them something is.
        """

    async def answer(
        self, question_id: int, *, seq: MessageSeq, asked: AskedPlace | None, now: float
    ) -> Question:
        """
        Decide that a question is answered, unless it is decided: its handler has work.

        Args:
            question_id: The entry that it is.
            seq: The answer's number.
            asked: Where its words stand, if its utterance has not ended and they were found.
            now: When the work is due.

        Returns:
            The question as it stands.
        """

    async def time_out(
        self, question_id: int, *, looked_seq: MessageSeq, asked: AskedPlace | None, now: float
    ) -> Question:
        """
        Decide that a question which is overdue is not answered, unless it is decided; as `answer`.

        If its words do not stand, they are not said any more.

        Args:
            question_id: The entry that it is.
            looked_seq: How far the chat was looked at.
            asked: As of `answer`.
            now: As of `answer`.
        """

    async def untold_answers(self, identity: UserId, lane: Lane) -> frozenset[HandlerId]:
        """Handlers that have not been told yet of an answer in this lane's chat."""

    async def adopt_questions(
        self,
        identity: UserId,
        *,
        handlers: Mapping[tuple[str, str], HandlerId],
        kept: Collection[str],
        now: float,
    ) -> KnownQuestions:
        """
        At a start: have everything looked at that is open, and forget what nobody handles any more.

        Args:
            identity: Whose.
            handlers: Of answers, by plugin and name; a question goes on with the one that has its name.
            kept: Plugins that are only not to be had now: their questions stay as they are.
            now: When the looks are due.
        """

    async def chat_cursors(self, identity: UserId, lane: Lane) -> Mapping[HandlerId, ChatCursor]:
        """How far each handler is in a lane's chat; without those that were never told of it."""

    async def statistics(self, identity: UserId) -> JournalStatistics:
        """Counts of what is there."""

    async def sweep(self, place: Place, age: Age, *, kept_numbers: int) -> SweepStep:
        """
        Remove a few rows of what is old and nobody needs any more; the next step goes on where this one ended.

        Whatever keeps a promise stays: what is open, who was told of what, how far chats are handled and numbers are
        held. The agent's own messages stay known as its own. Dead letters that go are counted.

        Args:
            place: Of the step before; `START` begins a sweep.
            age: What is old.
            kept_numbers: So many of the newest numbered entries of an epoch stay for `marks`.
        """

    async def oldest_waiting(self, identity: UserId) -> Waiting | None:
        """What has waited longest, be it for its first attempt or for a later one; `None` if nothing waits."""

    async def close(self) -> None:
        """Finish what is queued, write the log back into the file, give the identity up."""
