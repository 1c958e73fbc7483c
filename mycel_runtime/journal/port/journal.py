"""All verbs of one store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mycel_runtime.journal.port.candidacy import CandidateJournal
from mycel_runtime.journal.port.dispatcher import DispatcherJournal
from mycel_runtime.journal.port.listener import ListenerJournal
from mycel_runtime.journal.port.operator import OperatorJournal
from mycel_runtime.journal.port.speech import SpeechJournal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.journal.suspicion import Suspect
    from mycel_runtime.wire.ids import UserId


class Journal(CandidateJournal, ListenerJournal, DispatcherJournal, SpeechJournal, OperatorJournal, Protocol):
    """What is durable."""

    @property
    def is_shared(self) -> bool:
        """Whether other processes may write meanwhile: what was read may have changed since."""

    async def recover(self, identity: UserId, *, death_pause: float = 0.0) -> Sequence[Suspect]:
        """
        Take over what dead processes have left, before anything is claimed.

        Never from one that lives, but from one that was silent for too long. Of this process itself, too: whoever has
        stopped its handlers gives back by this, after `expect_end`, what they had claimed.

        Deliveries that a predecessor had claimed are due again, without a spent attempt; their chats' other handlers
        look again too, because what it read is unread no more. If its end was not expected, they are suspects from
        now on, until their turn ends; the death counts if exactly one of them was a suspect already.

        Args:
            identity: Whose.
            death_pause: Seconds until a suspect is due after a death that counts, times the square of their number.

        Returns:
            All suspects.
        """

    async def take_over(self, identity: UserId, *, death_pause: float = 0.0) -> Sequence[Suspect]:
        """
        As `recover`, in the midst of this process's life: what it has claimed itself goes on.

        Returns:
            All suspects, also of processes that live.
        """

    async def expect_end(self, identity: UserId) -> None:
        """However this process ends from now on, nothing that runs is to blame. `close` says so too."""

    def hurry(self) -> None:
        """The end has come: from now on a store that is away is not waited for, and what is asked of it fails."""

    async def close(self) -> None:
        """
        Finish what is queued, write the log back into the file, give up the identity and all that is claimed.

        Whoever has the store open, too, may claim that at once.
        """

    async def abandon(self) -> None:
        """
        As `close`, but as a process leaves it that is killed: no end is expected, and what runs is suspect.

        For what plays such a death; `close` afterwards does nothing.
        """
