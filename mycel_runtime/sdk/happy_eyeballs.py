"""
A blocking connect that races a name's addresses, as asyncio does: a dead one costs a quarter of a second.

Source: RFC 8305, "Happy Eyeballs": families take turns, each attempt has a short lead over the next.
"""

from __future__ import annotations

import errno
import ipaddress
import itertools
import os
import selectors
import socket
import time
from collections import deque
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

LEAD_SECONDS: Final = 0.25
"""Of an attempt over the next. Source: RFC 8305, section 8."""

_UNDER_WAY: Final = frozenset({0, errno.EINPROGRESS})


def connect_racing(host: str, port: int, *, timeout: float | None) -> socket.socket:
    """
    A blocking socket, connected to whichever address of `host` answers first.

    Args:
        host: A name or an address.
        port: TCP.
        timeout: Seconds for all attempts together; `None`: as long as the system tries.

    Raises:
        TimeoutError: No address has answered in time.
        OSError: The name is unknown, or every address has refused; the last one's error.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if len(found) == 1:
        return socket.create_connection((host, port), timeout)
    ends_at = None if timeout is None else time.monotonic() + timeout
    with _Race(_taking_turns(found)) as race:
        while race.is_on:
            if winner := race.run(None if ends_at is None else ends_at - time.monotonic()):
                winner.settimeout(timeout)
                return winner
        raise race.error


def lead_seconds(host: str) -> float | None:
    """
    As asyncio wants it: of an attempt over the next; `None` for a single address, of which there is nothing to race.

    asyncio's race loses the winner's socket if it is cancelled in the moment of the win: nobody closes it then.
    """
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return LEAD_SECONDS
    return None


class _Race:
    """Attempts under way; those that have not won are closed at the end."""

    def __init__(self, addresses: Iterable[Any]) -> None:
        self._waiting = deque(addresses)
        self._stack = ExitStack()
        self._selector = self._stack.enter_context(selectors.DefaultSelector())
        self.error = OSError("no address to connect to")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for key in tuple(self._selector.get_map().values()):
            self._close(key.fileobj)
        self._stack.close()

    @property
    def is_on(self) -> bool:
        """Whether an address may still answer."""
        return bool(self._waiting or self._selector.get_map())

    def run(self, left: float | None) -> socket.socket | None:
        """Start the next attempt, and see for its lead, at most, whether any has come to an end."""
        if left is not None and left <= 0:
            raise TimeoutError("timed out")
        if self._waiting:
            self._start(*self._waiting.popleft())
        pauses = [pause for pause in (left, LEAD_SECONDS if self._waiting else None) if pause is not None]
        if not self._selector.get_map():
            return None
        for key, _ in self._selector.select(min(pauses, default=None)):
            if winner := self._ended(key.fileobj):
                return winner
        return None

    def _start(self, family: int, kind: int, protocol: int, _name: str, address: Any) -> None:
        try:
            attempt = socket.socket(family, kind, protocol)
        except OSError as exc:  # A kernel without IPv6; names have such addresses all the same.
            self.error = exc
            return
        attempt.setblocking(False)
        if (code := attempt.connect_ex(address)) in _UNDER_WAY:
            self._selector.register(attempt, selectors.EVENT_WRITE)
        else:
            self._fail(attempt, code)

    def _ended(self, attempt: Any) -> socket.socket | None:
        self._selector.unregister(attempt)
        code = attempt.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if not code:
            winner: socket.socket = attempt
            return winner
        self._fail(attempt, code)
        return None

    def _fail(self, attempt: socket.socket, code: int) -> None:
        attempt.close()
        self.error = OSError(code, os.strerror(code))

    def _close(self, attempt: Any) -> None:
        self._selector.unregister(attempt)
        attempt.close()


def _taking_turns(found: Iterable[Any]) -> list[Any]:
    """The system's order within each family, one of each family in turn."""
    families: dict[int, list[Any]] = {}
    for each in found:
        families.setdefault(each[0], []).append(each)
    turns = itertools.zip_longest(*families.values())
    return [each for turn in turns for each in turn if each is not None]
