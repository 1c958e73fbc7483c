"""Which requests somebody is being asked about: each once, and not too many."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from mycel_runtime import Store

_KEY: Final = "asked"

_SLACK_SECONDS: Final = 3600.0
"""Until a question that should long have come back is believed to have been forgotten."""


class WaitingList:
    """
    A view of the plugin's store.

    Args:
        store: Changes when the delivery ends well.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def has(self, request_id: str) -> bool:
        """Whether somebody is asked about it already."""
        return request_id in self._current()

    def __len__(self) -> int:
        return len(self._current())

    def note(self, request_id: str, seconds: float) -> None:
        """
        Somebody is asked about it.

        Args:
            request_id: Of the request.
            seconds: For an answer.
        """
        until = time.time() + seconds + _SLACK_SECONDS
        self._store[_KEY] = {**self._current(), request_id: until}

    def forget(self, request_id: str) -> None:
        """The question has come back."""
        self._store[_KEY] = {known: until for known, until in self._current().items() if known != request_id}

    def _current(self) -> dict[str, float]:
        asked = cast("dict[str, float]", self._store.get(_KEY, {}))
        now = time.time()
        return {known: until for known, until in asked.items() if until > now}
