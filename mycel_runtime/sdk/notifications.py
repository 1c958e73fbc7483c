"""
The notifications group: drain, and the stream as an iterator.

A caller who owns reconnects gets `ConnectionClosed`; one who asks for `reconnect=True` gets frames until it stops,
resumed from the last one it was given.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from typing import TYPE_CHECKING, Any, Final

import pydantic_core
from typing_extensions import override

from mycel_runtime.errors import (
    ApiError,
    AuthenticationError,
    HandshakeError,
    ReplayOverflow,
    StreamError,
    TransportError,
    WireError,
)
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.sdk import calls
from mycel_runtime.sdk.method import AwaitingGroup, BlockingGroup, awaiting, blocking
from mycel_runtime.sdk.reconnect_backoff import ReconnectBackoff, is_shared
from mycel_runtime.sdk.stream import notify_frame, open_stream
from mycel_runtime.sdk.transport import ClientUsageError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from mycel_runtime.sdk.method import AwaitingDriver, BlockingDriver
    from mycel_runtime.sdk.network import Route

STOP_POLL_SECONDS: Final = 1.0
"""How often `should_stop` is asked when no `timeout` says otherwise. Source: contract 3.3."""

CONNECT_TIMEOUT_SECONDS: Final = 10.0

RECONNECT: Final = {"base": 1.0, "cap": 60.0, "stable_after": 60.0}
"""Seconds, for the `ReconnectBackoff` of a stream that comes back; the daemon's listener has them as settings."""

_DICE: Final = random.SystemRandom()
"""Of our own: whoever uses the SDK may seed the global generator."""


@dataclass(slots=True, kw_only=True)
class StreamAccess:
    """Where the stream is and who asks; `repr` hides the token."""

    base_url: str
    token: str | None
    route: Route

    @override
    def __repr__(self) -> str:
        return f"StreamAccess({self.base_url!r})"

    def options(self, since_seq: int | None, connect_timeout: float | None) -> dict[str, Any]:
        """
        Arguments of `open_stream`.

        Raises:
            ClientUsageError: There is no token.
        """
        if not self.token:
            raise ClientUsageError("auth_token is required for notification stream")
        return {
            "base_url": self.base_url,
            "auth_token": self.token,
            "since_seq": since_seq,
            "connect_timeout": CONNECT_TIMEOUT_SECONDS if connect_timeout is None else connect_timeout,
        } | self.route.stream_options()


class Notifications(BlockingGroup):
    """The runtime inbox."""

    drain = blocking(calls.drain_notifications)

    def __init__(self, driver: BlockingDriver, access: StreamAccess) -> None:
        super().__init__(driver)
        self._access = access

    def stream(
        self,
        *,
        since_seq: int | None = None,
        timeout: float | None = None,
        connect_timeout: float | None = None,
        should_stop: Callable[[], bool] | None = None,
        reconnect: bool = False,
    ) -> Generator[dict[str, Any]]:
        """
        Notify frames as they come; nothing happens before the first `next`. Needs no event loop.

        Args:
            since_seq: Replay what is above it; `None` for live frames only.
            timeout: Seconds between two questions to `should_stop`; no deadline, as in the reference SDK. A dead
                connection is found by pings.
            connect_timeout: Seconds for connection and handshake; 10 if `None`.
            should_stop: Ends the stream when it answers true.
            reconnect: Come back after an end or a refusal, from the last frame given, with growing jittered pauses
                that only a connection of a minute makes small again, spread over most of a minute after an end that
                all clients share (1012, 1013, a proxy's 502), and not before a `Retry-After`. The policy is the
                daemon's own.

        Raises:
            ConnectionClosed: The stream ended, unless `reconnect`.
            ReplayOverflow: The ring does not reach back to `since_seq`: drain, then go on.
            AuthenticationError: Refused, and the token is why.
            HandshakeError: Refused for another reason.
            TransportError: No connection.
            WireError: A message was no JSON object.
        """
        comebacks = _Comebacks()
        while not (should_stop and should_stop()):
            try:
                frames = self._stream_once(comebacks, since_seq, timeout, connect_timeout, should_stop)
                with contextlib.closing(frames):
                    for frame in frames:
                        since_seq = frame.get("seq", since_seq)
                        yield frame
            except (StreamError, TransportError) as exc:
                if not reconnect or not _may_reconnect(exc):
                    raise
                _pause(comebacks.delay_after(exc), should_stop)
            else:
                return

    def _stream_once(
        self,
        comebacks: _Comebacks,
        since_seq: int | None,
        timeout: float | None,
        connect_timeout: float | None,
        should_stop: Callable[[], bool] | None,
    ) -> Generator[dict[str, Any]]:
        # With the library's threads: nothing of it is in a process whose streams have an event loop.
        from mycel_runtime.sdk.blocking_stream import open_sync_stream  # noqa: PLC0415

        poll = _poll_seconds(timeout, should_stop)
        try:
            with open_sync_stream(**self._access.options(since_seq, connect_timeout)) as connection:
                comebacks.connected()
                while not (should_stop and should_stop()):
                    try:
                        raw = connection.receive(poll)
                    except TimeoutError:
                        continue
                    if (frame := notify_frame(_parse(raw))) is not None:
                        yield frame
        except HandshakeError as refusal:
            self._explain(refusal)
            raise

    def _explain(self, refusal: HandshakeError) -> None:
        """The status does not tell a bad token from a bad server (Q18): `me` does; a proxy's needs no question."""
        if is_shared(refusal):
            return
        try:
            self._driver.call(calls.whoami())
        except AuthenticationError as exc:
            if exc.is_backends_own:
                raise exc from refusal
        except ApiError:
            return


class AsyncNotifications(AwaitingGroup):
    """The runtime inbox."""

    drain = awaiting(calls.drain_notifications)

    def __init__(self, driver: AwaitingDriver, access: StreamAccess) -> None:
        super().__init__(driver)
        self._access = access

    async def stream(
        self,
        *,
        since_seq: int | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the reference's name; no deadline
        connect_timeout: float | None = None,
        should_stop: Callable[[], bool] | None = None,
        reconnect: bool = False,
    ) -> AsyncGenerator[dict[str, Any]]:
        """
        As `Notifications.stream`.

        Cancelling: closes the connection; no frame that was not given is counted as given. To leave it early without
        being cancelled, put `contextlib.aclosing` around it: Python closes an abandoned async generator some time.
        """
        comebacks = _Comebacks()
        while not (should_stop and should_stop()):
            try:
                frames = self._stream_once(comebacks, since_seq, timeout, connect_timeout, should_stop)
                async with contextlib.aclosing(frames):
                    async for frame in frames:
                        since_seq = frame.get("seq", since_seq)
                        yield frame
            except (StreamError, TransportError) as exc:
                if not reconnect or not _may_reconnect(exc):
                    raise
                await _pause_async(comebacks.delay_after(exc), should_stop)
            else:
                return

    async def _stream_once(
        self,
        comebacks: _Comebacks,
        since_seq: int | None,
        timeout: float | None,  # noqa: ASYNC109 - as above
        connect_timeout: float | None,
        should_stop: Callable[[], bool] | None,
    ) -> AsyncGenerator[dict[str, Any]]:
        poll = _poll_seconds(timeout, should_stop)
        try:
            async with open_stream(**self._access.options(since_seq, connect_timeout)) as connection:
                comebacks.connected()
                while not (should_stop and should_stop()):
                    try:
                        async with asyncio.timeout(poll):
                            raw = await connection.receive()
                    except TimeoutError:
                        continue
                    if (frame := notify_frame(_parse(raw))) is not None:
                        yield frame
        except HandshakeError as refusal:
            await self._explain(refusal)
            raise

    async def _explain(self, refusal: HandshakeError) -> None:
        """As `Notifications._explain`."""
        if is_shared(refusal):
            return
        try:
            await self._driver.call(calls.whoami())
        except AuthenticationError as exc:
            if exc.is_backends_own:
                raise exc from refusal
        except ApiError:
            return


class _Comebacks:
    """The ends of one stream's connections, and how long each of them keeps it away."""

    def __init__(self) -> None:
        self._backoff = ReconnectBackoff(**RECONNECT)
        self._connected_at: float | None = None

    def connected(self) -> None:
        """There is a connection now."""
        self._connected_at = time.monotonic()

    def delay_after(self, end: StreamError | TransportError) -> float:
        """Seconds until the next connection."""
        lasted = 0.0 if self._connected_at is None else time.monotonic() - self._connected_at
        self._connected_at = None
        self._backoff.note(end, lasted=lasted)
        return self._backoff.delay(_DICE.random())


def _may_reconnect(exc: StreamError | TransportError) -> bool:
    """An overflow is the caller's to mend; a refused token is no `StreamError` at all."""
    return not isinstance(exc, ReplayOverflow)


def _poll_seconds(timeout: float | None, should_stop: Callable[[], bool] | None) -> float | None:
    return STOP_POLL_SECONDS if timeout is None and should_stop is not None else timeout


def _parse(raw: str | bytes) -> Any:
    try:
        value = pydantic_core.from_json(raw)
    except ValueError as exc:
        raise WireError(f"a stream message is not JSON: {exc}") from exc
    if not isinstance(value, dict):
        raise WireError(f"a stream message is not an object but {type(value).__name__}")
    return value


def _pause(seconds: float, should_stop: Callable[[], bool] | None) -> None:
    """Sleep, but ask `should_stop` every second."""
    ends_at = time.monotonic() + seconds
    while (left := ends_at - time.monotonic()) > 0 and not (should_stop and should_stop()):
        time.sleep(min(left, STOP_POLL_SECONDS))


async def _pause_async(seconds: float, should_stop: Callable[[], bool] | None) -> None:
    """As `_pause`."""
    ends_at = time.monotonic() + seconds
    while (left := ends_at - time.monotonic()) > 0 and not (should_stop and should_stop()):  # noqa: ASYNC110 - a callable
        await asyncio.sleep(min(left, STOP_POLL_SECONDS))
