"""
Scripted trouble: what goes wrong on purpose, and how often.

Tests call from their own thread, the backend asks from its loop; a lock lies between.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

SEND_PATH = r"/api/chats/[^/]+/messages"

Action = Literal["delay", "refuse", "lose", "drop"]


@dataclass(slots=True, kw_only=True)
class Fault:
    """
    Trouble for requests that match.

    Attributes:
        path: A regular expression that the whole path must match.
        skip: So many matching requests pass first.
        times: So many are hit then.
    """

    action: Action
    method: str | None = None
    path: str = ".*"
    skip: int = 0
    times: int = 1
    seconds: float = 0.0
    status: int = 500
    retry_after: float | None = None
    pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.pattern = re.compile(self.path)

    def hits(self, method: str, path: str) -> bool:
        """Whether this request is hit; counts it."""
        if self.times <= 0 or self.method not in {None, method} or not self.pattern.fullmatch(path):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return True


class Faults:
    """Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._wakes = 0
        self._conflicts = 0
        self._on_streams: Callable[[Literal["drop", "half-open"]], None] | None = None

    @property
    def is_armed(self) -> bool:
        """Whether any request may be hit; cheap, for the path of every request."""
        return bool(self._faults)

    def lose_answer(
        self, nth: int = 1, *, times: int = 1, method: str = "POST", path: str = SEND_PATH
    ) -> None:
        """Process the n-th matching request (of sends, unless told) from now and lose the answer."""
        self._add(Fault(action="lose", method=method, path=path, skip=nth - 1, times=times))

    def drop_request(self, times: int = 1, *, method: str | None = None, path: str = ".*") -> None:
        """Cut the connection before the request is processed."""
        self._add(Fault(action="drop", method=method, path=path, times=times))

    def conflict_once(self) -> None:
        """Answer the next caught-up send with 409, whatever is unread."""
        with self._lock:
            self._conflicts += 1

    def refuse(
        self,
        status: int,
        times: int = 1,
        *,
        path: str = ".*",
        method: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        """Answer with a status and do nothing; `retry_after` in seconds."""
        self._add(
            Fault(
                action="refuse", status=status, times=times, path=path, method=method, retry_after=retry_after
            )
        )

    def delay(self, seconds: float, times: int = 1, *, path: str = ".*", method: str | None = None) -> None:
        """Hold a request back before it is processed."""
        self._add(Fault(action="delay", seconds=seconds, times=times, path=path, method=method))

    def swallow_wakes(self, count: int) -> None:
        """Let the next wakes go nowhere."""
        with self._lock:
            self._wakes += count

    def drop_streams(self) -> None:
        """Cut every open WebSocket without a close frame."""
        self._tell_streams("drop")

    def half_open_streams(self) -> None:
        """Let every open WebSocket go silent: nothing is read, nothing written, nothing closed."""
        self._tell_streams("half-open")

    def clear(self) -> None:
        """Forget everything that has not happened yet."""
        with self._lock:
            self._faults.clear()
            self._wakes = self._conflicts = 0

    def attach(self, on_streams: Callable[[Literal["drop", "half-open"]], None] | None) -> None:
        """For the server: how open streams are reached; `None` when there are none."""
        with self._lock:
            self._on_streams = on_streams

    def take(self, method: str, path: str) -> list[Fault]:
        """For the server: what hits this request."""
        with self._lock:
            hits = [fault for fault in self._faults if fault.hits(method, path)]
            self._faults = [fault for fault in self._faults if fault.times > 0]
        return hits

    def conflicts(self) -> bool:
        """For the server: whether this caught-up send is refused though nothing is unread."""
        if not self._conflicts:
            return False
        with self._lock:
            self._conflicts -= 1
            return True

    def swallows_wake(self) -> bool:
        """For the server: whether this wake is lost."""
        if not self._wakes:
            return False
        with self._lock:
            self._wakes -= 1
            return True

    def _add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def _tell_streams(self, what: Literal["drop", "half-open"]) -> None:
        with self._lock:
            tell = self._on_streams
        if tell is not None:
            tell(what)
