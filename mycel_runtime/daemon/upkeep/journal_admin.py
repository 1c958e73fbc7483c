"""
What the operator sees and may change in a journal: what waits, sends, dead letters, stores, timers.

The same for a running agent, whose daemon does it because the journal has one writer, and for a journal at rest.
Every verb takes and returns plain JSON values.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mycel_runtime.daemon.upkeep.work_row import WORK_LIMIT, waits_for, work_row
from mycel_runtime.dispatch.firing import SCHEDULE, schedule_text_of
from mycel_runtime.journal.ids import DeliveryId

if TYPE_CHECKING:
    from collections.abc import Callable

    from mycel_runtime.journal.changes import StoredItem, Timer
    from mycel_runtime.journal.dead_letter import DeadLetter
    from mycel_runtime.journal.delivery import Delivery
    from mycel_runtime.journal.intent import Intent
    from mycel_runtime.journal.port.journal import Journal
    from mycel_runtime.wire.ids import UserId

_DOUBT_PARTS = 3


class JournalAdmin:
    """
    The verbs, over one identity's journal.

    Args:
        journal: Open.
        me: The identity.
        skipped: Called with what was given up, as it was: for whoever keeps something about it in memory.
    """

    def __init__(
        self,
        journal: Journal,
        me: UserId,
        *,
        skipped: Callable[[Delivery], None] = lambda _: None,
    ) -> None:
        self._journal = journal
        self._me = me
        self._skipped = skipped

    async def work(self) -> list[dict[str, Any]]:
        """What runs and what is due, the next first; a thousand of them at most."""
        now = self._journal.now()
        return [work_row(item, now) for item in await self._journal.work(self._me, limit=WORK_LIMIT)]

    async def hasten(self, delivery_id: int) -> str:
        """
        Let what waits for its next attempt be tried at once.

        Returns:
            What it waited for before, as of `work_row`; empty if there is nothing of this number.
        """
        now = self._journal.now()
        item = await self._journal.work_item(self._me, delivery_id)
        if item is None:
            return ""
        await self._journal.hasten(self._me, delivery_id=delivery_id, plugin=None)
        return waits_for(item, now)

    async def skip(self, delivery_id: int) -> dict[str, Any]:
        """
        Give up what is due, without trying it.

        Returns:
            Its row, as of `work_row`, with the `state` `skipped` and its `dead_letter_id`; `None` there if nothing
            of it has to be kept. Of what runs, its row alone: that is not skipped. Empty: nothing has this number.
        """
        now = self._journal.now()
        item = await self._journal.work_item(self._me, delivery_id)
        skipped = await self._journal.skip(
            self._me, DeliveryId(delivery_id), reason="skipped by the operator"
        )
        if item is None or skipped is None:
            left = await self._journal.work_item(self._me, delivery_id)
            return {} if left is None else work_row(left, now)
        self._skipped(skipped.delivery)
        return work_row(item, now) | {"state": "skipped", "dead_letter_id": skipped.dead_letter_id}

    async def unresolved(self) -> list[dict[str, Any]]:
        """Sends whose outcome is not known, oldest first."""
        return [unresolved_row(intent) for intent in await self._journal.unresolved(self._me)]

    async def settle(self, send: str, *, is_sent: bool) -> bool:
        """Believe the operator about an `unknown` send. False: there is none such."""
        parts = send.split(".")
        if len(parts) != _DOUBT_PARTS or not all(part.isdecimal() for part in parts):
            return False
        delivery_id, turn, ordinal = map(int, parts)
        is_settled = await self._journal.resolve(
            self._me, DeliveryId(delivery_id), turn, ordinal, is_sent=is_sent
        )
        await self._journal.hasten(self._me, delivery_id=delivery_id, plugin=None)
        return is_settled

    async def dead(self) -> list[dict[str, Any]]:
        """Work that was given up, oldest first."""
        return [letter_row(letter) for letter in await self._journal.dead_letters(self._me)]

    async def retry(self, dead_letter_id: int) -> bool:
        """Make a dead letter's work due again, in its lane. False: there is none such."""
        return await self._journal.revive(self._me, dead_letter_id)

    async def drop(self, dead_letter_id: int) -> bool:
        """Forget a dead letter. False: there is none such."""
        return await self._journal.drop(self._me, dead_letter_id)

    async def stores(self) -> list[dict[str, Any]]:
        """What plugins remember: how much, by plugin and chat."""
        return [store._asdict() for store in await self._journal.stores(self._me)]

    async def items(self) -> list[dict[str, Any]]:
        """All that plugins remember."""
        return [item_row(item) for item in await self._journal.all_items(self._me)]

    async def timers(self) -> list[dict[str, Any]]:
        """Times at which something is to be done, without what it is about."""
        return [timer_row(timer) for timer in await self._journal.timers(self._me)]

    async def clear(self, plugin: str, *, chat_id: str | None) -> int:
        """
        Forget what a plugin remembers; how many items there were.

        Args:
            plugin: Its name.
            chat_id: Of this chat only; empty: of the plugin as a whole only; `None`: everything.
        """
        return await self._journal.clear_items(self._me, plugin, chat_id=chat_id)


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
        "send": intent.name,
        "state": intent.state.value,
        "handler": intent.handler,
        "chat_id": intent.chat_id,
        "after_seq": intent.base_seq,
        "intended_at": intent.intended_at,
    }


def letter_row(letter: DeadLetter) -> dict[str, Any]:
    """A dead letter, as it is shown."""
    return asdict(letter) | {"message_ids": list(letter.message_ids)}
