"""
What the operator has paused: the agent, a chat, a plugin. It stands in the journal, and a restart does not end it.

Hearing goes on, and so does the journal: what comes in waits. Nothing is run or said by what is paused. A run that
goes on when the pause begins may end, but what it says from then on is not said: it is run again after the pause, and
what it had said before stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import JournalError, NotSentError
from mycel_runtime.journal.ids import plugin_of
from mycel_runtime.journal.pause import Pause, PauseKind
from mycel_runtime.observe.facts import PauseBegun, PauseEnded, PauseKept
from mycel_runtime.speech.evidence import Operation
from mycel_runtime.speech.interrupts import UnansweredError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from mycel_runtime.journal.ids import HandlerId
    from mycel_runtime.journal.port.speech import SpeechJournal
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.wire.ids import ChatId, UserId

_AGENT: Final = (PauseKind.AGENT, "")


class Pauses:
    """
    Of one identity.

    Args:
        journal: Where they are kept.
        me: The identity.
        observer: Told of each beginning and end, and of those that a start finds.
    """

    def __init__(self, *, journal: SpeechJournal, me: UserId, observer: Observer) -> None:
        self._journal = journal
        self._me = me
        self._observer = observer
        self._paused: dict[tuple[PauseKind, str], float] = {}

    async def load(self) -> None:
        """
        Go on with those of earlier processes; before anything is claimed.

        Raises:
            JournalError: They cannot be read.

        Cancelling: nothing is known of them.
        """
        self._paused = await self._read()
        for kind, name in self._paused:
            self._observer.tell(PauseKept(kind=kind.value, paused=name))

    async def learn(self) -> None:
        """
        Of pauses that other processes have begun or ended; those have told of it.

        Raises:
            JournalError: They cannot be read.

        Cancelling: nothing has changed.
        """
        self._paused = await self._read()

    async def _read(self) -> dict[tuple[PauseKind, str], float]:
        return {(pause.kind, pause.name): pause.paused_at for pause in await self._journal.pauses(self._me)}

    @property
    def all(self) -> Sequence[Pause]:
        """Oldest first."""
        pauses = [Pause(kind=kind, name=name, paused_at=at) for (kind, name), at in self._paused.items()]
        return sorted(pauses, key=lambda pause: pause.paused_at)

    @property
    def is_agent_paused(self) -> bool:
        """Whether nothing at all is run or said."""
        return _AGENT in self._paused

    @property
    def plugins(self) -> Collection[str]:
        """Names of those that are paused."""
        return [name for kind, name in self._paused if kind is PauseKind.PLUGIN]

    def holds(self, handler: HandlerId, chat_id: ChatId | None) -> bool:
        """Whether a handler's work in a chat, or in none, waits for the end of a pause."""
        return bool(self._paused) and not self._paused.keys().isdisjoint(
            (_AGENT, (PauseKind.PLUGIN, plugin_of(handler)), (PauseKind.CHAT, chat_id or ""))
        )

    def require_speech(self, handler: HandlerId, chat_id: ChatId) -> None:
        """
        Before anything is said.

        Raises:
            UnansweredError: It is paused: the turn goes on later, from its record.
        """
        if self.holds(handler, chat_id):
            raise UnansweredError(NotSentError("paused by the operator"), Operation.SEND)

    async def pause(self, kind: PauseKind, name: str = "") -> bool:
        """
        From now on. False: it is paused already.

        Raises:
            JournalError: It cannot be written.

        Cancelling: it is paused or not, here as in the journal.
        """
        if (kind, name) in self._paused:
            return False
        # First here, so that what is claimed before it is written down is parked by the dispatcher.
        self._paused[kind, name] = self._journal.now()
        try:
            await self._journal.pause(self._me, kind, name)
        except JournalError:
            self._paused.pop((kind, name), None)
            raise
        self._observer.tell(PauseBegun(kind=kind.value, paused=name))
        return True

    async def resume(self, kind: PauseKind, name: str = "") -> bool:
        """
        No longer; `Dispatcher.wake` comes next. False: it was not paused.

        Raises:
            JournalError: It cannot be written.

        Cancelling: as of `pause`.
        """
        # First here: what the dispatcher would park after the journal has made all due would wait for ever.
        if (paused_at := self._paused.pop((kind, name), None)) is None:
            return False
        try:
            await self._journal.resume(self._me, kind, name)
        except JournalError:
            self._paused[kind, name] = paused_at
            raise
        self._observer.tell(PauseEnded(kind=kind.value, paused=name))
        return True
