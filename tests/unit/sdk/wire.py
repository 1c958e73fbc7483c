"""A server of bare sockets that misbehaves as it is told, and both colours of the client behind one face."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mycel_runtime.sdk import AsyncClient, Client

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from mycel_runtime.sdk.calls import Call

TOKEN = "tok-SECRET-1234567890"


@dataclass
class Peer:
    """One accepted connection."""

    connection: socket.socket
    number: int

    def request(self) -> bytes:
        """A whole request's bytes; empty if the client closed."""
        data = b""
        while b"\r\n\r\n" not in data:
            if not (more := self.connection.recv(65_536)):
                return b""
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        while len(body) < length:
            body += self.connection.recv(65_536)
        return head + b"\r\n\r\n" + body

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def reset(self) -> None:
        """Close so that the client sees a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def trickle(self, data: bytes, *, pause: float = 0.05) -> None:
        """A byte at a time, each in time, until it is over or the client gives up."""
        for byte in data:
            self.send(bytes([byte]))
            time.sleep(pause)

    def wait_for_close(self) -> None:
        """Until the client closes."""
        while self.connection.recv(65_536):
            pass


@dataclass
class Server:
    """What the server saw."""

    port: int
    scheme: str
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    closed: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    @property
    def base_url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"


@contextlib.contextmanager
def serving(behave: Callable[[Peer, Server], None], tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Serve; `behave` has a thread per connection, which is closed after it."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(listener.getsockname()[1], "https" if tls else "http")
    threads: list[threading.Thread] = []

    def serve(peer: Peer) -> None:
        peer.connection.settimeout(60)
        with contextlib.suppress(OSError), peer.connection:
            if tls:
                peer.connection = tls.wrap_socket(peer.connection, server_side=True)
            with peer.connection:
                behave(peer, server)
        server.closed.release()

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                server.connections += 1
                threads.append(threading.Thread(target=serve, args=(Peer(connection, server.connections),)))
                threads[-1].start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join(60)
        for thread in threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in threads)


def answer(
    body: bytes, status: str = "200 OK", content_type: str = "application/json", *headers: str
) -> bytes:
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        *headers,
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + body


def answering(*answers: bytes) -> Callable[[Peer, Server], None]:
    """Give each request in turn one of the answers, and the last one for ever."""

    def behave(peer: Peer, server: Server) -> None:
        while request := peer.request():
            server.requests.append(request)
            peer.send(answers[min(len(server.requests), len(answers)) - 1])

    return behave


class Colour:
    """Runs calls on one of the two clients, each time on a client of its own."""

    def __init__(self, name: str) -> None:
        self.name = name

    def calls(self, base_url: str, *calls: Call[Any], **options: Any) -> list[Any]:
        """What came of the calls, one after the other on one client: results or exceptions."""
        options = {"auth_token": TOKEN, "base_url": base_url, "retries": 0} | options
        if self.name == "sync":
            with Client(**options) as client:
                return [_outcome(client, call) for call in calls]

        async def run() -> list[Any]:
            async with AsyncClient(**options) as client:
                found = [await _outcome_async(client, call) for call in calls]
            await settled()
            return found

        return asyncio.run(run())

    def frames(
        self, base_url: str, count: int, *, client: dict[str, Any] | None = None, **options: Any
    ) -> list[Any]:
        """The first frames of a stream, and the exception that ended it, if it was one."""
        client_options = {"auth_token": TOKEN, "base_url": base_url, "retries": 0} | (client or {})
        found: list[Any] = []
        if self.name == "sync":
            with Client(**client_options) as it:
                stream = it.notifications.stream(**options)
                try:
                    while len(found) < count and (frame := next(stream, None)):
                        found.append(frame)
                except Exception as exc:  # noqa: BLE001 - the caller looks at it
                    found.append(exc)
                finally:
                    stream.close()
            return found

        async def run() -> None:
            async with (
                AsyncClient(**client_options) as it,
                contextlib.aclosing(it.notifications.stream(**options)) as stream,
            ):
                try:
                    while len(found) < count and (frame := await anext(stream, None)):
                        found.append(frame)
                except Exception as exc:  # noqa: BLE001 - as above
                    found.append(exc)
            await settled()

        asyncio.run(run())
        return found


async def settled() -> None:
    """No task is left but this one; those that were cancelled get a moment to notice."""
    async with asyncio.timeout(60):
        while asyncio.all_tasks() != {asyncio.current_task()}:  # noqa: ASYNC110 - tasks tell nobody
            await asyncio.sleep(0)


def _outcome(client: Client, call: Call[Any]) -> Any:
    try:
        return client.call(call)
    except Exception as exc:  # noqa: BLE001 - the caller looks at it
        return exc


async def _outcome_async(client: AsyncClient, call: Call[Any]) -> Any:
    try:
        return await client.call(call)
    except Exception as exc:  # noqa: BLE001 - the caller looks at it
        return exc


def open_files() -> dict[int, str]:
    """What each descriptor of this process is; of a connection, both ends."""
    return {int(path.name): _told(path) for path in Path("/proc/self/fd").iterdir()}


def _told(path: Path) -> str:
    with contextlib.suppress(OSError):
        name = str(path.readlink())
        if not name.startswith("socket:"):
            return name
        with socket.socket(fileno=os.dup(int(path.name))) as copy, contextlib.suppress(OSError):
            name += f" of {copy.getsockname()}"
            name += f" to {copy.getpeername()}"
        return name
    return "closed meanwhile"
