"""
Hears what the tables tell (LISTEN), in a thread of its own, and wakes whoever claims and fires.

Beneath that it looks around: whenever it has begun to listen anew, for what was told meanwhile, and each
`LOOK_SECONDS`, for a connection may seem to be well and carry nothing, as behind a pooler.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import psycopg

from mycel_runtime.journal.pause import PARKED_AT
from mycel_runtime.journal.postgres.failures import AwayError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from psycopg import Connection

    from mycel_runtime.journal.port.waker import Waker
    from mycel_runtime.wire.ids import UserId

LOOK_SECONDS: Final = 30.0

_AGAIN_SECONDS: Final = 2.0
"""Until it is tried again to listen."""


class Subscription(NamedTuple):
    """Who is to be woken of whose work, and in which loop."""

    identity: UserId
    waker: Waker
    loop: asyncio.AbstractEventLoop


class Listener:
    """
    Of one journal.

    Args:
        connect: A connection of its own; raises `AwayError`.
        process_id: The journal's own, which has woken its wakers already.
        note_time: Told what the database's clock shows.
        now: By that clock.
    """

    def __init__(
        self,
        connect: Callable[[], Connection[Any]],
        process_id: str,
        note_time: Callable[[float], None],
        now: Callable[[], float],
    ) -> None:
        self._connect = connect
        self._process_id = process_id
        self._note_time = note_time
        self._now = now
        self._subscriptions: list[Subscription] = []
        self._thread: threading.Thread | None = None
        self._stop_read, self._stop_write = -1, -1
        self._ready = threading.Event()

    def add(self, subscription: Subscription) -> None:
        """From now on; the first one begins to listen."""
        self._subscriptions.append(subscription)
        if self._thread is None:
            self._stop_read, self._stop_write = os.pipe()
            self._thread = threading.Thread(target=self._run, name="journal-listener", daemon=True)
            self._thread.start()

    def wait_until_ready(self, timeout: float) -> bool:
        """Blocking: whether it listens."""
        return self._ready.wait(timeout)

    def close(self) -> None:
        """Blocking."""
        if self._thread is None:
            return
        os.write(self._stop_write, b"x")
        self._thread.join()
        self._thread = None
        os.close(self._stop_read)
        os.close(self._stop_write)

    def _run(self) -> None:
        while True:
            with contextlib.suppress(AwayError, psycopg.Error), self._connect() as connection:
                if not self._listen(connection):
                    return
            self._ready.clear()
            if self._is_stopped(_AGAIN_SECONDS):
                return

    def _listen(self, connection: Connection[Any]) -> bool:
        """Until the connection is lost, which raises, or it is stopped: false."""
        connection.execute("LISTEN mycel_work")
        self._ready.set()
        while True:
            # Each time: what was told while it did not listen, or was lost on its way, is found by a look.
            self._look(connection)
            while self._is_heard(connection):
                for notification in _heard(connection):
                    self._tell(notification)
                if self._is_stopped(0.0):
                    return False
            if self._is_stopped(0.0):
                return False

    def _look(self, connection: Connection[Any]) -> None:
        row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
        assert row is not None
        self._note_time(row[0])
        for subscription in self._subscriptions:
            self._call(subscription, subscription.waker.wake)

    def _is_heard(self, connection: Connection[Any]) -> bool:
        """Wait until something has come, or it is stopped; false: nothing has for so long."""
        ready, _, _ = select.select([connection.fileno(), self._stop_read], [], [], LOOK_SECONDS)
        return bool(ready)

    def _is_stopped(self, seconds: float) -> bool:
        return bool(select.select([self._stop_read], [], [], seconds)[0])

    def _tell(self, payload: str) -> None:
        process_id, kind, identity, due_at = json.loads(payload)
        if process_id == self._process_id:
            return
        for subscription in self._subscriptions:
            if subscription.identity == identity:
                self._wake(subscription, kind, float(due_at))

    def _wake(self, subscription: Subscription, kind: str, due_at: float) -> None:
        waker = subscription.waker
        if due_at >= PARKED_AT:
            return
        if kind == "fire":
            self._call(subscription, waker.fire_at, due_at)
        elif due_at <= self._now():
            self._call(subscription, waker.wake)
        else:
            # By a clock that is behind: it may be due by now.
            self._call(subscription, waker.wake)
            self._call(subscription, waker.wake_at, due_at)

    def _call(self, subscription: Subscription, told: Callable[..., None], *arguments: float) -> None:
        # A loop that has been closed has nobody who waits.
        with contextlib.suppress(RuntimeError):
            subscription.loop.call_soon_threadsafe(told, *arguments)


def _heard(connection: Connection[Any]) -> list[str]:
    """What has come; raises if the connection is lost."""
    connection.pgconn.consume_input()
    heard = []
    while notification := connection.pgconn.notifies():
        heard.append(notification.extra.decode())
    return heard
