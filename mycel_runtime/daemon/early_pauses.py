"""
The operator's pauses while the backend has not said yet whose the agent is.

The daemon holds the journal, and nothing of it works: what is paused is written down, of whose work is in the journal
already, else of `NOBODY`, and is found when the agent comes to work. Until then it is said by orders to the process.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from mycel_runtime.journal.pause import PauseKind
from mycel_runtime.observe.facts import PauseBegun, PauseEnded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.journal.port.journal import Journal
    from mycel_runtime.journal.port.reader import JournalReader
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.wire.ids import UserId


class EarlyPauses:
    """
    Of one agent, until its identity is known.

    Args:
        reader: Of its journal.
        observer: Told of each beginning and end.
    """

    def __init__(self, reader: JournalReader, observer: Observer) -> None:
        self._reader = reader
        self._observer = observer
        self._journal: Journal | None = None

    def begin(self, journal: Journal) -> None:
        """The journal is open."""
        self._journal = journal

    def end(self) -> None:
        """
        The identity is known.

        What was ordered before is written before whatever is asked of the journal from now on.
        """
        self._journal = None

    async def pause(self, kind: str, name: str = "") -> dict[str, Any]:
        """
        As an order.

        Returns:
            `paused`: `begun` or `already`; empty: the agent comes to work just now, and its verbs are to be asked.

        Cancelling: as of `Journal.pause`.
        """
        identities = await self._identities()
        if (journal := self._journal) is None:
            return {"paused": ""}
        chosen = PauseKind(kind)
        begun = [await journal.pause(me, chosen, name) for me in identities]
        if not any(begun):
            return {"paused": "already"}
        self._observer.tell(PauseBegun(kind=chosen.value, paused=name))
        return {"paused": "begun"}

    async def resume(self, name: str = "", kind: str = "") -> dict[str, Any]:
        """
        As an order; of the operator's own pauses only, because nothing else has begun.

        Returns:
            `resumed`: as of `pausing.resume`, and `None` if the agent comes to work just now.

        Cancelling: as of `Journal.resume`.
        """
        identities = await self._identities()
        if (journal := self._journal) is None:
            return {"resumed": None}
        for each in _kinds(name, kind):
            if any([await journal.resume(me, each, name) for me in identities]):
                self._observer.tell(PauseEnded(kind=each.value, paused=name))
                return {"resumed": each.value}
        return {"resumed": ""}

    async def _identities(self) -> Sequence[UserId]:
        return await asyncio.to_thread(self._reader.pausable)


def _kinds(name: str, kind: str) -> Sequence[PauseKind]:
    if kind:
        return [PauseKind(kind)]
    return [PauseKind.CHAT, PauseKind.PLUGIN] if name else [PauseKind.AGENT]
