"""Small real proxies, as behaviours of `wire.serving`: HTTP with CONNECT, one that looks into TLS, and SOCKS5."""

from __future__ import annotations

import base64
import contextlib
import select
import socket
import struct
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.unit.sdk.wire import answer

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from tests.unit.sdk.wire import Peer, Server


def http_proxy(credentials: str | None = None) -> Callable[[Peer, Server], None]:
    """Tunnels CONNECT, and carries a plain request on; `credentials` as `user:password` are demanded."""

    def behave(peer: Peer, server: Server) -> None:
        request = peer.request()
        server.requests.append(request)
        if not request or _is_refused(peer, request, credentials):
            return
        method, target, _ = request.split(b" ", 2)
        if method == b"CONNECT":
            host, _, port = target.decode().rpartition(":")
            with socket.create_connection((host.strip("[]"), int(port)), 10) as there:
                peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
                relay(peer.connection, there)
        else:
            url = urlsplit(target.decode())
            with socket.create_connection((url.hostname, url.port), 10) as there:
                there.sendall(request.replace(target, url.path.encode(), 1))
                relay(peer.connection, there)

    return behave


def intercepting(
    tls: ssl.SSLContext, behave: Callable[[Peer, Server], None]
) -> Callable[[Peer, Server], None]:
    """A proxy that ends the tunnel itself and answers in the place of whoever was asked for."""

    def intercept(peer: Peer, server: Server) -> None:
        server.requests.append(peer.request())
        peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        peer.connection = tls.wrap_socket(peer.connection, server_side=True)
        with peer.connection:
            behave(peer, server)

    return intercept


def socks_proxy(credentials: tuple[bytes, bytes] | None = None) -> Callable[[Peer, Server], None]:
    """SOCKS5 (RFC 1928, RFC 1929); what was asked for is kept as the "requests"."""

    def behave(peer: Peer, server: Server) -> None:
        # What is raised where a client leaves in the middle.
        with contextlib.suppress(ValueError, IndexError, struct.error):
            converse(peer, server)

    def converse(peer: Peer, server: Server) -> None:
        _version, methods = peer.connection.recv(2)
        peer.connection.recv(methods)
        peer.send(b"\x05\x02" if credentials else b"\x05\x00")
        if credentials:
            peer.connection.recv(1)
            given = _field(peer), _field(peer)
            peer.send(b"\x01\x00" if given == credentials else b"\x01\x01")
            if given != credentials:
                return
        kind = peer.connection.recv(4)[3]
        host = _field(peer) if kind == 3 else socket.inet_ntoa(peer.connection.recv(4)).encode()
        (port,) = struct.unpack("!H", peer.connection.recv(2))
        server.requests.append(host)
        with socket.create_connection((host.decode(), port), 10) as there:
            peer.send(b"\x05\x00\x00\x01" + bytes(6))
            relay(peer.connection, there)

    return behave


def relay(here: socket.socket, there: socket.socket) -> None:
    """Both ways until either ends."""
    other = {here: there, there: here}
    with contextlib.suppress(OSError):
        while True:
            readable, _, _ = select.select(list(other), [], [], 20)
            for source in readable:
                if not (data := source.recv(65_536)):
                    return
                other[source].sendall(data)


def _is_refused(peer: Peer, request: bytes, credentials: str | None) -> bool:
    if credentials is None:
        return False
    wanted = b"proxy-authorization: basic " + base64.b64encode(credentials.encode())
    lines = [line.strip() for line in request.split(b"\r\n")]
    if any(line.lower()[:27] + line[27:] == wanted for line in lines):
        return False
    challenge = 'Proxy-Authenticate: Basic realm="proxy"'
    peer.send(answer(b"", "407 Proxy Authentication Required", "text/plain", challenge))
    return True


def _field(peer: Peer) -> bytes:
    return peer.connection.recv(peer.connection.recv(1)[0])
