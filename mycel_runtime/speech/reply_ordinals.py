"""
Which of a handler's replies is the n-th. Pure.

A run's n-th reply is the n-th of the run before it, whatever became of that one. So a reply takes its place when it
is asked for, and keeps it if it comes to nothing: refused, cut short, or overtaken. Said again with the same words it
is the same reply.
"""

from __future__ import annotations

from typing import Final

LAST_WORDS_ORDINAL: Final = 1_000_000
"""Place of what is said when a turn is given up: behind all that its handler can have said."""


class ReplyOrdinals:
    """The places of one run's replies, from `first`."""

    __slots__ = ("_next", "_unsaid")

    def __init__(self, first: int = 0) -> None:
        self._next = first
        self._unsaid: dict[str, list[int]] = {}

    def take(self, words: str) -> int:
        """
        The place of a reply that is asked for now.

        Args:
            words: Its content hash.
        """
        if places := self._unsaid.pop(words, []):
            first, *others = sorted(places)
            if others:
                self._unsaid[words] = others
            return first
        self._next += 1
        return self._next - 1

    def give_back(self, place: int, words: str) -> None:
        """
        The reply of this place was not sent, and whoever speaks decides anew: it is the next reply's.

        If another has been asked for meanwhile, it waits for the same words.
        """
        if place == self._next - 1:
            self._next = place
        else:
            self.leave(place, words)

    def leave(self, place: int, words: str) -> None:
        """The reply of this place came to nothing: it waits for the same words, and for nothing else."""
        self._unsaid.setdefault(words, []).append(place)
