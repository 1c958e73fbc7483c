"""What speech does: intents before, outcomes afterwards; what may not be said at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mycel_runtime.journal.port.chats import ChatJournal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.journal.delivery import Delivery
    from mycel_runtime.journal.hold import Hold
    from mycel_runtime.journal.intent import Intent
    from mycel_runtime.journal.own_sends import OwnSends, Unattended
    from mycel_runtime.journal.pause import Pause, PauseKind
    from mycel_runtime.journal.questions import NewQuestion
    from mycel_runtime.journal.utterance import Spoken, Utterance
    from mycel_runtime.wire.ids import MessageSeq, UserId


class SpeechJournal(ChatJournal, Protocol):
    """The journal, as `speech` uses it."""

    async def utter(self, utterance: Utterance, *, question: NewQuestion | None = None) -> bool:
        """
        Make what is said first work in its chat's lane, due at once and behind what is due there.

        Its words are kept until its delivery has finished, or its dead letter is dropped. The n-th of a turn in a
        chat is made once, whatever its words, and so it is when a dead letter's turn is run again.

        Args:
            utterance: Without a `known_seq`, the journal puts down what it knows.
            question: What it asks, in the same commit. It is open from the end of its delivery on, if the words stand
                then; if they never will, its answer's handler has work.

        Returns:
            Whether it is new.
        """

    async def spoken(self, utterance: Utterance) -> Spoken | None:
        """What became of an utterance, known by its turn, chat and place; `None`: it was never made."""

    async def intend(self, delivery: Delivery, intent: Intent) -> bool:
        """
        Write down that this is about to be said; replaces an earlier intent of the same ordinal.

        Before anything moves the server's cursor on the way to that: what precedes it is durable with it.

        Args:
            delivery: As claimed, whose turn it is.
            intent: What.

        Returns:
            False: the claim is lost, or this is said already; nothing may be said.
        """

    async def keeps_claim(self, delivery: Delivery) -> bool:
        """
        Right before what cannot be undone: whether the claim stands, and cannot be lost for a while by silence.

        Where nobody else can have it, nothing is asked. Whoever was frozen since finds out here.
        """

    async def settle(self, intent: Intent) -> None:
        """Write down what became of an intent."""

    def record(self, intent: Intent, *, wanted_seq: MessageSeq | None = None) -> None:
        """
        As `settle`, in the next commit and before whatever the caller asks for next.

        Nobody waits: a record that is lost leaves an unresolved send, and the history settles that. If it fails, the
        next verb raises.

        Args:
            intent: With its outcome.
            wanted_seq: In the same commit the chat's other handlers look again at least so far (Q28).
        """

    async def park(self, delivery: Delivery, *, older_than: float) -> Sequence[Intent]:
        """The turn's intents of that age, in seconds, that have no outcome become `unknown`; those that did."""

    async def message_ids(self, identity: UserId, *, chat_id: str, after_seq: MessageSeq) -> frozenset[str]:
        """Ids of the messages above `after_seq` that are known to be our sends."""

    async def own_sends(self, identity: UserId, *, chat_id: str, after_seq: MessageSeq) -> OwnSends:
        """What is known of the identity's own messages in a chat, above `after_seq`."""

    async def unattended(
        self, delivery: Delivery, *, plugin: str, within: float, limits: Unattended
    ) -> Unattended:
        """
        What was said without a human in view, in the delivery's chat and by the plugin.

        Args:
            delivery: Claimed.
            plugin: Whose sends are counted in all chats.
            within: Sends of the last so many seconds.
            limits: None of them is counted further.
        """

    async def unattended_chats(self, identity: UserId) -> frozenset[str]:
        """Chats with anything to forget when a human speaks there."""

    async def attend(self, identity: UserId, chat_id: str) -> bool:
        """Forget what was said without a human in the chat, and give up its hold. False: there was none."""

    async def hold(self, identity: UserId, chat_id: str, *, reason: str) -> bool:
        """Let nothing be said in the chat. False: it is held already."""

    async def holds(self, identity: UserId) -> Sequence[Hold]:
        """All of them, oldest first."""

    async def pause(self, identity: UserId, kind: PauseKind, name: str) -> bool:
        """
        Write down that this is paused, and park what waits of a chat or a plugin.

        Args:
            identity: Whose.
            kind: What it is.
            name: The chat's id or the plugin's name; empty of the agent, whose work is not parked but not claimed.

        Returns:
            False: it was paused already, and stays so since then.
        """

    async def resume(self, identity: UserId, kind: PauseKind, name: str) -> bool:
        """End a pause: what it has parked is due at once, in the order in which it was. False: it was not paused."""

    async def pauses(self, identity: UserId) -> Sequence[Pause]:
        """All of them, oldest first."""
