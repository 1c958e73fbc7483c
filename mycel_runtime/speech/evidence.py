"""
Whether what fails in one chat fails because of that chat. Pure.

Trouble of the whole backend fails everywhere: it costs the wait. What fails in one chat while the same succeeds in
others is a refusal, whatever status it comes with.
"""

from __future__ import annotations

from enum import StrEnum


class Operation(StrEnum):
    """What is tried in a chat."""

    READ = "read"
    """Its history and its detail: nothing moves."""
    SEND = "send"
    """The proof of being caught up, and the send: both write."""


class _Newest:
    """When something last happened, in a given chat and in others: the newest two of different chats tell."""

    def __init__(self) -> None:
        self._times: dict[str, float] = {}

    def note(self, place: str, now: float) -> None:
        self._times.pop(place, None)
        self._times[place] = now
        if len(self._times) > 2:  # noqa: PLR2004 - as said above
            del self._times[next(iter(self._times))]

    def elsewhere(self, place: str) -> float | None:
        return max((time for chat, time in self._times.items() if chat != place), default=None)


class Evidence:
    """What the backend has lately done and not done, per operation; of one identity, in memory."""

    def __init__(self) -> None:
        self._done = {operation: _Newest() for operation in Operation}
        self._failed = {operation: _Newest() for operation in Operation}

    def done(self, operation: Operation, place: str, now: float) -> None:
        """It succeeded there."""
        self._done[operation].note(place, now)

    def failed(self, operation: Operation, place: str, now: float) -> None:
        """It failed there, and is known not to have been carried out."""
        self._failed[operation].note(place, now)

    def is_of_one_chat(self, operation: Operation, place: str, *, since: float) -> bool:
        """
        Whether what has failed in a place since then succeeds elsewhere.

        Args:
            operation: What fails.
            place: Where: a chat, or the lane of work that is no chat's.
            since: When it was first known to have failed there. A success before that says nothing, and none that is
                older than the newest failure of yet another chat.
        """
        done_at = self._done[operation].elsewhere(place)
        failed_at = self._failed[operation].elsewhere(place)
        return done_at is not None and done_at > since and (failed_at is None or done_at > failed_at)
