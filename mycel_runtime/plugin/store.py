"""
What a plugin remembers: a mapping of JSON values that a run sees and changes as if it were alone.

Nothing is written while the handler runs. What it has changed is collected, and becomes true in the commit that ends
its delivery, or not at all. A run that is repeated begins with what was there before it.
"""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from typing_extensions import override

from mycel_runtime.errors import ArgumentError
from mycel_runtime.journal.changes import ItemChange
from mycel_runtime.plugin.json_text import json_text
from mycel_runtime.wire.arguments import require_storable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydantic import BaseModel

    from mycel_runtime.journal.changes import Item
    from mycel_runtime.plugin.stored_items import StoredItems
    from mycel_runtime.wire.ids import ChatId

    Model = TypeVar("Model", bound=BaseModel)

_decoded: Final = json.JSONDecoder().raw_decode
"""The value, and where it ends: what was written here has nothing around it that would have to be looked for."""

KEY_CHARACTERS: Final = 256
"""Of a key at most."""

STORE_BYTES: Final = 1_048_576
"""Of all keys and values of a store at most, as JSON: a run is given all of it."""


class Store(MutableMapping[str, Any]):
    """
    `ctx.store` of a plugin, shared by its handlers, and `ctx.chat_store` of a plugin in a chat.

    What is read is a copy: change it, and assign it again. If another chat's run has meanwhile changed a key that
    this run has read and changed, this run is repeated from the start, and sees what the other one left.

    Args:
        items: What is there; what others change appears in it. Each key is read once.
        chat_id: `None`: of the plugin as a whole.
        require_open: Raises when the run is over.
    """

    def __init__(
        self, items: StoredItems, *, chat_id: ChatId | None, require_open: Callable[[], None]
    ) -> None:
        self._items = items
        self._chat_id = chat_id
        self._require_open = require_open
        self._read: dict[str, Item | None] = {}
        self._changed: dict[str, str | None] = {}
        self._depends: dict[str, None] = {}
        self._is_listed = False
        self._size = -1

    @override
    def __repr__(self) -> str:
        return f"<Store changed={len(self._changed)}>"

    @override
    def __getitem__(self, key: str) -> Any:
        """
        The value; a copy of its own each time.

        Raises:
            KeyError: There is none.
            ContextEndedError: The run is over.
        """
        text = self._text(key)
        if text is None:
            raise KeyError(key)
        return _decoded(text)[0]

    @override
    def get(self, key: str, default: Any = None, /) -> Any:
        """
        As `store[key]`, or the default where there is none.

        Raises:
            ContextEndedError: The run is over.
        """
        # The mapping's own raises and catches an error for each key that is not there.
        text = self._text(key)
        return default if text is None else _decoded(text)[0]

    @override
    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._text(key) is not None

    def get_model(self, key: str, model: type[Model]) -> Model | None:
        """
        The value as an instance of a pydantic model; `None`: there is none.

        Raises:
            pydantic.ValidationError: It is not what the model says, be it that the model is newer.
            ContextEndedError: The run is over.
        """
        text = self._text(key)
        return None if text is None else model.model_validate_json(text)

    @override
    def __setitem__(self, key: str, value: Any) -> None:
        """
        Remember this, once the delivery ends well.

        Args:
            key: Not empty, 256 characters at most.
            value: JSON, or a pydantic model; 64 KiB at most. All of a store is 1 MiB at most.

        Raises:
            ArgumentError: The key or the value is none, or too large.
            ContextEndedError: The run is over.
        """
        self._require_open()
        _require_key(key)
        text = json_text(value, "a stored value")
        present = self._present(key)
        grown = len(text) + len(key) if present is None else len(text) - len(present)
        if self._size_now() + grown > STORE_BYTES:
            raise ArgumentError(
                f"the store would hold more than {STORE_BYTES:,} bytes of JSON",
                fix="Delete what is not needed any more, or keep it elsewhere.",
            )
        self._size += grown
        self._changed[key] = text

    @override
    def __delitem__(self, key: str) -> None:
        """
        Forget it, once the delivery ends well.

        Raises:
            KeyError: There is none.
            ContextEndedError: The run is over.
        """
        text = self._text(key)
        if text is None:
            raise KeyError(key)
        self._size = self._size_now() - len(text) - len(key)
        self._changed[key] = None

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._keys())

    @override
    def __len__(self) -> int:
        return len(self._keys())

    @override
    def clear(self) -> None:
        """Forget everything, once the delivery ends well."""
        for key in self._keys():
            del self[key]

    def depend_on(self, *keys: str) -> None:
        """
        Let the run stand only if these keys are at its end what they are now, though it does not change them.

        For what must hold of several keys together: two runs that each read both and change one of them would
        otherwise both stand. If another run has changed one of them meanwhile, this run is repeated from the start.

        Args:
            keys: They need not be there.

        Raises:
            ArgumentError: A key is none.
            ContextEndedError: The run is over.
        """
        self._require_open()
        for key in keys:
            _require_key(key)
            if key not in self._read:
                self._read[key] = None if self._is_listed else self._items.get(key)
            self._depends[key] = None

    def changes(self) -> tuple[ItemChange, ...]:
        """Called by the runtime: what the run has changed, and what it depends on, which it changes to the same."""
        if not (self._changed or self._depends):
            return ()
        changed, read, depends = self._changed, self._read, self._depends
        if depends:
            changed = changed | {key: _value_of(read[key]) for key in depends if key not in changed}
        return tuple(
            [
                ItemChange(self._chat_id, key, text, self._made_from(key))
                for key, text in changed.items()
                if key in depends or key not in read or text != _value_of(read[key])
            ]
        )

    def _text(self, key: str) -> str | None:
        self._require_open()
        if key in self._changed:
            return self._changed[key]
        if key in self._read:
            item = self._read[key]
        else:
            item = self._read[key] = None if self._is_listed else self._items.get(key)
        return None if item is None else item.value

    def _keys(self) -> list[str]:
        """Every key; that is reading all of them."""
        self._require_open()
        if not self._is_listed:
            for key, item in list(self._items.items()):
                self._read.setdefault(key, item)
            self._is_listed = True
        known = dict.fromkeys([*self._read, *self._changed])
        return [key for key in known if self._present(key) is not None]

    def _present(self, key: str) -> str | None:
        """What is known of it, without reading it: what is written unseen may be written by others too."""
        if key in self._changed:
            return self._changed[key]
        item = self._read[key] if key in self._read else self._items.get(key)
        return None if item is None else item.value

    def _size_now(self) -> int:
        if self._size < 0:
            self._size = self._items.size
        return self._size

    def _made_from(self, key: str) -> int | None:
        if key in self._read:
            item = self._read[key]
            return 0 if item is None else item.version
        return 0 if self._is_listed else None


def _value_of(item: Item | None) -> str | None:
    return None if item is None else item.value


def _require_key(key: Any) -> None:
    require_storable(key, "a store's key")
    if not 0 < len(key) <= KEY_CHARACTERS:
        raise ArgumentError(
            f"a store's key has {len(key):,} characters, and 1 to {KEY_CHARACTERS} are allowed",
            fix="Choose a shorter one, for example a hash of it." if key else "Choose one.",
        )
