"""
A TLS connection that one thread may read while another one writes.

OpenSSL's may not be used by two at once, and Python's `ssl` lets them: the ticket that a server sends after a TLS 1.3
handshake is read while the first request is written, and now and then that request never leaves. The threads of
`websockets` do just that.
"""

from __future__ import annotations

import contextlib
import functools
import selectors
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_Result = TypeVar("_Result")

_CHUNK: Final = 65_536
"""Bytes given to OpenSSL at a time: what is written, nobody reads meanwhile."""


class LockedTlsContext:
    """
    What `websockets` takes for a context: its connections are `LockedTls`.

    Args:
        context: Makes them.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context

    def wrap_socket(self, connection: socket.socket, *, server_hostname: str) -> LockedTls:
        """
        After the handshake, in the socket's own time.

        Raises:
            OSError: No TLS; the socket is closed.
        """
        return LockedTls(self._context.wrap_socket(connection, server_hostname=server_hostname))


class LockedTls:
    """
    As a blocking `ssl.SSLSocket`, and for two threads.

    What ended TLS is told to both: OpenSSL tells it to the one that came first, as an alert to a thread that reads.

    Args:
        connection: After its handshake; nobody else's from here on.
    """

    def __init__(self, connection: ssl.SSLSocket) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._waiting = 0
        self._nobody_waits = threading.Condition(self._lock)
        self._timeout = connection.gettimeout()
        self._end: ssl.SSLError | None = None
        connection.setblocking(False)

    def __getattr__(self, name: str) -> Any:
        """What neither reads nor writes is the connection's own."""
        return getattr(self._connection, name)

    def settimeout(self, seconds: float | None) -> None:
        """For what is begun from here on; `None` waits for ever."""
        self._timeout = seconds

    def recv(self, size: int) -> bytes:
        """
        At most `size` bytes; none at the end.

        Raises:
            TimeoutError: Nothing came in time.
            OSError: The connection is over.
        """
        return self._when_ready(lambda: self._connection.recv(size), self._deadline())

    def sendall(self, data: bytes) -> None:
        """
        Write it whole.

        Raises:
            TimeoutError: The peer did not take it in time; some of it may be on its way.
            OSError: The connection is over.
        """
        deadline = self._deadline()
        rest = memoryview(data)
        while rest:
            written = self._when_ready(functools.partial(self._connection.send, rest[:_CHUNK]), deadline)
            rest = rest[written:]

    def shutdown(self, how: int) -> None:
        """Of the socket alone: `ssl`'s would drop TLS, and the other thread would read what is encrypted."""
        socket.socket.shutdown(self._connection, how)

    def close(self) -> None:
        """
        A thread that waits for the peer is woken first.

        It would wait for ever, or for a stranger's bytes: the number of a closed descriptor is soon another one's.
        """
        with contextlib.suppress(OSError):
            self.shutdown(socket.SHUT_RDWR)
        with self._nobody_waits:
            self._nobody_waits.wait_for(lambda: self._waiting == 0)
            self._connection.close()

    def _deadline(self) -> float | None:
        return None if self._timeout is None else time.monotonic() + self._timeout

    def _when_ready(self, step: Callable[[], _Result], deadline: float | None) -> _Result:
        """Try, and wait for the peer without the lock, until it is done."""
        while True:
            with self._lock:
                try:
                    return self._told(step)
                except ssl.SSLWantReadError:
                    event = selectors.EVENT_READ
                except ssl.SSLWantWriteError:
                    event = selectors.EVENT_WRITE
                self._waiting += 1
            try:
                self._wait(event, deadline)
            finally:
                with self._nobody_waits:
                    self._waiting -= 1
                    self._nobody_waits.notify_all()

    def _told(self, step: Callable[[], _Result]) -> _Result:
        if self._end is not None:
            raise self._end
        try:
            return step()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as exc:
            self._end = exc
            raise

    def _wait(self, event: int, deadline: float | None) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._connection, event)
            if not selector.select(None if deadline is None else max(deadline - time.monotonic(), 0)):
                raise TimeoutError("timed out")
