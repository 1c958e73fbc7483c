"""
What a plugin remembered when a turn began, as far as it can be known. Pure.

The log has hashes only. But what is in the journal now has texts, and so has what the replayed runs write: a text
that has a logged hash is that text. So each turn is run on what it was run on, whatever the changed code has made of
the turns before it. What nobody can tell is what a turn wrote that the changed code does not write, and that was
replaced since: from there on the store is *uncertain*, until the key is written again; likewise where the log does
not reach back.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import field
from typing import TYPE_CHECKING, Final

from mycel_runtime.journal.changes import Item
from mycel_runtime.journal.ids import HandlerId, plugin_of
from mycel_runtime.journal.turns import TIMER_KIND, done_from, text_hash
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.stored_items import StoredItems

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from mycel_runtime.journal.changes import Changes, StoredItem
    from mycel_runtime.journal.turns import Done, LoggedTurn

NO_CHAT: Final = ""
"""In the place of a chat: the store of the plugin as a whole."""

HOOK: Final = -1
"""In the place of a turn: a hook of the start or the stop, of which no log tells."""

_KNOWN_TEXTS: Final = ("", "null")
"""Keys and data of most timers."""


@dataclass(slots=True)
class _Store:
    """
    One store.

    Attributes:
        items: JSON by key.
        uncertain: By hash of the key, the turn that wrote what nobody can tell; 0: one that is not logged any more.
    """

    items: dict[str, str] = field(default_factory=dict)
    uncertain: dict[str, int] = field(default_factory=dict)


class Memory:
    """
    Of all plugins of an identity, before the oldest turn that is logged, and then before each next one.

    Args:
        items: What is in the journal now.
        turns: The whole log.
        hooked: Plugins with hooks, whose stores those may have written as well.
    """

    def __init__(
        self, items: Iterable[StoredItem], turns: Iterable[LoggedTurn], hooked: Collection[str] = ()
    ) -> None:
        written: set[tuple[str, str, str]] = set()
        self._hashes: set[str] = set()
        oldest = 0
        for turn in turns:
            oldest = oldest or turn.turn_id
            self._collect(turn, written)
        self._texts: dict[str, str] = {}
        self._stores: defaultdict[tuple[str, str], _Store] = defaultdict(_Store)
        if oldest > 1:
            for plugin, chat_id, key in written:
                self._stores[plugin, chat_id].uncertain[key] = 0
        for text in _KNOWN_TEXTS:
            self._learn(text)
        remembering = {plugin for plugin, _, _ in written}
        for item in items:
            self._learn(item.key)
            self._learn(item.value)
            remembering.add(item.plugin)
            # What no logged turn wrote has been there all the time, unless a hook wrote it.
            if (item.plugin, item.chat_id, text_hash(item.key)) not in written:
                self._stores[item.plugin, item.chat_id].items[item.key] = item.value

        self._hooked = remembering.intersection(hooked)

    def text(self, hash_: str) -> str | None:
        """The text that has this hash, if it is known."""
        return self._texts.get(hash_)

    def items(self, handler: str, chat_id: str | None) -> StoredItems:
        """What a run of this handler is given, of a chat or of the plugin as a whole."""
        store = self._stores[plugin_of(HandlerId(handler)), chat_id or NO_CHAT]
        return StoredItems({key: Item(value, 1) for key, value in store.items.items()})

    def uncertain(self, handler: str, chat_id: str | None) -> tuple[int, ...]:
        """Turns, or `HOOK`, that wrote what nobody can tell, and what this handler is given without it."""
        plugin = plugin_of(HandlerId(handler))
        stores = {NO_CHAT, chat_id or NO_CHAT}
        found = {turn for chat in stores for turn in self._stores[plugin, chat].uncertain.values()}
        return tuple(sorted(found | ({HOOK} if plugin in self._hooked else set())))

    def learn(self, changes: Changes) -> None:
        """The texts of what a replayed run has changed."""
        for item in changes.items:
            self._learn(item.key)
            if item.value is not None:
                self._learn(item.value)
        for timer in changes.timers:
            self._learn(timer.key)
            self._learn(timer.data)
        for key in changes.cancelled:
            self._learn(key.key)

    def go_on(self, turn: LoggedTurn, done: Done, changes: Changes | None = None) -> None:
        """
        The turn has ended as it did.

        Args:
            turn: Which.
            done: What it did.
            changes: What changed code would have changed, in place of what nobody can tell.
        """
        written = {} if changes is None else _written(changes)
        for item in done.items:
            chat_id = (turn.chat_id or NO_CHAT) if item.is_of_chat else NO_CHAT
            store = self._stores[plugin_of(HandlerId(turn.handler)), chat_id]
            value = item.value and self.text(item.value)
            key = self.text(item.key)
            if key is not None and (item.value is None or value is not None):
                store.uncertain.pop(item.key, None)
                _put(store, key, value)
            else:
                store.uncertain[item.key] = turn.turn_id
                if key is not None and (item.is_of_chat, item.key) in written:
                    _put(store, key, written[item.is_of_chat, item.key])

    def _learn(self, text: str) -> None:
        if (hash_ := text_hash(text)) in self._hashes:
            self._texts[hash_] = text

    def _collect(self, turn: LoggedTurn, written: set[tuple[str, str, str]]) -> None:
        """The hashes that a text is wanted for; no other texts are kept."""
        done = done_from(turn.done)
        for item in done.items:
            chat_id = (turn.chat_id or NO_CHAT) if item.is_of_chat else NO_CHAT
            written.add((plugin_of(HandlerId(turn.handler)), chat_id, item.key))
            self._hashes.update(hash_ for hash_ in (item.key, item.value) if hash_)
        for timer in done.timers:
            self._hashes.update((timer.key, timer.data))
        if turn.kind == TIMER_KIND:
            shown = json.loads(turn.shown)
            self._hashes.update((shown["key"], shown["data"]))


def _put(store: _Store, key: str, value: str | None) -> None:
    if value is None:
        store.items.pop(key, None)
    else:
        store.items[key] = value


def _written(changes: Changes) -> Mapping[tuple[bool, str], str | None]:
    return {(item.chat_id is not None, text_hash(item.key)): item.value for item in changes.items}
