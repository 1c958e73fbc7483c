"""What a plugin's store holds when a run begins, and how much that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from mycel_runtime.journal.changes import Item

if TYPE_CHECKING:
    from collections.abc import Mapping


class StoredItems(dict[str, Item]):
    """
    The items of a store by key; changed by assignment and `del` only, which keep count.

    Args:
        items: What is there; a copy is made.

    Attributes:
        size: Characters of all keys and values: a run that writes has to know, however much is there.
    """

    __slots__ = ("size",)

    def __init__(self, items: Mapping[str, Item] | None = None) -> None:
        super().__init__(items or {})
        self.size = sum(len(key) + len(item.value) for key, item in self.items())

    @override
    def __setitem__(self, key: str, item: Item) -> None:
        old = self.get(key)
        self.size += len(item.value) + (len(key) if old is None else -len(old.value))
        dict.__setitem__(self, key, item)

    @override
    def __delitem__(self, key: str) -> None:
        self.size -= len(key) + len(self[key].value)
        dict.__delitem__(self, key)
