"""Which connection of the stream stands. The listener says so; whoever looks at the server asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class CurrentConnection:
    """The subscription that stands, if one does; each has another number."""

    def __init__(self) -> None:
        self._count = 0
        self._replace: Callable[[str], None] | None = None

    @property
    def number(self) -> int | None:
        """Of the subscription that stands; `None` if none does, or another one is asked for."""
        return self._count if self._replace is not None else None

    def begin(self, replace: Callable[[str], None]) -> None:
        """
        A new one stands.

        Args:
            replace: Called once, with the reason, when another one is asked for.
        """
        self._count += 1
        self._replace = replace

    def end(self) -> None:
        """It is over."""
        self._replace = None

    def replace_if(self, reason: str) -> None:
        """If there is a reason, end it, if there is one, so that a new one follows."""
        if reason and self._replace is not None:
            replace, self._replace = self._replace, None
            replace(reason)
