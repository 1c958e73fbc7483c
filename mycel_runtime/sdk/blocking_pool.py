"""The connections of `Client`, shared by its threads."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

import httpx
from typing_extensions import override

from mycel_runtime.sdk.blocking_connection import BlockingConnection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mycel_runtime.sdk.deadline import Deadline
    from mycel_runtime.sdk.network import Route


class BlockingPool(httpx.BaseTransport):
    """
    An httpx transport over one `BlockingConnection` for each request at a time.

    Args:
        route: To the backend.
        deadline: Of the call of each thread.
        limits: `max_connections` bounds the connections; `keepalive_expiry` their idle seconds.
    """

    def __init__(self, route: Route, deadline: Deadline, *, limits: httpx.Limits) -> None:
        self._route = route
        self._deadline = deadline
        self._expiry = limits.keepalive_expiry
        self._max_connections = limits.max_connections or 1
        self._places = threading.Semaphore(self._max_connections)
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._free: deque[tuple[float, BlockingConnection]] = deque()
        """With the time since when; the one used last lies on the right."""
        self._busy: set[BlockingConnection] = set()
        self._is_closed = False

    @override
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """
        Send a request on a free connection, or on a new one.

        Raises:
            httpx.PoolTimeout: None became free within the request's `pool` seconds.
            httpx.ConnectError: The pool was closed before anything was sent.
            httpx.TransportError: As of `BlockingConnection`; the pool may have been closed meanwhile.
        """
        if os.getpid() != self._process:
            self._leave_to_parent()
        self._wait_for_place(request.extensions["timeout"].get("pool"))
        connection: BlockingConnection | None = None
        try:
            connection = self._take()
            response = connection.handle_request(request)
        except BaseException:
            self.discard(connection)
            raise
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = _Returning(response.stream, connection, self)
        return response

    @override
    def close(self) -> None:
        """Close all connections, those of calls under way too; these end with an error."""
        if os.getpid() != self._process:
            self._leave_to_parent()
        with self._lock:
            self._is_closed = True
            free, busy = tuple(self._free), tuple(self._busy)
            self._free.clear()
        for _, connection in free:
            connection.close()
        for connection in busy:
            connection.interrupt()

    def give_back(self, connection: BlockingConnection) -> None:
        """Its response was read and closed."""
        with self._lock:
            if not self._is_closed:
                self._busy.discard(connection)
                self._free.append((time.monotonic(), connection))
                self._places.release()
                return
        self.discard(connection)

    def discard(self, connection: BlockingConnection | None) -> None:
        """Its request failed: whoever got it next would read the rest of that."""
        try:
            if connection is not None:
                with self._lock:
                    self._busy.discard(connection)
                connection.close()
        finally:
            self._places.release()

    def _leave_to_parent(self) -> None:
        """Connections that a fork has copied: two who asked on one would get each other's answers."""
        with self._lock:
            if self._process == os.getpid():
                return
            copies = [connection for _, connection in self._free]
            self._free.clear()
            self._busy.clear()
            self._places = threading.Semaphore(self._max_connections)
            self._process = os.getpid()
        for connection in copies:
            # Of this process; the parent's stays open.
            connection.close()

    def _wait_for_place(self, seconds: float | None) -> None:
        if self._places.acquire(blocking=False):
            return
        left = self._deadline.left(seconds, httpx.PoolTimeout)
        if not self._places.acquire(timeout=left):
            raise httpx.PoolTimeout("no connection became free")

    def _take(self) -> BlockingConnection:
        """A free connection, or one that will be made."""
        with self._lock:
            if self._is_closed:
                raise httpx.ConnectError("the client was closed")
            expired = [*self._expired()]
            taken = self._free.pop()[1] if self._free else BlockingConnection(self._route, self._deadline)
            self._busy.add(taken)
        for connection in expired:
            connection.close()
        return taken

    def _expired(self) -> Iterator[BlockingConnection]:
        """What was idle for so long that it will not be used again."""
        now = time.monotonic()
        while self._expiry is not None and self._free and now - self._free[0][0] > self._expiry:
            yield self._free.popleft()[1]


class _Returning(httpx.SyncByteStream):
    """A response's stream that gives its connection back when it is closed."""

    def __init__(
        self, stream: httpx.SyncByteStream, connection: BlockingConnection, pool: BlockingPool
    ) -> None:
        self._stream = stream
        self._connection = connection
        self._pool = pool
        self._is_closed = False

    @override
    def __iter__(self) -> Iterator[bytes]:
        return iter(self._stream)

    @override
    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        try:
            self._stream.close()
        except BaseException:
            self._pool.discard(self._connection)
            raise
        self._pool.give_back(self._connection)
