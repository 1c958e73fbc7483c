"""TLS between two threads, on a real socket: one reads, one writes, OpenSSL serves one at a time."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from mycel_runtime.sdk import Client
from mycel_runtime.sdk.locked_tls import LockedTls, LockedTlsContext
from tests.unit.sdk.test_tls import CERTIFICATE, behave
from tests.unit.sdk.upgraded import notify
from tests.unit.sdk.wire import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("nothing_leaks")

DEADLINE_SECONDS = 20.0
MUCH = bytes(range(256)) * 65_536


def server_context() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)
    return context


def client_context() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=CERTIFICATE)


@contextlib.contextmanager
def connected() -> Iterator[tuple[LockedTls, LockedTls]]:
    """Our end, which waits for nothing longer than a second, and a patient one as the peer."""
    near, far = socket.socketpair()
    with near, far, ThreadPoolExecutor(1) as pool:
        near.settimeout(DEADLINE_SECONDS)
        far.settimeout(DEADLINE_SECONDS)
        accepted = pool.submit(server_context().wrap_socket, far, server_side=True)
        ours = LockedTlsContext(client_context()).wrap_socket(near, server_hostname="127.0.0.1")
        theirs = LockedTls(accepted.result(DEADLINE_SECONDS))
        ours.settimeout(1.0)
        with contextlib.closing(ours), contextlib.closing(theirs):
            yield ours, theirs


def received(connection: LockedTls, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        data += connection.recv(65_536)
    return bytes(data)


class Watched(ssl.SSLSocket):
    """Takes its time, and tells whether two were in it at once."""

    inside = 0
    most_inside = 0

    @contextlib.contextmanager
    def _entered(self) -> Iterator[None]:
        kind = type(self)
        kind.inside += 1
        kind.most_inside = max(kind.most_inside, kind.inside)
        time.sleep(0.02)
        try:
            yield
        finally:
            kind.inside -= 1

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        with self._entered():
            return super().recv(buflen, flags)

    def send(self, data: bytes, flags: int = 0) -> int:
        with self._entered():
            return super().send(data, flags)

    def sendall(self, data: bytes, flags: int = 0) -> None:
        with self._entered():
            super().sendall(data, flags)


def test_the_stream_s_threads_are_never_in_openssl_at_once():
    """The ticket of TLS 1.3 is read by one thread of `websockets`, the handshake is written by another one."""
    Watched.most_inside = 0
    context = client_context()
    context.sslsocket_class = Watched
    with (
        serving(behave, server_context()) as server,
        Client(base_url=server.base_url, auth_token="t", verify=context) as client,
    ):
        for frame in client.notifications.stream(reconnect=False):
            assert frame == notify(1)
            break
    assert Watched.most_inside == 1


def test_much_goes_both_ways_at_once():
    with connected() as (ours, theirs), ThreadPoolExecutor(3) as pool:
        ours.settimeout(DEADLINE_SECONDS)
        written = pool.submit(ours.sendall, MUCH)
        read = pool.submit(received, ours, len(MUCH))
        heard = pool.submit(received, theirs, len(MUCH))
        theirs.sendall(MUCH)
        assert read.result(DEADLINE_SECONDS) == heard.result(DEADLINE_SECONDS) == MUCH
        written.result(DEADLINE_SECONDS)


def test_a_thread_that_waits_holds_nobody_up():
    with connected() as (ours, theirs), ThreadPoolExecutor(1) as pool:
        ours.settimeout(DEADLINE_SECONDS)
        read = pool.submit(ours.recv, 10)
        ours.sendall(b"ping")
        assert theirs.recv(10) == b"ping"
        theirs.sendall(b"pong")
        assert read.result(DEADLINE_SECONDS) == b"pong"


def test_what_does_not_come_in_time_is_told():
    with connected() as (ours, theirs):
        ours.settimeout(0.05)
        with pytest.raises(TimeoutError):
            ours.recv(10)
        theirs.sendall(b"late")
        ours.settimeout(DEADLINE_SECONDS)
        assert ours.recv(10) == b"late"


def test_a_peer_that_takes_nothing_is_not_waited_for():
    with connected() as (ours, _):
        ours.settimeout(0.1)
        with pytest.raises(TimeoutError):
            ours.sendall(MUCH)


def test_the_end_is_no_error():
    with connected() as (ours, theirs):
        theirs.sendall(b"bye")
        theirs.close()
        assert (ours.recv(10), ours.recv(10)) == (b"bye", b"")


def test_after_our_last_word_the_peer_s_is_still_read():
    with connected() as (ours, theirs):
        ours.shutdown(socket.SHUT_WR)
        theirs.sendall(b"goodbye")
        assert ours.recv(10) == b"goodbye"


def test_closing_wakes_a_thread_that_waits():
    with connected() as (ours, _), ThreadPoolExecutor(1) as pool:
        ours.settimeout(None)
        is_waiting = threading.Event()

        def read() -> bytes:
            is_waiting.set()
            return ours.recv(10)

        waiting = pool.submit(read)
        assert is_waiting.wait(DEADLINE_SECONDS)
        time.sleep(0.05)
        ours.close()
        with contextlib.suppress(OSError):
            assert waiting.result(DEADLINE_SECONDS) == b""


@pytest.mark.parametrize("call", [lambda ours: ours.recv(10), lambda ours: ours.sendall(b"x")])
def test_one_that_is_closed_says_so(call):
    with connected() as (ours, _):
        ours.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            call(ours)


def test_what_ended_tls_is_told_to_whoever_comes_later():
    """A server that demands a certificate says so in an alert; the first thread takes it from the other."""
    demanding = server_context()
    demanding.verify_mode = ssl.CERT_REQUIRED
    demanding.load_verify_locations(CERTIFICATE)

    def refuse(far: socket.socket) -> None:
        with pytest.raises(ssl.SSLError):
            demanding.wrap_socket(far, server_side=True)

    near, far = socket.socketpair()
    with near, far, ThreadPoolExecutor(1) as pool:
        refused = pool.submit(refuse, far)
        ours = LockedTlsContext(client_context()).wrap_socket(near, server_hostname="127.0.0.1")
        refused.result(DEADLINE_SECONDS)
        try:
            for call in (lambda: ours.recv(10), lambda: ours.sendall(b"x"), lambda: ours.recv(10)):
                with pytest.raises(ssl.SSLError, match="certificate required"):
                    call()
        finally:
            ours.close()
