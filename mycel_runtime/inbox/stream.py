"""
The socket: connect, resume, receive, commit.

Every end is treated alike (Q19): wait (`reconnect_backoff` says how long), connect again, resume from the checkpoint,
reconcile. One task commits all that has come, and the connection reads ahead meanwhile: under load many frames share
a commit, at rest none waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from typing import TYPE_CHECKING, Final, Protocol

import tenacity

from mycel_runtime.errors import (
    HandshakeError,
    RateLimitedError,
    StreamError,
    TransportError,
)
from mycel_runtime.fair_turns import RUNS, fair_turns_of
from mycel_runtime.inbox.approach import Approach
from mycel_runtime.inbox.guarded_queries import require_identity
from mycel_runtime.inbox.reconcile import CONNECT, INTERVAL
from mycel_runtime.inbox.sequence import Received
from mycel_runtime.inbox.stream_watch import UNKNOWN_CONNECTION, StarvedError, StreamWatch
from mycel_runtime.observe.facts import PingShortened, StreamConnected, StreamEnded, StreamRetryScheduled
from mycel_runtime.sdk.network import DEFAULT, Network, Route
from mycel_runtime.sdk.quiet_limit import QuietLimit
from mycel_runtime.sdk.reconnect_backoff import SHARED_STATUSES, ReconnectBackoff, ReplacedError, is_shared
from mycel_runtime.sdk.stream import open_stream
from mycel_runtime.wire.codec import decode_frame

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from contextlib import AbstractAsyncContextManager

    from mycel_runtime.inbox.connection import CurrentConnection
    from mycel_runtime.inbox.intake import Intake
    from mycel_runtime.inbox.polling import StreamTrouble
    from mycel_runtime.inbox.reconcile import Reconciler
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.sdk.stream import StreamConnection
    from mycel_runtime.settings import InboxSettings

BATCH_FRAMES: Final = 1024
"""Frames per commit at most; more gains nothing and holds the loop longer."""

SLICE_FRAMES: Final = 64
"""Likewise where other agents want the loop: a millisecond of it, after which everybody else has his turn."""

STARVED: Final = "starved"
"""The reason of the reconcile that shows whether the stream was in the way of the calls."""

_DICE: Final = random.SystemRandom()
"""Of our own: a plugin may seed the global generator, and all instances would come back in step."""


class Token(Protocol):
    """A secret that may be another one by the next connect; `SecretStr` is one that is not."""

    def get_secret_value(self) -> str:
        """The token."""


class _ConnectionTasks:
    """
    The tasks of one connection, which end together by the first error of any.

    The error is a result here and does not go through the TaskGroup: that would raise it in the place of a
    cancellation which arrives meanwhile, and the listener would live on.

    Nothing of it is kept once it is known: an error refers to the places that it came through, and these to what is
    here, so that all of the connection would lie about until a look for garbage.
    """

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self._tasks = tasks
        self._running: list[asyncio.Task[None]] = []
        self._ended: asyncio.Future[Exception] | None = asyncio.get_running_loop().create_future()

    def start(self, work: Coroutine[None, None, None], *, name: str) -> None:
        self._running.append(self._tasks.create_task(self._tell_end(work), name=name))

    def end(self, error: Exception) -> None:
        """As if a task had ended with it; nothing after an error of any."""
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(error)

    async def wait_end(self) -> Exception:
        """The first error of any, upon which the others are cancelled; once."""
        assert self._ended is not None
        try:
            return await self._ended
        finally:
            self._ended = None
            self._cancel()

    def _cancel(self) -> None:
        for task in self._running:
            task.cancel()
        self._running.clear()

    async def _tell_end(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception as exc:  # noqa: BLE001 - raised by whoever awaits the end
            self.end(exc)
        finally:
            # Two of a connection's tasks end soon, and it lasts for weeks.
            self._running = [task for task in self._running if task is not asyncio.current_task()]


class Listener:
    """
    Keeps one identity subscribed.

    Args:
        base_url: Of the backend.
        token: The identity's, asked for at each connect.
        sdk: Asked when a handshake is refused.
        intake: Where frames go.
        reconciler: Told what the stream says; run at every connect, when the tracker asks for it, and in time.
        connection: Told which connection stands; asked for another one.
        settings: `[inbox]`.
        network: How the backend is reached.
        observer: Told of connections and their ends.
        approach: To the backend, of all agents of the process.
        sleep: Waits so many seconds.
    """

    def __init__(  # noqa: PLR0913 - whom a listener asks and tells
        self,
        *,
        base_url: str,
        token: Token,
        sdk: AsyncClient,
        intake: Intake,
        reconciler: Reconciler,
        connection: CurrentConnection,
        settings: InboxSettings,
        observer: Observer,
        network: Network = DEFAULT,
        approach: Approach | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._base_url = base_url
        self._token = token
        self._sdk = sdk
        self._intake = intake
        self._reconciler = reconciler
        self._connection = connection
        self._settings = settings
        self._route = Route(base_url, network)
        self._approach = approach or Approach()
        self._observer = observer
        self._backoff = ReconnectBackoff(
            base=settings.backoff_base, cap=settings.backoff_cap, stable_after=settings.stable_after
        )
        self._quiet_limit = QuietLimit(ping_interval=settings.ping_interval)
        self._watch = StreamWatch(
            connection=connection,
            backoff=self._backoff,
            settings=settings,
            look_interval=reconciler.tick_interval,
            is_proxied=network.proxy is not None,
            observer=observer,
            sleep=sleep,
            is_limited=lambda: sdk.pace.is_proven(time.monotonic()),
            clock=reconciler.now,
        )
        reconciler.tell_calls(self._watch.call_made)
        self._stream: StreamConnection | None = None
        self._connected_at = 0.0

    @property
    def is_connected(self) -> bool:
        """Whether a subscription stands, and nobody has asked for another."""
        return self._connection.number is not None

    @property
    def trouble(self) -> StreamTrouble | None:
        """Why no stream stands, or none that serves; `None` while one does."""
        return self._watch.trouble

    @property
    def is_connection_limited(self) -> bool:
        """Whether a call that is refused now is so because one connection is allowed, and taken."""
        return self._watch.is_connection_limited

    async def run(self) -> None:
        """
        Listen until cancelled.

        Raises:
            IdentityRefusedError: The backend knows the token no more.
            JournalError: Frames cannot be committed.

        Cancelling: frames received and not yet committed are replayed at the next connect.
        """
        reconnecting = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type((StreamError, TransportError)),
            wait=self._delay,
            before_sleep=self._tell_retry,
            sleep=self._watch.pause,
        )
        await reconnecting(self._listen_once)

    def call_made(self, is_reached: bool) -> None:  # noqa: FBT001 - all that a call has to tell
        """Somebody has made a call over HTTP, which has reached the backend or has not."""
        self._watch.call_made(is_reached, UNKNOWN_CONNECTION)

    async def keep_looking(self) -> None:
        """
        Let the server be looked at whenever it is time to, until cancelled.

        Raises:
            IdentityRefusedError: The token is refused.
        """
        while True:
            await self._reconciler.wait_due()
            self._connection.replace_if(await self._reconciler.tick())
            self._watch.looked(self._reconciler.succeeded_at)

    async def look(self) -> None:
        """
        Let the server be looked at now.

        Raises:
            IdentityRefusedError: The token is refused.
        """
        await self._reconcile(INTERVAL)

    async def _reconcile(self, reason: str) -> None:
        self._connection.replace_if(await self._reconciler.run(reason))
        self._watch.looked(self._reconciler.succeeded_at)

    async def _listen_once(self) -> None:
        """One connection, from handshake to its end; never returns normally."""
        self._stream = None
        self._watch.trying()
        try:
            with contextlib.suppress(RateLimitedError):
                await self._sdk.wait_turn()
            await self._connect_and_receive()
        except (StreamError, TransportError) as exc:
            self._note_end(exc)
            if isinstance(exc, HandshakeError):
                await self._require_identity(exc)
            if isinstance(exc, StarvedError):
                # What was refused beside the stream tells of a connection, and of no rate.
                self._sdk.pace.forget()
                await self._reconcile(STARVED)
                self._watch.looked_without(exc)
            raise

    def _note_end(self, end: Exception) -> None:
        lasted = self._lasted()
        self._backoff.note(end, lasted=lasted)
        self._observer.tell(StreamEnded(reason=str(end), lasted=round(lasted, 3)))
        self._learn_quiet_limit(end, lasted)
        if self._watch.ended(end, has_stood=self._stream is not None) and not is_shared(end):
            self._reconciler.suspect()

    def _lasted(self) -> float:
        """Seconds since the handshake; a slow one must not count as a stable connection."""
        if self._stream is None:
            return 0.0
        return asyncio.get_running_loop().time() - self._connected_at

    def _learn_quiet_limit(self, end: Exception, lasted: float) -> None:
        if self._stream is None:
            return
        now = asyncio.get_running_loop().time()
        if self._quiet_limit.note(end, quiet=self._stream.quiet_seconds, lasted=lasted, now=now):
            self._observer.tell(
                PingShortened(
                    quiet_limit=round(self._quiet_limit.seconds or 0.0, 3),
                    ping_interval=round(self._quiet_limit.ping_interval(now), 3),
                )
            )

    async def _connect_and_receive(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            stands = await stack.enter_async_context(self._approach.to_connect())
            checkpoint = self._intake.checkpoint
            connection = await stack.enter_async_context(self._opened())
            stands()
            self._stream, self._connected_at = connection, asyncio.get_running_loop().time()
            self._observer.tell(StreamConnected(epoch=checkpoint.epoch, since_seq=checkpoint.since_seq))
            self._watch.connected()
            await self._serve(connection)

    def _opened(self) -> AbstractAsyncContextManager[StreamConnection]:
        return open_stream(
            base_url=self._base_url,
            auth_token=self._token.get_secret_value(),
            since_seq=self._intake.resume(),
            connect_timeout=self._settings.connect_timeout,
            ping_interval=self._quiet_limit.ping_interval(asyncio.get_running_loop().time()),
            ping_timeout=self._settings.ping_timeout,
            queued_frames=self._settings.queue_frames,
            **self._route.stream_options(),
        )

    async def _serve(self, connection: StreamConnection) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                connection_tasks = _ConnectionTasks(tasks)
                self._connection.begin(lambda reason: connection_tasks.end(ReplacedError(reason)))
                connection_tasks.start(self._watch.wait_dead(connection), name="stream-alive")
                connection_tasks.start(self._watch.wait_in_the_way(), name="stream-slot")
                connection_tasks.start(self._receive(connection, connection_tasks), name="stream-receive")
                connection_tasks.start(self._look_first(), name="reconcile-connect")
                error = await connection_tasks.wait_end()
        finally:
            self._connection.end()
        try:
            raise error
        finally:
            # It refers to this place.
            del error

    async def _look_first(self) -> None:
        async with self._approach.to_look():
            await self._reconcile(CONNECT)

    async def _receive(self, connection: StreamConnection, connection_tasks: _ConnectionTasks) -> None:
        """
        Commit all that has come, together; meanwhile the connection reads ahead.

        Where other agents want the loop, a slice at a time: what is too much for the connection's queue then waits at
        the server.
        """
        runs = fair_turns_of(RUNS)
        while True:
            messages = await connection.receive_many(SLICE_FRAMES if runs.is_shared else BATCH_FRAMES)
            step = await self._intake.take(map(_received, messages))
            self._reconciler.hear(step)
            if step.reconcile and not step.reconnect:
                connection_tasks.start(self._reconcile(step.reconcile), name="reconcile-asked")
            if step.reconnect:
                raise ReplacedError("replaced to be replayed what the ring holds")

    async def _require_identity(self, refusal: HandshakeError) -> None:
        """A refused handshake does not tell why (Q18): ask who we are, but no server that cannot cope anyway."""
        if refusal.status_code not in SHARED_STATUSES:
            await require_identity(self._sdk, server=self._base_url)

    def _delay(self, _state: tenacity.RetryCallState) -> float:
        return max(self._backoff.delay(_DICE.random()), self._watch.delay())

    def _tell_retry(self, state: tenacity.RetryCallState) -> None:
        retry_in = state.next_action.sleep if state.next_action else 0.0
        self._observer.tell(StreamRetryScheduled(attempt=self._backoff.failures, retry_in=round(retry_in, 3)))


def _received(raw: str | bytes) -> Received:
    text = raw if isinstance(raw, str) else raw.decode("utf-8", "backslashreplace")
    return Received(decode_frame(raw), text)
