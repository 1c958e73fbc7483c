"""
Whether large packets are lost on the way while small ones pass. Pure.

A tunnel with a smaller MTU, and a firewall that drops the ICMP which would say so: connections come about, short
requests are answered at once, and whatever is larger than a packet hangs, for ever. Nothing tells it but the sizes of
what passes and of what does not.

A backend that hangs looks alike, so small things must pass meanwhile: answers, or frames of the stream, which are
small whatever they announce. And what is known to be small must not hang. A list is known to be small only until a
frame comes: what it announces may have made the list grow.
"""

from __future__ import annotations

from typing import Final

SMALL_BYTES: Final = 1200
"""A body that fits into one packet with its headers, on any link. Source: IPv6's least MTU is 1280."""

ENOUGH: Final = 3
"""Calls that hung, and small ones that were answered meanwhile: one alone is chance."""

_MOST_PATHS: Final = 256


class MtuSuspicion:
    """What the calls since the last large one that passed amount to."""

    def __init__(self) -> None:
        self._hung = 0
        self._passed = 0
        self._waiting = 0
        self._small_objects: set[str] = set()
        self._small_lists: set[str] = set()

    @property
    def is_grave(self) -> bool:
        """Whether small calls pass, and those that are large, or may be, do not."""
        return self._hung >= ENOUGH and self._passed >= ENOUGH

    @property
    def is_waiting(self) -> bool:
        """Whether a call waits for its answer for longer than it should."""
        return self._waiting > 0

    def waits(self) -> None:
        """A call begins to; what passes from now on, passes while it hangs."""
        self._waiting += 1

    def waits_no_more(self) -> None:
        """It was answered, or has hung, or failed otherwise, which is told by itself."""
        self._waiting -= 1

    def heard(self) -> None:
        """Frames have come on the stream."""
        self._small_lists.clear()
        self._note_passed()

    def passed(self, path: str, *, sent: int, received: int, is_list: bool) -> None:
        """
        A call was answered, by whomever.

        Args:
            path: Of the request.
            sent: Bytes of its body.
            received: Bytes of the answer's body.
            is_list: Of another length each time, perhaps; an object is always about as long.
        """
        if sent + received > SMALL_BYTES:
            self._hung = self._passed = 0
            return
        known = self._small_lists if is_list else self._small_objects
        if len(known) >= _MOST_PATHS:
            known.clear()
        known.add(path)
        self._note_passed()

    def hung(self, path: str, *, sent: int, is_list: bool) -> None:
        """
        A call that had a connection was not answered in time.

        Args:
            path: Of the request. If its answer was small before, the backend hangs, and not the road.
            sent: Bytes of its body.
            is_list: As of `passed`.
        """
        known = self._small_lists if is_list else self._small_objects
        if sent <= SMALL_BYTES and path in known:
            self._hung = self._passed = 0
            self._small_lists.discard(path)
        else:
            self._hung += 1

    def _note_passed(self) -> None:
        """Something small has passed; before anything hung it proves nothing."""
        self._passed += self._hung > 0 or self.is_waiting
