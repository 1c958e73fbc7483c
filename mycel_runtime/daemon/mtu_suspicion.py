"""
Whether large packets are lost on the way while small ones pass. Pure.

A tunnel with a smaller MTU, and a firewall that drops the ICMP which would say so: connections come about, short
requests are answered at once, and whatever is larger than a packet hangs, for ever. Nothing tells it but the sizes of
what passes and of what does not.
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
        self._small_paths: set[str] = set()

    @property
    def is_grave(self) -> bool:
        """Whether small calls pass, and those that are large, or may be, do not."""
        return self._hung >= ENOUGH and self._passed >= ENOUGH

    def passed(self, path: str, *, sent: int, received: int) -> None:
        """
        A call was answered, by whomever.

        Args:
            path: Of the request.
            sent: Bytes of its body.
            received: Bytes of the answer's body.
        """
        if sent + received > SMALL_BYTES:
            self._hung = self._passed = 0
            return
        if len(self._small_paths) >= _MOST_PATHS:
            self._small_paths.clear()
        self._small_paths.add(path)
        self._passed += self._hung > 0

    def hung(self, path: str, *, sent: int) -> None:
        """
        A call that had a connection was not answered in time.

        Args:
            path: Of the request. If its answer was small before, the backend hangs, and not the road.
            sent: Bytes of its body.
        """
        if sent <= SMALL_BYTES and path in self._small_paths:
            self._hung = self._passed = 0
        else:
            self._hung += 1
