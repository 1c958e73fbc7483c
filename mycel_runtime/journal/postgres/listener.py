"""
Hears what the tables tell (LISTEN), in a thread of its own, wakes whoever claims and fires, and tells that we live.

One for all journals that a process has open in one database. Beneath what it hears it looks around: whenever it has
begun to listen anew, for what was told meanwhile, and each `LOOK_SECONDS`, for a connection may seem to be well and
carry nothing, as behind a pooler. Its beats, in the rows of the processes, say that a process lives, whether it has a
lease or not.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import psycopg

from mycel_runtime.journal.pause import PARKED_AT
from mycel_runtime.journal.postgres.failures import AwayError
from mycel_runtime.journal.postgres.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg import Connection

    from mycel_runtime.journal.postgres.attendance import Attendance, Subscription
    from mycel_runtime.journal.postgres.rows import Row

LOOK_SECONDS: Final = 30.0

_AGAIN_SECONDS: Final = 2.0
"""Until it is tried again to listen, or to tell that we live."""


class Listener:
    """
    Of one database.

    Args:
        connect: A connection of its own; raises `AwayError`.
    """

    def __init__(self, connect: Callable[[], Connection[Row]]) -> None:
        self._connect = connect
        self._attendances: Sequence[Attendance] = ()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_closing = False
        self._nudged, self._nudge = -1, -1
        self._ready = threading.Event()

    def attend(self, attendance: Attendance) -> None:
        """A journal is open; the first one begins to listen."""
        with self._lock:
            self._attendances = (*self._attendances, attendance)
            if self._thread is None:
                self._nudged, self._nudge = os.pipe()
                self._thread = threading.Thread(target=self._run, name="journal-listener", daemon=True)
                self._thread.start()
            else:
                os.write(self._nudge, b"x")

    def leave(self, attendance: Attendance) -> None:
        """It is closed: nobody of it is woken any more."""
        with self._lock:
            self._attendances = tuple(each for each in self._attendances if each is not attendance)

    def subscribe(self, attendance: Attendance, subscription: Subscription) -> None:
        """From now on; woken at once if it listens already, else when it begins to."""
        attendance.subscriptions.append(subscription)
        if self._ready.is_set():
            _call(subscription, subscription.waker.wake)

    def wait_until_ready(self, timeout: float) -> bool:
        """Blocking: whether it listens."""
        return self._ready.wait(timeout)

    def close(self) -> None:
        """Blocking."""
        if self._thread is None:
            return
        self._is_closing = True
        os.write(self._nudge, b"x")
        self._thread.join()
        self._thread = None
        os.close(self._nudged)
        os.close(self._nudge)

    def _run(self) -> None:
        while not self._is_closing:
            with contextlib.suppress(AwayError, psycopg.Error), self._connect() as connection:
                self._listen(connection)
            self._ready.clear()
            if not self._is_closing:
                self._wait(None, _AGAIN_SECONDS)

    def _listen(self, connection: Connection[Row]) -> None:
        """Until the connection is lost, which raises, or it is closed."""
        # A beat that is lost with the database's machine need not be on its disk.
        connection.execute("LISTEN mycel_work; SET synchronous_commit = off")
        self._ready.set()
        # What was told while it did not listen, or was lost on its way, is found by a look.
        look_at = beat_at = time.monotonic()
        known: Sequence[Attendance] = ()
        while not self._is_closing:
            now = time.monotonic()
            if now >= look_at:
                self._look()
                look_at = now + LOOK_SECONDS
            if now >= beat_at or known is not self._attendances:
                known = self._attendances
                beat_at = now + _beat(connection, known)
            self._wait(connection, min(look_at, beat_at) - now)
            for notification in _heard(connection):
                self._tell(notification)

    def _look(self) -> None:
        for attendance in self._attendances:
            for subscription in attendance.subscriptions:
                _call(subscription, subscription.waker.wake)

    def _wait(self, connection: Connection[Any] | None, seconds: float) -> None:
        """Until something has come on the connection, there is another journal, or it is closed; at most so long."""
        heard = [] if connection is None else [connection.fileno()]
        ready, _, _ = select.select([*heard, self._nudged], [], [], max(0.0, seconds))
        if self._nudged in ready:
            os.read(self._nudged, 4096)

    def _tell(self, payload: str) -> None:
        process_id, kind, identity, due_at = json.loads(payload)
        for attendance in self._attendances:
            if attendance.process_id == process_id:
                # It has woken its wakers already.
                continue
            for subscription in attendance.subscriptions:
                if subscription.identity == identity:
                    _wake(subscription, kind, float(due_at), attendance.now())


def _beat(connection: Connection[Row], attendances: Sequence[Attendance]) -> float:
    """Tell that these live, and learn what time it is; in how many seconds it is to be told again."""
    if not attendances:
        return LOOK_SECONDS
    began = attendances[0].begin_beat()
    row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
    assert row is not None
    rows = []
    for attendance in attendances:
        attendance.note_time(row[0])
        rows.append((attendance.process_id, attendance.now()))
    beaten = Session(connection, None).run_rows("beat", rows).rowcount
    for attendance, (_, now) in zip(attendances, rows, strict=True):
        attendance.note_beat(now, began=began if beaten == len(rows) else None)
    pause = min(attendance.beat_seconds for attendance in attendances)
    return pause if beaten == len(rows) else min(pause, _AGAIN_SECONDS)


def _wake(subscription: Subscription, kind: str, due_at: float, now: float) -> None:
    waker = subscription.waker
    if due_at >= PARKED_AT:
        return
    if kind == "fire":
        _call(subscription, waker.fire_at, due_at)
    elif due_at <= now:
        _call(subscription, waker.wake)
    else:
        # By a clock that is behind: it may be due by now.
        _call(subscription, waker.wake)
        _call(subscription, waker.wake_at, due_at)


def _call(subscription: Subscription, told: Callable[..., None], *arguments: float) -> None:
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
