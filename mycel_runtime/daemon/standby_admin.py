"""The operator's verbs on a host that stands by: they go to the journal, and whoever is at work finds them there."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mycel_runtime.daemon.pausing import UNKNOWN, resume_in
from mycel_runtime.daemon.upkeep.journal_admin import JournalAdmin
from mycel_runtime.journal.pause import PauseKind

if TYPE_CHECKING:
    from collections.abc import Collection

    from mycel_runtime.journal.port.journal import Journal
    from mycel_runtime.wire.ids import UserId


class StandbyAdmin(JournalAdmin):
    """
    Those of `Admin` that need nothing that runs; `skip_old`, which reads chats, is the other host's.

    Args:
        journal: Open.
        me: The identity.
        plugins: Names of the agent's.
    """

    def __init__(self, journal: Journal, me: UserId, plugins: Collection[str]) -> None:
        super().__init__(journal, me)
        self._plugins = plugins

    async def plugins(self) -> dict[str, Any]:
        """As of `Admin`; what is left alone only the other host knows."""
        return {"loaded": sorted(self._plugins), "left_alone": []}

    async def holds(self) -> dict[str, Any]:
        """As of `Admin`, of chats."""
        return {"chats": [asdict(hold) for hold in await self._journal.holds(self._me)], "plugins": {}}

    async def pause(self, kind: str, name: str = "") -> dict[str, Any]:
        """As of `Admin`; whoever is at work learns it before it runs anything more."""
        chosen = PauseKind(kind)
        if chosen is PauseKind.PLUGIN and name not in self._plugins:
            return {"paused": UNKNOWN, "is_heard": True}
        is_new = await self._journal.pause(self._me, chosen, name)
        is_heard = chosen is not PauseKind.CHAT or name in await self._journal.levels(self._me)
        return {"paused": "begun" if is_new else "already", "is_heard": is_heard}

    async def resume(self, name: str = "", kind: str = "") -> str:
        """As of `Admin`, of the operator's own pauses and of what the loop guard holds."""
        return await resume_in(self._journal, [self._me], name, kind)
