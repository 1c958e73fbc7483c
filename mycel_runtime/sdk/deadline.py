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
from typing import TYPE_CHECKING, Any, TypeVar

import httpcore
from httpcore._backends.sync import SyncStream
from typing_extensions import override

from mycel_runtime.sdk.happy_eyeballs import connect_racing

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Iterator

E = TypeVar("E", bound=httpcore.TimeoutException)


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
            httpcore.TimeoutException: The deadline has passed; of the kind `exceeded`.
        """
        if self.ends_at is None:
            return timeout
        left = self.ends_at - time.monotonic()
        if left <= 0:
            raise exceeded("the call's deadline has passed")
        return left if timeout is None else min(left, timeout)


class DeadlineNetwork(httpcore.NetworkBackend):
    """
    Connects to the first of a name's addresses that answers, where httpcore waits for each in turn.

    Args:
        deadline: Heeded by all that is done on its streams.
    """

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    @override
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left = self._deadline.left(timeout, httpcore.ConnectTimeout)
        try:
            connected = connect_racing(host, port, timeout=left)
        except TimeoutError as exc:
            raise httpcore.ConnectTimeout(str(exc)) from exc
        except OSError as exc:
            raise httpcore.ConnectError(str(exc)) from exc
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return _Stream(SyncStream(connected), self._deadline)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    @override
    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            return self._stream.read(max_bytes, self._deadline.left(timeout, httpcore.ReadTimeout))
        except httpcore.ReadTimeout:
            self._deadline.left(timeout, httpcore.ReadTimeout)  # says so, if it was the deadline
            raise

    @override
    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        connection, rest = self._stream.get_extra_info("socket"), memoryview(buffer)
        try:
            while rest:
                # However little of it goes each time.
                connection.settimeout(self._deadline.left(timeout, httpcore.WriteTimeout))
                rest = rest[connection.send(rest) :]
        except TimeoutError as exc:
            self._deadline.left(timeout, httpcore.WriteTimeout)  # as above
            raise httpcore.WriteTimeout(str(exc)) from exc
        except OSError as exc:
            raise httpcore.WriteError(str(exc)) from exc

    @override
    def close(self) -> None:
        self._stream.close()

    @override
    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        plain = self._stream.get_extra_info("socket")
        plain.settimeout(self._deadline.left(timeout, httpcore.ConnectTimeout))
        try:
            encrypted = ssl_context.wrap_socket(
                plain, server_hostname=server_hostname, do_handshake_on_connect=False
            )
            # Before the handshake: who wants to end that from another thread finds nothing in the plain one.
            self._stream = SyncStream(encrypted)
            encrypted.do_handshake()
        except TimeoutError as exc:
            raise httpcore.ConnectTimeout(str(exc)) from exc
        except OSError as exc:
            raise httpcore.ConnectError(str(exc)) from exc
        return self

    @override
    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
