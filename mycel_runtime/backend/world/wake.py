"""Who is told that an inbox has something (contract 5.1): at most one handler each (Q10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mycel_runtime.backend.quirks import Quirks

    Handler = Callable[[], None]


class WakeBus:
    """The handlers by user id. Handlers must not block and must not call back."""

    def __init__(self, quirks: Quirks) -> None:
        self._quirks = quirks
        self._handlers: dict[str, list[Handler]] = {}
        self._overhearing: dict[str, list[Handler]] = {}
        self._waiting: set[str] = set()

    def register(self, user_id: str, handler: Handler) -> None:
        """Take this inbox over from whoever had it."""
        others = [] if self._quirks.one_handler else self._handlers.get(user_id, [])
        self._handlers[user_id] = [*others, handler]
        if user_id in self._waiting:
            self._waiting.discard(user_id)
            handler()

    def unregister(self, user_id: str, handler: Handler) -> None:
        """Take the handler out; the quirk takes out whoever is in (Q11)."""
        if self._quirks.cleanup_deafens:
            self._handlers.pop(user_id, None)
            return
        rest = [other for other in self._handlers.get(user_id, []) if other is not handler]
        if rest:
            self._handlers[user_id] = rest
        else:
            self._handlers.pop(user_id, None)

    def overhear(self, user_id: str, handler: Handler) -> None:
        """Be woken too, without taking the inbox (Q12 switched off)."""
        self._overhearing.setdefault(user_id, []).append(handler)

    def leave(self, user_id: str, handler: Handler) -> None:
        """Undo `overhear`."""
        self._overhearing[user_id].remove(handler)

    def publish(self, user_id: str) -> None:
        """Wake the inbox; without a handler the wake evaporates (Q6)."""
        for handler in tuple(self._overhearing.get(user_id, ())):
            handler()
        handlers = self._handlers.get(user_id)
        if handlers is None:
            if not self._quirks.wake_evaporates:
                self._waiting.add(user_id)
            return
        for handler in tuple(handlers):
            handler()

    def is_registered(self, user_id: str) -> bool:
        """Whether anybody would hear a wake."""
        return user_id in self._handlers
