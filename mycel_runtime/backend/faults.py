"""
Scripted trouble: what goes wrong on purpose, and how often.

Tests call from their own thread, the backend asks from its loop; a lock lies between.
"""

from __future__ import annotations

import random
import re
import threading
from collections import Counter, deque
from dataclasses import field
from typing import TYPE_CHECKING, Final, Literal, Protocol

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Sends go there, and a history is read from there.
SEND_PATH: Final = r"/api/chats/[^/]+/messages"

_DICE: Final = random.SystemRandom()

Action = Literal["delay", "refuse", "lose", "drop"]
Once = Literal["wake", "conflict", "delivery", "insert", "reorder", "duplicate"]


class LiveFaults(Protocol):
    """What a running server lets a fault do at once; each returns when it is done."""

    def drop_streams(self) -> None:
        """Cut every open WebSocket without a close frame."""

    def half_open_streams(self) -> None:
        """Let every open WebSocket go silent."""

    def send_raw(self, data: str | bytes, user_id: str | None) -> None:
        """Send text or bytes down open WebSockets as they are."""

    def blast(self, frames: int, user_id: str, payload: int, chats: int) -> None:
        """Send that many numbered frames down one user's WebSocket, as fast as it takes them."""

    def refuse_token(self, token: str, *, expired: bool) -> None:
        """Let a token be refused from now on."""

    def remove_user(self, user_id: str) -> None:
        """Take a user out, and leave what refers to him (Q20)."""

    def spoil_queue(self, user_id: str) -> None:
        """Put an item into an inbox that cannot be read (Q25)."""

    def restart(self) -> None:
        """Begin a new life."""

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something in the server's loop after a while."""


@dataclass(slots=True, kw_only=True)
class Fault:
    """
    Trouble for requests that match.

    Attributes:
        path: A regular expression that the whole path must match.
        skip: So many matching requests pass first.
        times: So many are hit then.
        then: Called at each hit, before the request is processed.
    """

    action: Action
    method: str | None = None
    path: str = ".*"
    skip: int = 0
    times: int = 1
    seconds: float = 0.0
    status: int = 500
    retry_after: float | None = None
    then: Callable[[], None] | None = field(default=None, repr=False)
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


@dataclass(frozen=True, slots=True)
class Interjection:
    """Somebody else's message that slips in between a check and its write (Q28)."""

    user_id: str
    content: str = field(repr=False)


class Faults:
    """
    Every method may be called from any thread; what acts on open connections has acted when it returns.

    Requests are matched by `method` (`None`: any) and `path`, a regular expression for the whole path.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._once: Counter[Once] = Counter()
        self._holds: deque[float] = deque()
        self._interjections: deque[Interjection] = deque()
        self._wake_lag = 0.0
        self._live: LiveFaults | None = None

    def lose_answer(
        self, nth: int = 1, *, times: int = 1, method: str | None = "POST", path: str = SEND_PATH
    ) -> None:
        """Process the n-th matching request (of sends, unless told) from now, and lose the answer."""
        self._add(Fault(action="lose", method=method, path=path, skip=nth - 1, times=times))

    def lose_answer_and_history(self, nth: int = 1) -> None:
        """
        Lose the answer of the n-th send from now, and refuse from then on to read a history: nobody can look.

        It is that send which ends the reading, not a time or a count of reads: how many come before it depends
        on who else looks into the chat meanwhile.
        """
        self._add(
            Fault(
                action="lose",
                method="POST",
                path=SEND_PATH,
                skip=nth - 1,
                then=lambda: self.refuse(500, 1_000_000, method="GET", path=SEND_PATH),
            )
        )

    def drop_request(
        self, nth: int = 1, *, times: int = 1, method: str | None = None, path: str = ".*"
    ) -> None:
        """Cut the connection before the n-th matching request from now is processed."""
        self._add(Fault(action="drop", method=method, path=path, skip=nth - 1, times=times))

    def refuse(
        self,
        status: int,
        times: int = 1,
        *,
        path: str = ".*",
        method: str | None = None,
        retry_after: float | None = None,
        skip: int = 0,
    ) -> None:
        """Answer with a status and do nothing; `retry_after` in seconds; `skip` matching requests pass first."""
        self._add(
            Fault(
                action="refuse",
                status=status,
                times=times,
                path=path,
                method=method,
                retry_after=retry_after,
                skip=skip,
            )
        )

    def delay(self, seconds: float, times: int = 1, *, path: str = ".*", method: str | None = None) -> None:
        """Hold matching requests back before they are processed."""
        self._add(Fault(action="delay", seconds=seconds, times=times, path=path, method=method))

    def conflict_once(self) -> None:
        """Answer the next caught-up send with 409, whatever is unread."""
        self._count("conflict", 1)

    def swallow_wakes(self, count: int) -> None:
        """Let the next wakes go nowhere; a message's two wakes count as one."""
        self._count("wake", count)

    def lag_wakes(self, most: float) -> None:
        """Process each wake late from now on, by anything from 0 to so many seconds; 0 ends that."""
        self._wake_lag = most

    def fail_delivery(self, count: int = 1) -> None:
        """Answer sends, workflow events and relationship steps with 500, after they were stored (Q21)."""
        self._count("delivery", count)

    def lose_insert(self, count: int = 1) -> None:
        """Fail sends with 500 between number and insert: a hole in the seqs that stays (Q27)."""
        self._count("insert", count)

    def reorder_frames(self, count: int = 1) -> None:
        """Send the next announcements of more than one frame backwards."""
        self._count("reorder", count)

    def duplicate_frames(self, count: int = 1) -> None:
        """Send the frames of the next announcements twice."""
        self._count("duplicate", count)

    def hold_message(self, seconds: float) -> None:
        """Keep the next message back after it got its seq (Q27)."""
        with self._lock:
            self._holds.append(seconds)

    def interject(self, user_id: str, content: str) -> None:
        """Let this member say something between the check and the write of the next caught-up send (Q28)."""
        with self._lock:
            self._interjections.append(Interjection(user_id, content))

    def drop_streams(self) -> None:
        """Cut every open WebSocket without a close frame."""
        if (live := self._live) is not None:
            live.drop_streams()

    def half_open_streams(self) -> None:
        """Let every open WebSocket go silent: nothing is read, nothing written, nothing closed."""
        if (live := self._live) is not None:
            live.half_open_streams()

    def send_raw(self, data: str | bytes, user_id: str | None = None) -> None:
        """Send a text or binary message as it is, to one user's WebSocket or to all."""
        if (live := self._live) is not None:
            live.send_raw(data, user_id)

    def blast(self, frames: int, user_id: str, payload: int = 0, chats: int = 0) -> None:
        """
        Send that many frames with the next numbers to one subscriber, at full speed; none can be replayed.

        Args:
            frames: How many.
            user_id: To whom.
            payload: Bytes of padding in each.
            chats: They announce messages in so many chats, which there are not; 0: they mean nothing.
        """
        if (live := self._live) is not None:
            live.blast(frames, user_id, payload, chats)

    def revoke_token(self, token: str) -> None:
        """Refuse this token from now on, as a forged one."""
        if (live := self._live) is not None:
            live.refuse_token(token, expired=False)

    def expire_token(self, token: str) -> None:
        """Refuse this token from now on, as one that expired."""
        if (live := self._live) is not None:
            live.refuse_token(token, expired=True)

    def remove_user(self, user_id: str) -> None:
        """Take a user out of the world; chats and messages still refer to him (Q20)."""
        if (live := self._live) is not None:
            live.remove_user(user_id)

    def spoil_queue(self, user_id: str) -> None:
        """Put an item into an inbox that cannot be read (Q25)."""
        if (live := self._live) is not None:
            live.spoil_queue(user_id)

    def restart(self) -> None:
        """Begin a new life of the server: frames from 1 again, all connections closed (Q1)."""
        if (live := self._live) is not None:
            live.restart()

    def at(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something, for example order a fault, after a while; for scripts."""
        if (live := self._live) is not None:
            live.later(seconds, act)

    def clear(self) -> None:
        """Forget everything that has not happened yet."""
        with self._lock:
            self._faults.clear()
            self._once.clear()
            self._holds.clear()
            self._interjections.clear()
            self._wake_lag = 0.0

    def attach(self, live: LiveFaults | None) -> None:
        """For the server: what can be reached at once; `None` once it is over."""
        self._live = live

    @property
    def is_armed(self) -> bool:
        """For the server: whether any request may be hit; cheap, as every request asks."""
        return bool(self._faults)

    def take(self, method: str, path: str) -> list[Fault]:
        """For the server: what hits this request, in the order in which it was ordered."""
        with self._lock:
            hits = [fault for fault in self._faults if fault.hits(method, path)]
            self._faults = [fault for fault in self._faults if fault.times > 0]
        for fault in hits:
            if fault.then is not None:
                fault.then()
        return hits

    def strikes(self, what: Once) -> bool:
        """For the server: whether this one goes wrong; counts it."""
        if not self._once[what]:
            return False
        with self._lock:
            self._once[what] -= 1
        return True

    def take_wake_lag(self) -> float:
        """For the server: how late to process this wake, in seconds."""
        return self._wake_lag * _DICE.random()

    def take_hold(self) -> float | None:
        """For the server: how long to hold this message, in seconds."""
        return self._holds.popleft() if self._holds else None

    def take_interjection(self) -> Interjection | None:
        """For the server: what slips in here."""
        return self._interjections.popleft() if self._interjections else None

    def shape(self, frames: Sequence[str]) -> Sequence[str]:
        """For the server: an announcement's frames as they are sent."""
        if not self._once:
            return frames
        if len(frames) > 1 and self.strikes("reorder"):
            frames = frames[::-1]
        if frames and self.strikes("duplicate"):
            frames = [frame for frame in frames for _ in range(2)]
        return frames

    def _add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def _count(self, what: Once, count: int) -> None:
        with self._lock:
            self._once[what] += count
