"""
A deadline over a whole blocking call.

httpx's timeouts are per read: a server that sends a byte every ten seconds never trips them. Here each wait on the
socket gets no more than what is left of the call's time.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, TypeVar

import httpx

from mycel_runtime.sdk.happy_eyeballs import connect_racing
from mycel_runtime.sdk.readable import is_readable

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

E = TypeVar("E", bound=httpx.TimeoutException)


class Deadline(threading.local):
    """When the current thread's call has to end."""

    ends_at: float | None = None

    @contextlib.contextmanager
    def within(self, seconds: float | None) -> Iterator[None]:
        """Set the deadline for what is done inside; `None` sets none."""
        self.ends_at = None if seconds is None else time.monotonic() + seconds
        try:
            yield
        finally:
            self.ends_at = None

    def left(self, timeout: float | None, exceeded: type[E]) -> float | None:
        """
        Seconds that a wait may take, at most `timeout`.

        Raises:
            httpx.TimeoutException: The deadline has passed; of the kind `exceeded`.
        """
        if self.ends_at is None:
            return timeout
        left = self.ends_at - time.monotonic()
        if left <= 0:
            raise exceeded("the call's deadline has passed")
        return left if timeout is None else min(left, timeout)


def connect_tcp(host: str, port: int, seconds: float | None, deadline: Deadline) -> DeadlineStream:
    """
    Connect to the first address of a name that answers.

    The deadline is heeded here, and by all that is done on the stream.

    Raises:
        httpx.ConnectTimeout: None did in time.
        httpx.ConnectError: There is none, or all refuse.
    """
    left = deadline.left(seconds, httpx.ConnectTimeout)
    try:
        connected = connect_racing(host, port, timeout=left)
    except TimeoutError as exc:
        raise httpx.ConnectTimeout(str(exc)) from exc
    except OSError as exc:
        raise httpx.ConnectError(str(exc)) from exc
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return DeadlineStream(connected, deadline)


class DeadlineStream:
    """
    One connection, which becomes one with TLS when it is told to.

    Attributes:
        socket: For whoever ends what another thread does here; with TLS it is that of TLS.
    """

    def __init__(self, connected: socket.socket, deadline: Deadline) -> None:
        self.socket = connected
        self._deadline = deadline

    def read(self, max_bytes: int, seconds: float | None) -> bytes:
        """
        What has come, or comes first; nothing at the end.

        Raises:
            httpx.ReadTimeout: Nothing came in time.
            httpx.ReadError: The connection is lost, by the TLS of either side perhaps.
        """
        left = self._deadline.left(seconds, httpx.ReadTimeout)
        try:
            self.socket.settimeout(left)
            return self.socket.recv(max_bytes)
        except TimeoutError as exc:
            self._deadline.left(seconds, httpx.ReadTimeout)  # says so, if it was the deadline
            raise httpx.ReadTimeout(str(exc)) from exc
        except OSError as exc:
            raise httpx.ReadError(str(exc)) from exc

    def write(self, buffer: bytes, seconds: float | None) -> None:
        """
        Write all of it.

        Raises:
            httpx.WriteTimeout: The other side has not taken it in time.
            httpx.WriteError: The connection is lost.
        """
        rest = memoryview(buffer)
        try:
            while rest:
                # However little of it goes each time.
                self.socket.settimeout(self._deadline.left(seconds, httpx.WriteTimeout))
                rest = rest[self.socket.send(rest) :]
        except TimeoutError as exc:
            self._deadline.left(seconds, httpx.WriteTimeout)  # as above
            raise httpx.WriteTimeout(str(exc)) from exc
        except OSError as exc:
            raise httpx.WriteError(str(exc)) from exc

    def close(self) -> None:
        """Close it; what is not written yet is written by the system, if it can."""
        self.socket.close()

    def start_tls(self, context: ssl.SSLContext, server_hostname: str, seconds: float | None) -> None:
        """
        Encrypt what follows.

        Raises:
            httpx.ConnectTimeout: The other side has not answered in time.
            httpx.ConnectError: It does not, or its certificate does not hold.
        """
        plain = self.socket
        plain.settimeout(self._deadline.left(seconds, httpx.ConnectTimeout))
        try:
            encrypted = context.wrap_socket(
                plain, server_hostname=server_hostname, do_handshake_on_connect=False
            )
            # Before the handshake: who wants to end that from another thread finds nothing in the plain one.
            self.socket = encrypted
            encrypted.do_handshake()
        except TimeoutError as exc:
            raise httpx.ConnectTimeout(str(exc)) from exc
        except OSError as exc:
            raise httpx.ConnectError(str(exc)) from exc

    @property
    def is_readable(self) -> bool:
        """Whether something has come, be it the end."""
        return is_readable(self.socket.fileno())
