"""
What plugins remember, as their runs are given it.

Read from the journal when it is first needed, kept while it is used, and up to date with every commit of ours. Where
other processes write, too, it is read again for what is claimed next. A change made from what is outdated is refused
by the journal, and what is kept here is read again. A plugin that remembers nothing costs one question in the life of
the process.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from typing import TYPE_CHECKING, Final

from mycel_runtime.journal.changes import EndOutcome, Item
from mycel_runtime.journal.ids import plugin_of
from mycel_runtime.plugin.plugin_state import PluginState
from mycel_runtime.plugin.stored_items import StoredItems
from mycel_runtime.plugin.subscription import AnswerSubscription, TimerSubscription

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from mycel_runtime.journal.changes import Changes, ItemChange, TurnEnd
    from mycel_runtime.journal.ids import HandlerId
    from mycel_runtime.journal.port.state import StateJournal
    from mycel_runtime.plugin.handler import Handler
    from mycel_runtime.wire.ids import ChatId, UserId

KEPT_BYTES: Final = 33_554_432
"""Of keys and values, before what was not used for longest is dropped."""

KEPT_STORES: Final = 4_096
"""As `KEPT_BYTES`: many small ones, too."""

_NOTHING: Final = StoredItems()


class KeptStores:
    """
    Stores in memory, the least recently used first to go.

    Args:
        most_bytes: Of keys and values.
        most_stores: How many.
    """

    def __init__(self, *, most_bytes: int = KEPT_BYTES, most_stores: int = KEPT_STORES) -> None:
        self._most_bytes = most_bytes
        self._most_stores = most_stores
        self._stores: OrderedDict[tuple[str, ChatId | None], StoredItems] = OrderedDict()
        self._bytes = 0

    def get(self, plugin: str, chat_id: ChatId | None) -> StoredItems | None:
        """One of them; it is in use from now on."""
        if (store := self._stores.get((plugin, chat_id))) is not None:
            self._stores.move_to_end((plugin, chat_id))
        return store

    def keep(self, plugin: str, chat_id: ChatId | None, items: Mapping[str, Item]) -> StoredItems:
        """Keep what was read, unless it is there already: then that is newer, and kept."""
        if (known := self.get(plugin, chat_id)) is not None:
            return known
        self._stores[plugin, chat_id] = kept = StoredItems(items)
        self._bytes += kept.size
        self._bound()
        return kept

    def change(self, plugin: str, change: ItemChange, version: int) -> None:
        """What was committed; whoever runs on the store sees it from now on."""
        store = self._stores.get((plugin, change.chat_id))
        if store is None:
            return
        before = store.size
        if change.value is not None:
            store[change.key] = Item(change.value, version)
        elif change.key in store:
            del store[change.key]
        if grown := store.size - before:
            self._bytes += grown
            self._bound()

    def forget(self, plugin: str, chat_id: ChatId | None) -> None:
        """Read it again when it is needed next."""
        if (dropped := self._stores.pop((plugin, chat_id), None)) is not None:
            self._bytes -= dropped.size

    def forget_plugin(self, plugin: str) -> None:
        """As `forget`, of all its stores."""
        for its, chat_id in list(self._stores):
            if its == plugin:
                self.forget(plugin, chat_id)

    def _bound(self) -> None:
        while len(self._stores) > 1 and (
            self._bytes > self._most_bytes or len(self._stores) > self._most_stores
        ):
            _, dropped = self._stores.popitem(last=False)
            self._bytes -= dropped.size


class PluginStates:
    """
    Of all plugins of one identity.

    Args:
        journal: Where it is kept.
        me: The identity.
        handlers: Of all plugins.
        clock: Epoch seconds.
    """

    def __init__(
        self, *, journal: StateJournal, me: UserId, handlers: Collection[Handler], clock: Callable[[], float]
    ) -> None:
        self._journal = journal
        self._me = me
        self._clock = clock
        self._kept = KeptStores()
        self._has_items: dict[str, bool] = {}
        self._timer_names = timer_names_of(handlers)
        self._question_names = question_names_of(handlers)

    async def given(self, handler: HandlerId, chat_id: ChatId | None) -> PluginState:
        """
        What a run of this handler is given.

        Raises:
            JournalError: It cannot be read.

        Cancelling: loses nothing.
        """
        plugin = plugin_of(handler)
        if plugin not in self._has_items:
            has_items = await self._journal.has_items(self._me, plugin)
            # A commit that came meanwhile knows better.
            self._has_items.setdefault(plugin, has_items)
        items = chat_items = _NOTHING
        if self._has_items[plugin]:
            # What is kept, as it nearly always is, needs no coroutine of its own.
            kept = self._kept.get(plugin, None)
            items = await self._read(plugin, None) if kept is None else kept
            if chat_id is not None:
                kept = self._kept.get(plugin, chat_id)
                chat_items = await self._read(plugin, chat_id) if kept is None else kept
        return PluginState(
            items=items,
            chat_id=chat_id,
            chat_items=chat_items,
            timer_names=self._timer_names.get(plugin, frozenset()),
            question_names=self._question_names.get(plugin, frozenset()),
            clock=self._clock,
        )

    async def _read(self, plugin: str, chat_id: ChatId | None) -> StoredItems:
        items = await self._journal.items(self._me, plugin, chat_id=chat_id)
        return self._kept.keep(plugin, chat_id, items)

    def forget(self, plugin: str) -> None:
        """The operator has cleared something: it is read again."""
        self._kept.forget_plugin(plugin)
        self._has_items.pop(plugin, None)

    def forget_all(self) -> None:
        """Other processes may have written: it is read again. Runs that go on keep what they were given."""
        self._kept = KeptStores()
        self._has_items.clear()

    def note_end(self, handler: HandlerId, changes: Changes, end: TurnEnd) -> None:
        """What became of the changes of a run of this handler."""
        plugin = plugin_of(handler)
        if end.outcome is EndOutcome.OUTDATED:
            for chat_id in {change.chat_id for change in changes.items}:
                self._kept.forget(plugin, chat_id)
        for change, version in zip(changes.items, end.versions, strict=False):
            self._kept.change(plugin, change, version)
            self._has_items[plugin] = True


def timer_names_of(handlers: Iterable[Handler]) -> dict[str, frozenset[str]]:
    """By plugin, the names of the timers that it handles."""
    names: defaultdict[str, set[str]] = defaultdict(set)
    for handler in handlers:
        if isinstance(handler.subscription, TimerSubscription):
            names[plugin_of(handler.id)].add(handler.subscription.name)
    return {plugin: frozenset(its) for plugin, its in names.items()}


def question_names_of(handlers: Iterable[Handler]) -> dict[str, frozenset[str]]:
    """By plugin, the names of the questions whose answers it handles."""
    names: defaultdict[str, set[str]] = defaultdict(set)
    for handler in handlers:
        if isinstance(handler.subscription, AnswerSubscription):
            names[plugin_of(handler.id)].add(handler.subscription.name)
    return {plugin: frozenset(its) for plugin, its in names.items()}
