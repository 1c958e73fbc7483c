"""What plugins remember and plan, beside the ends of their deliveries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mycel_runtime.journal.port.clock import StoreClock

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from mycel_runtime.journal.changes import Changes, Firing, Item, Timer, TurnEnd
    from mycel_runtime.wire.ids import ChatId, UserId


class StateJournal(StoreClock, Protocol):
    """The journal, for stores and timers."""

    async def items(self, identity: UserId, plugin: str, *, chat_id: ChatId | None) -> Mapping[str, Item]:
        """What a plugin remembers of a chat, or as a whole (`None`), by key."""

    async def has_items(self, identity: UserId, plugin: str) -> bool:
        """Whether a plugin remembers anything at all."""

    async def timers(self, identity: UserId) -> Sequence[Timer]:
        """All that have not fired, earliest first."""

    async def timers_due(
        self, identity: UserId, *, names: Collection[tuple[str, str]], limit: int
    ) -> Sequence[Timer]:
        """
        Up to `limit` timers whose time has come, earliest first.

        Args:
            identity: Whose.
            names: Plugin and name of those that somebody handles; the others wait for somebody who does.
            limit: How many at most.
        """

    async def next_timer_at(self, identity: UserId, *, after: float) -> float | None:
        """
        When the next timer is due; `None` when there is none.

        Args:
            identity: Whose.
            after: What `now` said before it was looked for what is due: what is so since then may have passed over.
        """

    async def fire(self, identity: UserId, firings: Sequence[Firing]) -> int:
        """
        Make timers work that is due at once, each in a lane of its own, and set those that follow.

        All or nothing; a timer that is there no more, be it cancelled or set anew, is passed over.

        Returns:
            How many have fired, or were let pass.
        """

    async def plan(self, identity: UserId, plugin: str, changes: Changes) -> TurnEnd:
        """
        Change what a plugin remembers and plans, outside of any delivery.

        All of that or nothing; what was made from what is there no more is refused, as by `finish`. What is said is
        made in the same commit.

        Args:
            identity: Whose.
            plugin: Its name.
            changes: Of its state; without what a handler was told of.
        """
