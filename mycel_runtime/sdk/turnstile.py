"""
Where the calls of a client wait for their turn, in either colour; `pace` says whose it is, and when.

A call waits at most for the client's patience, and is not even asked if the pause that the server wants is longer.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from mycel_runtime.errors import ApiError, RateLimitedError
from mycel_runtime.observe.facts import RateLimited, RateRecovered
from mycel_runtime.sdk.pace import Pace, Refusal, Ticket
from mycel_runtime.sdk.policy import may_wait, refusal_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.sdk.calls import Call
    from mycel_runtime.sdk.pace import Worth

T = TypeVar("T")

TOLD_SECONDS: Final = 60.0
"""A limit that goes on is told once so often."""

_DICE: Final = random.SystemRandom()
"""Of our own: whoever uses the SDK may seed the global generator."""

_TOO_MANY: Final = 429


class _Turnstile:
    """
    What both colours have in common.

    Args:
        patience: Seconds for which a call waits at most, all its turns together; 0: none is paced.
        observer: Told when a limit is met, from time to time while it lasts, and when it has gone; of what may be an
            outage, as soon as it turns out to be none.
        clock: Seconds of a clock that nobody sets.

    Attributes:
        pace: Of the client's calls.
    """

    def __init__(
        self, *, patience: float, observer: Observer, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.pace = Pace()
        self._patience = patience
        self._observer = observer
        self._clock = clock
        self._told_at: float | None = None
        self._doubtful: ApiError | None = None

    def _must_wait(self, call: Call[Any], error: ApiError, ticket: Ticket | None) -> bool:
        """Note how a call failed, and say whether it is to be made again when its turn comes."""
        refusal, now = refusal_of(error), self._clock()
        if not self._patience or refusal is Refusal.NONE:
            if error.status_code:
                self.pace.accepted(ticket, now=now)
            return False
        self.pace.refused(ticket, asked=error.retry_after_seconds, now=now, draw=_DICE.random())
        if refusal is Refusal.LIKELY and self.pace.is_outage(now):
            self.pace.forget()
            self._doubtful = None
            return False
        self._doubtful = error if refusal is Refusal.LIKELY and not self.pace.has_resumed else None
        if self._doubtful is None:
            self._tell(error, now)
        return may_wait(call, refusal)

    def _note_accepted(self, ticket: Ticket) -> None:
        now = self._clock()
        self.pace.accepted(ticket, now=now)
        if self._doubtful is not None and self.pace.is_proven(now):
            self._tell(self._doubtful, now)
            self._doubtful = None
        if self._told_at is not None and not self.pace.is_limited:
            self._told_at = None
            self._observer.tell(RateRecovered(refusals=self.pace.refusals))

    def _tell(self, error: ApiError, now: float) -> None:
        if self._told_at is None or now - self._told_at >= TOLD_SECONDS:
            self._told_at = now
            self._observer.tell(
                RateLimited(
                    status=error.status_code,
                    retry_after=error.retry_after_seconds,
                    interval=round(self.pace.interval, 3),
                    refusals=self.pace.refusals,
                )
            )

    def _seconds_to_wait(self, ticket: Ticket, ends_at: float) -> float:
        """
        Until something may have changed for a ticket; 0 when its turn has come.

        Raises:
            RateLimitedError: It would wait for too long.
        """
        now = self._clock()
        self.pace.grant(now)
        if ticket.is_granted:
            return 0.0
        pause = self.pace.pause(now)
        if now + pause >= ends_at:
            detail = "the server limits the rate of requests; not asked again yet"
            raise RateLimitedError(_TOO_MANY, detail, retry_after_seconds=max(pause, self.pace.interval))
        wait = self.pace.wait_of(ticket, now)
        return ends_at - now if wait is None else wait


class Turnstile(_Turnstile):
    """Of a client that is shared by threads."""

    def __init__(
        self, *, patience: float, observer: Observer, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(patience=patience, observer=observer, clock=clock)
        self._lock = threading.Lock()

    def must_wait(self, call: Call[Any], error: ApiError) -> bool:
        """Whether a call that failed, before anything was limited, is to be made again at the pace."""
        with self._lock:
            return self._must_wait(call, error, None)

    def wait_turn(self, worth: Worth) -> None:
        """
        Until a request that is no call may go.

        Raises:
            RateLimitedError: It would wait for too long.
        """
        self._wait_turn(worth, self._clock() + self._patience)

    def at_pace(self, call: Call[T], once: Callable[[Call[T]], T]) -> T:
        """
        Make a call when its turn comes, again whenever a limit refuses it.

        Raises:
            RateLimitedError: It has waited for too long.
            ApiError: As `once` does.
        """
        ends_at = self._clock() + self._patience
        while True:
            ticket = self._wait_turn(call.worth, ends_at)
            try:
                result = once(call)
            except ApiError as exc:
                with self._lock:
                    if not self._must_wait(call, exc, ticket):
                        raise
            else:
                with self._lock:
                    self._note_accepted(ticket)
                return result

    def _wait_turn(self, worth: Worth, ends_at: float) -> Ticket:
        changed = threading.Event()
        ticket = Ticket(worth=worth, wake=changed.set)
        with self._lock:
            self.pace.enter(ticket)
        try:
            while True:
                changed.clear()
                with self._lock:
                    seconds = self._seconds_to_wait(ticket, ends_at)
                if ticket.is_granted:
                    return ticket
                changed.wait(seconds)
        finally:
            with self._lock:
                self.pace.leave(ticket)


class AsyncTurnstile(_Turnstile):
    """Of a client on an event loop."""

    def must_wait(self, call: Call[Any], error: ApiError) -> bool:
        """As of `Turnstile`."""
        return self._must_wait(call, error, None)

    async def wait_turn(self, worth: Worth) -> None:
        """
        As of `Turnstile`.

        Cancelling: frees the turn.
        """
        await self._wait_turn(worth, self._clock() + self._patience)

    async def at_pace(self, call: Call[T], once: Callable[[Call[T]], Awaitable[T]]) -> T:
        """
        As of `Turnstile`.

        Cancelling: a call that waits was not made; one that is under way may or may not have been carried out.
        """
        ends_at = self._clock() + self._patience
        while True:
            ticket = await self._wait_turn(call.worth, ends_at)
            try:
                result = await once(call)
            except ApiError as exc:
                if not self._must_wait(call, exc, ticket):
                    raise
            else:
                self._note_accepted(ticket)
                return result

    async def _wait_turn(self, worth: Worth, ends_at: float) -> Ticket:
        changed = asyncio.Event()
        ticket = Ticket(worth=worth, wake=changed.set)
        self.pace.enter(ticket)
        try:
            while True:
                changed.clear()
                seconds = self._seconds_to_wait(ticket, ends_at)
                if ticket.is_granted:
                    return ticket
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await changed.wait()
        finally:
            self.pace.leave(ticket)
