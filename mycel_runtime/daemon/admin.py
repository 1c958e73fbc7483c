"""
What the operator sees and may change in a running agent: sends, dead letters, held chats, plugins, stores, timers.

Every verb takes and returns plain JSON values. The daemon does it, because the journal has one writer.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mycel_runtime.daemon import pausing
from mycel_runtime.daemon.state_dir import JOURNAL_NAME
from mycel_runtime.dispatch.firing import SCHEDULE, schedule_text_of
from mycel_runtime.journal.ids import DeliveryId
from mycel_runtime.journal.reader import (
    read_dead_letters,
    read_items,
    read_stores,
    read_timers,
    read_unresolved,
)
from mycel_runtime.speech.outbox import name_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mycel_runtime.daemon.assembly import Parts
    from mycel_runtime.journal.changes import StoredItem, Timer
    from mycel_runtime.journal.dead_letter import DeadLetter
    from mycel_runtime.journal.intent import Intent
    from mycel_runtime.journal.port import Journal

_DOUBT_PARTS = 3


class Admin:
    """
    The verbs, over one running agent.

    Args:
        journal: The agent's.
        parts: What runs.
        clock: Epoch seconds.
    """

    def __init__(self, journal: Journal, parts: Parts, *, clock: Callable[[], float]) -> None:
        self._journal = journal
        self._parts = parts
        self._clock = clock

    async def unresolved(self) -> list[dict[str, Any]]:
        """Sends whose outcome is not known, oldest first."""
        return [unresolved_row(intent) for intent in await self._journal.unresolved(self._parts.me)]

    async def settle(self, send: str, *, is_sent: bool) -> bool:
        """Believe the operator about an `unknown` send. False: there is none such."""
        parts = send.split(".")
        if len(parts) != _DOUBT_PARTS or not all(part.isdecimal() for part in parts):
            return False
        delivery_id, turn, ordinal = map(int, parts)
        is_settled = await self._journal.resolve(
            self._parts.me, DeliveryId(delivery_id), turn, ordinal, is_sent=is_sent
        )
        await self._hasten(delivery_id)
        return is_settled

    async def dead(self) -> list[dict[str, Any]]:
        """Work that was given up, oldest first."""
        return [letter_row(letter) for letter in await self._journal.dead_letters(self._parts.me)]

    async def retry(self, dead_letter_id: int) -> bool:
        """Make a dead letter's work due again, in its lane. False: there is none such."""
        is_revived = await self._journal.revive(dead_letter_id, now=self._clock())
        self._parts.dispatcher.wake()
        return is_revived

    async def drop(self, dead_letter_id: int) -> bool:
        """Forget a dead letter. False: there is none such."""
        is_dropped = await self._journal.drop(dead_letter_id)
        self._parts.dispatcher.wake()
        return is_dropped

    async def stores(self) -> list[dict[str, Any]]:
        """What plugins remember: how much, by plugin and chat."""
        return [store._asdict() for store in await self._journal.stores(self._parts.me)]

    async def items(self) -> list[dict[str, Any]]:
        """All that plugins remember."""
        return [item_row(item) for item in await self._journal.all_items(self._parts.me)]

    async def timers(self) -> list[dict[str, Any]]:
        """Times at which something is to be done, without what it is about."""
        return [timer_row(timer) for timer in await self._journal.timers(self._parts.me)]

    async def plugins(self) -> dict[str, Any]:
        """Names of those that are loaded, and of those that are left alone for a while."""
        dispatcher = self._parts.dispatcher
        return {"loaded": dispatcher.timekeeper.plugins, "left_alone": sorted(dispatcher.quarantine.plugins)}

    async def clear(self, plugin: str, *, chat_id: str | None) -> int:
        """
        Forget what a plugin remembers; how many items there were.

        Runs that have read them, and have changed them too, are run again.

        Args:
            plugin: Its name.
            chat_id: Of this chat only; empty: of the plugin as a whole only; `None`: everything.
        """
        cleared = await self._journal.clear_items(self._parts.me, plugin, chat_id=chat_id)
        self._parts.dispatcher.states.forget(plugin)
        return cleared

    async def holds(self) -> dict[str, Any]:
        """Chats that the loop guard holds, and plugins that are left alone until a time."""
        dispatcher = self._parts.dispatcher
        started_at = {
            start.plugin: start.retry_at for start in dispatcher.lifecycle.waiting if start.attempts
        }
        # One that is not tried again in this process is looked at again as one that could not be imported.
        later = self._clock() + dispatcher.quarantine.time
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
        return await pausing.resume(self._parts, self._journal, name, kind, clock=self._clock)

    async def _hasten(self, delivery_id: int) -> None:
        await self._journal.hasten(self._parts.me, delivery_id=delivery_id, plugin=None, now=self._clock())
        self._parts.dispatcher.wake()


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
    }
)
"""The methods of `Admin` that may be called from outside."""


def read_dead(state_dir: Path) -> list[dict[str, Any]]:
    """
    As the verb `dead`, while there is no daemon to ask.

    Raises:
        JournalError, JournalFileError: The journal cannot be read.
    """
    return [letter_row(letter) for letter in read_dead_letters(state_dir / JOURNAL_NAME)]


def read_unresolved_sends(state_dir: Path) -> list[dict[str, Any]]:
    """
    As the verb `unresolved`, while there is no daemon to ask.

    Raises:
        JournalError, JournalFileError: The journal cannot be read.
    """
    return [unresolved_row(intent) for intent in read_unresolved(state_dir / JOURNAL_NAME)]


def read_stores_of(state_dir: Path) -> list[dict[str, Any]]:
    """
    As the verb `stores`, while there is no daemon to ask.

    Raises:
        JournalError, JournalFileError: The journal cannot be read.
    """
    return [store._asdict() for store in read_stores(state_dir / JOURNAL_NAME)]


def read_items_of(state_dir: Path) -> list[dict[str, Any]]:
    """
    As the verb `items`, while there is no daemon to ask.

    Raises:
        JournalError, JournalFileError: The journal cannot be read.
    """
    return [item_row(item) for item in read_items(state_dir / JOURNAL_NAME)]


def read_timers_of(state_dir: Path) -> list[dict[str, Any]]:
    """
    As the verb `timers`, while there is no daemon to ask.

    Raises:
        JournalError, JournalFileError: The journal cannot be read.
    """
    return [timer_row(timer) for timer in read_timers(state_dir / JOURNAL_NAME)]


def timer_row(timer: Timer) -> dict[str, Any]:
    """A `PlannedFiring`."""
    return {
        "plugin": timer.plugin,
        "timer": timer.name.removeprefix(SCHEDULE),
        "schedule": schedule_text_of(timer),
        "due_at": timer.due_at,
    }


def item_row(item: StoredItem) -> dict[str, Any]:
    """An item, with its value as JSON has it."""
    return item._asdict() | {"value": json.loads(item.value)}


def unresolved_row(intent: Intent) -> dict[str, Any]:
    """A send whose outcome is not known, without what was said."""
    return {
        "send": name_of(intent),
        "state": intent.state.value,
        "handler": intent.handler,
        "chat_id": intent.chat_id,
        "after_seq": intent.base_seq,
        "intended_at": intent.intended_at,
    }


def letter_row(letter: DeadLetter) -> dict[str, Any]:
    """A dead letter, as it is shown."""
    return asdict(letter) | {"message_ids": list(letter.message_ids)}
