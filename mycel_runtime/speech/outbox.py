"""
Who makes turns, and what becomes of sends that nobody can tell the outcome of.

Parked means: written down as `unknown`, told once, listed by `mycel-runtime outbox list`, and never sent again until
the history can be read or the operator has said what became of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.observe.facts import SendParked
from mycel_runtime.speech.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mycel_runtime.journal.delivery import Delivery, SpokenDelivery
    from mycel_runtime.journal.port.speech import SpeechJournal
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.speech.conflict import ConflictPolicy
    from mycel_runtime.speech.evidence import Evidence
    from mycel_runtime.speech.send_dependencies import SendDependencies
    from mycel_runtime.wire.ids import ChatId, MessageSeq


class Outbox:
    """
    Makes a `Turn` per delivery.

    Args:
        dependencies: What it takes to speak.
        park_after: Seconds after which an unresolved send that cannot be settled is parked.
    """

    def __init__(self, dependencies: SendDependencies, *, park_after: float) -> None:
        self._dependencies = dependencies
        self._park_after = park_after

    @property
    def clock(self) -> Callable[[], float]:
        """Epoch seconds."""
        return self._dependencies.clock

    @property
    def journal(self) -> SpeechJournal:
        """Where it is written down."""
        return self._dependencies.journal

    @property
    def observer(self) -> Observer:
        """Told of what is said."""
        return self._dependencies.observer

    @property
    def evidence(self) -> Evidence:
        """What the backend has lately done and not done."""
        return self._dependencies.evidence

    def turn(
        self,
        delivery: SpokenDelivery,
        chat_id: ChatId,
        handled_seq: MessageSeq,
        *,
        on_conflict: ConflictPolicy = "rerun",
        may_speak: Callable[[], Awaitable[None]] | None = None,
    ) -> Turn:
        """
        The speech of a delivery; `show` comes before the first send.

        Args:
            delivery: Claimed.
            chat_id: Its chat.
            handled_seq: The handler's cursor.
            on_conflict: The handler's way when somebody speaks first.
            may_speak: Asked before each new send; raises `WithheldError`.
        """
        return Turn(
            self._dependencies, delivery, chat_id, handled_seq, on_conflict=on_conflict, may_speak=may_speak
        )

    async def park_unresolved(self, delivery: Delivery) -> None:
        """The delivery's turn could not be settled: what has been unresolved for long is parked."""
        for intent in await self._dependencies.journal.park(delivery, older_than=self._park_after):
            self._dependencies.observer.tell(
                SendParked(handler=intent.handler, chat_id=intent.chat_id, send=intent.name)
            )
