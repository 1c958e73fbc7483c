"""
What the operator sees and may change in a running agent: its journal, held chats, plugins.

Every verb takes and returns plain JSON values. The daemon does it, because the journal has one writer.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from mycel_runtime.daemon import pausing
from mycel_runtime.daemon.backlog_verbs import BacklogVerbs
from mycel_runtime.daemon.upkeep.journal_admin import JournalAdmin

if TYPE_CHECKING:
    from mycel_runtime.daemon.assembly import Parts
    from mycel_runtime.journal.port.journal import Journal


class Admin(JournalAdmin, BacklogVerbs):
    """
    The verbs, over one running agent: those of its journal, and those of what runs.

    Args:
        journal: The agent's.
        parts: What runs.
    """

    def __init__(self, journal: Journal, parts: Parts) -> None:
        super().__init__(journal, parts.me, skipped=parts.dispatcher.note_skipped)
        self._parts = parts

    async def plugins(self) -> dict[str, Any]:
        """Names of those that are loaded, and of those that are left alone for a while."""
        dispatcher = self._parts.dispatcher
        return {"loaded": dispatcher.timekeeper.plugins, "left_alone": sorted(dispatcher.quarantine.plugins)}

    @override
    async def clear(self, plugin: str, *, chat_id: str | None) -> int:
        """As of `JournalAdmin`. Runs that have read them, and have changed them too, are run again."""
        cleared = await super().clear(plugin, chat_id=chat_id)
        self._parts.dispatcher.states.forget(plugin)
        return cleared

    async def holds(self) -> dict[str, Any]:
        """Chats that the loop guard holds, and plugins that are left alone until a time."""
        dispatcher = self._parts.dispatcher
        started_at = {
            start.plugin: start.retry_at for start in dispatcher.lifecycle.waiting if start.attempts
        }
        # One that is not tried again in this process is looked at again as one that could not be imported.
        later = self._journal.now() + dispatcher.quarantine.time
        plugins = {plugin: min(retry_at, later) for plugin, retry_at in started_at.items()}
        return {
            "chats": [asdict(hold) for hold in await self._journal.holds(self._parts.me)],
            "plugins": plugins | dict(dispatcher.quarantine.plugins),
        }

    async def pause(self, kind: str, name: str = "") -> dict[str, Any]:
        """As `pausing.pause`."""
        return await pausing.pause(self._parts, self._journal, kind, name)

    async def resume(self, name: str = "", kind: str = "") -> str:
        """As `pausing.resume`."""
        return await pausing.resume(self._parts, self._journal, name, kind)


VERBS = frozenset(
    {
        "unresolved",
        "settle",
        "dead",
        "retry",
        "drop",
        "holds",
        "pause",
        "resume",
        "stores",
        "items",
        "clear",
        "timers",
        "plugins",
        "work",
        "hasten",
        "skip",
        "skip_old",
    }
)
"""The methods of `Admin` that may be called from outside."""
