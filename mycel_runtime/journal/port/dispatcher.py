"""What the dispatcher does: it claims what is due, and writes down how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mycel_runtime.journal.changes import UNCHANGED
from mycel_runtime.journal.port.chats import ChatJournal
from mycel_runtime.journal.port.questions import QuestionJournal
from mycel_runtime.journal.port.state import StateJournal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.journal.changes import Changes, ToldVersion, TurnEnd
    from mycel_runtime.journal.cursor import CursorMove
    from mycel_runtime.journal.dead_letter import Letter
    from mycel_runtime.journal.delivery import Delivery, MessageDelivery
    from mycel_runtime.journal.ids import Lane
    from mycel_runtime.journal.port.waker import Waker
    from mycel_runtime.journal.turns import TurnRecord
    from mycel_runtime.wire.ids import MessageSeq, UserId


class DispatcherJournal(ChatJournal, StateJournal, QuestionJournal, Protocol):
    """The journal, as `dispatch` uses it."""

    def on_work(self, identity: UserId, waker: Waker) -> None:
        """
        Have `waker` called, for the life of this journal, when there is something to do, and told when there will be.

        A claim that is called after `wake` finds what it was called for. It is called for every verb of any process
        that makes something due at once or leaves a lane: of the listener, `append`; of the dispatcher, `hint`,
        `finish`, `postpone`, `bury`, `hasten`, `plan`, `answer`, `time_out`; of speech, `utter` and `resume`; of the
        operator, `revive`, `drop`, `skip`. Not for `fire`, `look_for_answers` and `adopt_questions`, whose caller
        claims next, nor for what is made due in the lane of a delivery that runs, whose end wakes.

        Behind the commit it is told of times to come: `wake_at` for `postpone`, and for the holes of `finish` and
        `bury`; `fire_at` for the timers of `finish`, `bury` and `plan`, and for a question of `utter`. What is asked
        after that (`next_due_at`, `next_timer_at`) knows of them. Who knows the next of both and is told whatever
        comes before sleeps until then, whichever process makes it so. After `fire`, `recover` and `rewind` their
        caller asks.

        Args:
            identity: Whose work.
            waker: Who claims and fires.
        """

    async def claim(self, identity: UserId, *, limit: int, lane: Lane | None = None) -> Sequence[Delivery]:
        """
        Claim up to `limit` due deliveries, longest due first, at most one per lane.

        A lane with a running delivery has none to give. Events of one handler in one lane keep their order,
        a waiting one holds back its successors. Suspects are not among them.

        Args:
            identity: Whose.
            limit: How many at most.
            lane: Of this lane only; `None`: of any.
        """

    async def due_lanes(self, identity: UserId, *, limit: int) -> Sequence[Lane]:
        """
        Up to `limit` lanes of which something could be claimed now, longest due first. Nothing is claimed.

        Whoever claims of each of them by its name, and looks again when it is woken, passes over nothing but
        suspects.
        """

    async def claim_suspect(self, identity: UserId) -> Delivery | None:
        """Claim the due suspect of a free lane that the fewest deaths count against, longest due first."""

    async def next_due_at(self, identity: UserId, *, after: float) -> float | None:
        """
        When the next unclaimed delivery becomes due; `None` when there is none.

        Args:
            identity: Whose.
            after: What `now` said before the last claim: what is due since then that may have passed over.
        """

    async def rewind(self, identity: UserId, *, seconds: float) -> None:
        """
        The clock was set back by so much: what waits for its time waits no longer for that.

        But a timer that waits for a time of the clock does.
        """

    async def note_shown(
        self, delivery: MessageDelivery, *, through_seq: MessageSeq | None, message_ids: Sequence[str]
    ) -> None:
        """Write down what a suspect's handler is about to be shown: what its letter would have to cover."""

    async def noted(self, identity: UserId, *, kind: str, key: str) -> str | None:
        """One line of the snapshot; `None`: there is none."""

    async def note(self, identity: UserId, told: ToldVersion) -> None:
        """Write down one line of the snapshot: what a handler was told of."""

    async def finish(
        self,
        delivery: Delivery,
        move: CursorMove,
        *,
        changes: Changes = UNCHANGED,
        record: TurnRecord | None = None,
    ) -> TurnEnd:
        """
        The delivery is done; its cursor moves, its turn ends, and what its plugin remembers and plans changes.

        All of that or nothing; what is wanted still is due at once. Of two deliveries that change an item which both
        have read, or that have read on in a chat from the same place, the second is refused.

        Args:
            delivery: As claimed.
            move: Of the cursor.
            changes: Of the state of the handler's plugin.
            record: For the log of turns; `None`: no handler was run.
        """

    async def postpone(self, delivery: Delivery, *, after: float, spend: bool, error: str = "") -> bool:
        """
        Try again later. False: the claim is lost.

        Args:
            delivery: As claimed.
            after: Seconds, from when this takes effect.
            spend: It counts as an attempt.
            error: Why this one was in vain, kept until the turn ends or the next one fails; never a message's text.
        """

    async def await_resume(self, delivery: Delivery) -> bool:
        """
        The delivery waits for the end of what pauses it; if nothing does any more, it is due now.

        As the store has it: of a `resume` beside this verb either makes it due. No attempt is spent.

        Args:
            delivery: As claimed.

        Returns:
            False: the claim is lost.
        """

    async def bury(
        self,
        delivery: Delivery,
        letter: Letter,
        move: CursorMove,
        *,
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
            changes: As of `finish`.
            record: As of `finish`.
        """

    async def hasten(self, identity: UserId, *, delivery_id: int | None, plugin: str | None) -> None:
        """What waits for a retry is due now: this delivery, or all of this plugin."""
