"""Verbs about what is paused; the same on a journal whose daemon does not run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from mycel_runtime.journal.pause import PARKED_AT, Pause, PauseKind
from mycel_runtime.journal.verbs.claims import key_of
from mycel_runtime.journal.verbs.speech import SpeechVerbs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.journal.delivery import Delivery
    from mycel_runtime.journal.verbs.connection import Connection, Row
    from mycel_runtime.journal.verbs.running_lanes import RunningLanes
    from mycel_runtime.wire.ids import UserId


class PauseVerbs(SpeechVerbs):
    """Base of the journal; its owner opens the writer."""

    _running_lanes: RunningLanes

    @override
    async def pauses(self, identity: UserId) -> Sequence[Pause]:
        return [pause_of(row) for row in await self._rows("pauses", {"identity": identity})]

    @override
    async def pause(self, identity: UserId, kind: PauseKind, name: str) -> bool:
        values = {"identity": identity, "kind": kind, "name": name, "parked_at": PARKED_AT}

        def write(connection: Connection) -> bool:
            is_new = connection.run("pause", values | {"now": self._clock()}).rowcount > 0
            if kind is not PauseKind.AGENT:
                connection.run("park_due", values)
            return is_new

        return await self._writer.submit(write)

    @override
    async def await_resume(self, delivery: Delivery) -> bool:
        self._running_lanes.note_end(delivery)
        values = key_of(delivery) | {"parked_at": PARKED_AT}
        return await self._make_due(
            lambda connection: connection.run("await_resume", values | {"now": self._clock()}).rowcount > 0
        )

    @override
    async def resume(self, identity: UserId, kind: PauseKind, name: str) -> bool:
        values = {"identity": identity, "kind": kind, "name": name, "parked_at": PARKED_AT}

        def write(connection: Connection) -> bool:
            if not connection.run("resume", values).rowcount:
                return False
            connection.run("unpark", values)
            return True

        return await self._make_due(write)


def pause_of(row: Row) -> Pause:
    """A row of the table as a value."""
    return Pause(kind=PauseKind(row["kind"]), name=row["name"], paused_at=row["paused_at"])
