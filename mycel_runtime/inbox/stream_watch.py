"""
What calls and looks tell of the stream, and what is done about it.

`recovery`, `connection_slot` and `polling` decide; here are the clocks, the dice and the waits. The listener tells of
tries, beginnings and ends; whoever makes calls tells of those.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import ConnectionClosed, HandshakeError
from mycel_runtime.inbox.connection_slot import ConnectionSlot
from mycel_runtime.inbox.polling import Polling
from mycel_runtime.inbox.recovery import Recovery
from mycel_runtime.lean_event import LeanEvent
from mycel_runtime.sdk.cause import Cause, cause_of
from mycel_runtime.sdk.reconnect_backoff import ReplacedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mycel_runtime.inbox.connection import CurrentConnection
    from mycel_runtime.inbox.polling import StreamTrouble
    from mycel_runtime.observe.facts import Fact
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.sdk.reconnect_backoff import ReconnectBackoff
    from mycel_runtime.sdk.stream import StreamConnection
    from mycel_runtime.settings import InboxSettings

PATIENCE_LOOKS: Final = 3
"""So many times the shortest interval a new stream may stand without any call getting through beside it."""

REFUSED_CALLS: Final = 4
"""If so many of anybody's calls failed beside a new stream and none got through, one look's time is long enough."""

PATIENCE_SECONDS: Final = 60.0
"""For the first call beside it that ends at all: slow ones are no sign."""

ALIVE_SECONDS: Final = 5.0
"""For an answer of the stream, when calls get through again after they did not."""

FRESH_SECONDS: Final = 1.0
"""For so long after an answered call, a busy server's refusal of a handshake is rather a limit's than an outage's."""

UNKNOWN_CONNECTION: Final = 0
"""Whichever subscription stood, if any; they are numbered from one."""

_TURNED_AWAY: Final = frozenset({Cause.PROXY_REFUSED, Cause.UPGRADE_MISSING})
"""Somebody has answered, and lets no stream through."""

_OF_LIMITS: Final = frozenset({HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS})

_DICE: Final = random.SystemRandom()
"""Of our own: a plugin may seed the global generator, and all instances would come back in step."""


class StarvedError(ReplacedError):
    """The stream makes way for the calls."""

    def __init__(self) -> None:
        super().__init__("no call gets through beside the stream")


class StreamWatch:
    """
    Watches one identity's stream.

    Args:
        connection: Which connection stands.
        backoff: The listener's.
        settings: `[inbox]`.
        look_interval: Seconds between looks while no stream stands.
        is_proxied: There is a proxy.
        observer: Told when polling begins and ends.
        sleep: Waits so many seconds.
        is_limited: Whether the server is known to limit the rate of requests, and to answer some.
        clock: Epoch seconds.
    """

    def __init__(
        self,
        *,
        connection: CurrentConnection,
        backoff: ReconnectBackoff,
        settings: InboxSettings,
        look_interval: float,
        is_proxied: bool,
        observer: Observer,
        sleep: Callable[[float], Awaitable[None]],
        is_limited: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._connection = connection
        self._backoff = backoff
        self._alive_seconds = min(ALIVE_SECONDS, settings.ping_timeout)
        self._look_interval = look_interval
        self._is_proxied = is_proxied
        self._observer = observer
        self._sleep = sleep
        self._recovery = Recovery(cap=settings.backoff_cap)
        self._slot = ConnectionSlot()
        self._polling = Polling(interval=look_interval)
        self._looked_at: float | None = None
        self._is_turned_away = False
        self._failed_beside = 0
        self._is_reached_beside = False
        self._reached_at: float | None = None
        self._is_limited = is_limited
        self._clock = clock
        self._refused: HandshakeError | None = None
        self._refused_until = 0.0
        self._hurried = LeanEvent()
        self._doubted = LeanEvent()
        self._asked = LeanEvent()
        self._served = LeanEvent()

    @property
    def trouble(self) -> StreamTrouble | None:
        """Why no stream stands, or none that serves; `None` while one does."""
        return self._polling.trouble

    @property
    def is_connection_limited(self) -> bool:
        """Whether a call that is refused now is so because one connection is allowed, and taken."""
        return self._slot.explains_refusals

    def call_made(self, is_reached: bool, before: int | None) -> None:  # noqa: FBT001 - all that a call has to tell
        """
        A call was made over HTTP.

        Args:
            is_reached: It has reached the backend.
            before: The number of the subscription that stood when it began; or `UNKNOWN_CONNECTION`.
        """
        stands = self._connection.number
        if before == stands:
            self._slot.looked(is_reached=is_reached, has_stream=stands is not None)
        if stands is not None:
            self._note_beside(is_reached, is_surely_beside=before == stands)
        self._failed_beside += not is_reached
        self._is_reached_beside |= is_reached
        if is_reached:
            self._reached_at = asyncio.get_running_loop().time()
        if not is_reached:
            self._recovery.missed()
        elif self._recovery.reached():
            self._find_way_back()
        elif stands is None and self._is_refused_by_limit():
            self._hurry()

    def _note_beside(self, is_reached: bool, *, is_surely_beside: bool) -> None:  # noqa: FBT001 - as `call_made`
        """Each failed try counts until anybody is answered: a look that hangs, and is repeated, lasts a minute."""
        if is_surely_beside or not (is_reached or self._is_reached_beside):
            self._asked.set()
        if is_surely_beside and is_reached:
            self._served.set()

    def looked(self, succeeded_at: float | None) -> None:
        """
        A look is over; one that is answered while no stream stands carries the service.

        Args:
            succeeded_at: When one was answered last.
        """
        if self._connection.number is None and succeeded_at != self._looked_at:
            self._tell(self._polling.looked())
        self._looked_at = succeeded_at

    def trying(self) -> None:
        """The stream is tried now; what was a reason to hurry is none any more."""
        self._hurried.clear()
        if self._reached_at is None:  # Who we are was asked just before, and answered.
            self._reached_at = asyncio.get_running_loop().time()

    def connected(self) -> None:
        """A stream stands, and its number is not given yet."""
        self._failed_beside, self._is_reached_beside = 0, False
        self._asked.clear()
        self._served.clear()
        self._doubted.clear()
        self._recovery.connected()
        if not self._slot.is_taken:
            self._tell(self._polling.connected(now=self._clock()))

    def ended(self, end: Exception, *, has_stood: bool) -> bool:
        """
        A stream has ended, or could not be had.

        Returns:
            Whether somebody on the way, or the backend, lets none through.
        """
        cause = cause_of(end, is_proxied=self._is_proxied)
        self._is_turned_away = isinstance(end, HandshakeError) or cause in _TURNED_AWAY
        self._refused = end if isinstance(end, HandshakeError) else None
        asked = (self._refused.retry_after_seconds if self._refused else None) or 0.0
        self._refused_until = asyncio.get_running_loop().time() + asked
        is_polled = self.trouble is not None and self.trouble.is_polled
        is_refused = self._is_turned_away or (is_polled and not has_stood)
        self._polling.ended(cause, str(end), is_refused=is_refused, now=self._clock())
        if not asked and self._is_refused_though_fresh():
            self._hurry()
        return self._is_turned_away

    def looked_without(self, end: StarvedError) -> None:
        """A look was made after the stream has made way: was it in the way?"""
        if self._slot.is_taken:
            self._hurried.clear()
            self._polling.ended(Cause.CONNECTION_LIMIT, str(end), is_refused=True, now=self._clock())
            self._tell(self._polling.looked())

    def delay(self) -> float:
        """Seconds to leave the one connection to the calls; 0 if there is more than one."""
        return self._slot.pause * (0.5 + _DICE.random() / 2)

    async def pause(self, seconds: float) -> None:
        """
        Wait until the stream is tried again, or until the way to the server is found before that.

        Cancelling: ends the wait.
        """
        async with asyncio.TaskGroup() as tasks:
            waits = (
                tasks.create_task(self._wait(seconds), name="stream-pause"),
                tasks.create_task(self._wait_hurried(), name="stream-recovery"),
            )
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()

    async def wait_dead(self, connection: StreamConnection) -> None:
        """
        Until it is known that the connection was lost together with the way; a ping alone would tell a minute later.

        Raises:
            ReplacedError: Then.

        Cancelling: changes nothing.
        """
        while True:
            await self._doubted.wait()
            self._doubted.clear()
            is_alive = True
            with contextlib.suppress(ConnectionClosed):  # told by whoever receives
                is_alive = await connection.answers_within(self._alive_seconds)
            if not is_alive:
                raise ReplacedError("calls get through again, and the stream does not answer")

    async def wait_in_the_way(self) -> None:
        """
        Until the stream turns out to be in the way of the calls, or not to be.

        Raises:
            StarvedError: It may be, and is to be ended for a look.

        Cancelling: changes nothing.
        """
        await _wait_at_most(self._look_interval, self._served)
        if not self._is_shut_out:
            looks = 0 if self._slot.is_taken else PATIENCE_LOOKS - 1
            await _wait_at_most(looks * self._look_interval, self._served)
            await _wait_at_most(PATIENCE_SECONDS, self._asked)
        if not self._served.is_set() and self._slot.starve():
            raise StarvedError
        await self._served.wait()
        self._tell(self._polling.connected(now=self._clock()))

    @property
    def _is_shut_out(self) -> bool:
        """Whether so many calls failed since the stream stands that no limit of a rate can be the reason."""
        return self._failed_beside >= REFUSED_CALLS and not self._is_reached_beside

    def _find_way_back(self) -> None:
        """
        The first call since others did not has got through: the stream may be had again, or has died unnoticed.

        Where it was in the calls' way, calls get through because it is gone.
        """
        is_own_trouble = self._backoff.is_own_trouble and not (self._is_turned_away or self._slot.is_taken)
        if self._connection.number is not None:
            self._doubted.set()
        elif is_own_trouble or self._is_refused_by_limit():
            self._hurry()

    def _is_refused_by_limit(self) -> bool:
        """
        Whether a limit of requests has refused the handshake, as it does with any request now and then.

        That is no outage, after which everybody comes back: only we are kept back. A 503 alone does not tell which.
        """
        if self._refused is None or self._slot.is_taken:
            return False
        if asyncio.get_running_loop().time() < self._refused_until:
            return False
        status = self._refused.status_code
        return status == HTTPStatus.TOO_MANY_REQUESTS or (
            status == HTTPStatus.SERVICE_UNAVAILABLE and self._is_limited()
        )

    def _is_refused_though_fresh(self) -> bool:
        """Whether a call was answered just before a handshake was refused as a limit of requests does."""
        if self._refused is None or self._reached_at is None or self._slot.is_taken:
            return False
        is_fresh = asyncio.get_running_loop().time() - self._reached_at < FRESH_SECONDS
        return is_fresh and self._refused.status_code in _OF_LIMITS

    def _hurry(self) -> None:
        if self._recovery.may_hurry(asyncio.get_running_loop().time()):
            self._hurried.set()

    async def _wait(self, seconds: float) -> None:
        await self._sleep(seconds)

    async def _wait_hurried(self) -> None:
        await self._hurried.wait()
        await self._sleep(self._recovery.delay(_DICE.random()))

    def _tell(self, fact: Fact | None) -> None:
        if fact is not None:
            self._observer.tell(fact)


async def _wait_at_most(seconds: float, event: LeanEvent) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
