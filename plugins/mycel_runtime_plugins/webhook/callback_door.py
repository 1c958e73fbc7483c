"""Where callbacks come in: a socket for its owner only, or loopback; believed only if they are signed."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import h11

from mycel_runtime_plugins.webhook.answer import AnswerError
from mycel_runtime_plugins.webhook.callback_request import CallbackError, read_callback, response
from mycel_runtime_plugins.webhook.secret import SecretError, read_keys
from mycel_runtime_plugins.webhook.signature import is_signed
from mycel_runtime_plugins.webhook.waiting import Waiting

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime_plugins.webhook.settings import WebhookSettings

_HEAD_SECONDS: Final = 30.0
"""For a request to arrive whole."""

HOLD_SECONDS: Final = 60.0
"""Until a caller is told that his answer is still not said; a reply takes as long at most."""

_MOST_CALLERS: Final = 64
"""Connections at once; more are closed unheard."""

_TOLD: Final = {
    HTTPStatus.OK: "it was said",
    HTTPStatus.NOT_FOUND: "nobody waits for it: what still wants an answer is delivered again",
    HTTPStatus.CONFLICT: "the delivery was answered already, with its response",
    HTTPStatus.SERVICE_UNAVAILABLE: "it was not said: what still wants an answer is delivered again",
    HTTPStatus.UNAUTHORIZED: "it is not signed with the key, or its time is another",
}


class CallbackDoor:
    """
    Of one identity.

    Args:
        settings: Of the plugin.

    Attributes:
        waiting: What is waited for.
    """

    def __init__(self, settings: WebhookSettings) -> None:
        self._settings = settings
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.waiting = Waiting()

    async def open(self) -> None:
        """
        Listen.

        Raises:
            OSError: It cannot.

        Cancelling: nothing listens.
        """
        settings = self._settings
        if settings.callback_socket is not None:
            bound = await asyncio.to_thread(_bind, settings.callback_socket)
            self._server = await asyncio.start_unix_server(self._serve, sock=bound)
        else:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", settings.callback_port)

    async def close(self) -> None:
        """
        Hear nobody any more; who is heard now is cut off.

        Cancelling: it is closed all the same.
        """
        if self._server is not None:
            self._server.close()
            for writer in list(self._writers):
                writer.transport.abort()
            if (path := self._settings.callback_socket) is not None:
                await asyncio.to_thread(path.unlink, missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._writers) >= _MOST_CALLERS:
            writer.transport.abort()
            return
        self._writers.add(writer)
        try:
            with suppress(ConnectionError, TimeoutError):
                await self._converse(reader, writer)
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                headers, body = await read_callback(
                    connection, reader, writer, most=self._settings.most_bytes
                )
            status, text = await self._take(headers, body)
        except CallbackError as exc:
            status, text = exc.status, exc.status.phrase
        if connection.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            writer.write(response(connection, status, text))
            async with asyncio.timeout(_HEAD_SECONDS):
                await writer.drain()

    async def _take(self, headers: dict[str, str], body: bytes) -> tuple[HTTPStatus, str]:
        try:
            keys = await asyncio.to_thread(read_keys, self._settings)
        except SecretError:
            return HTTPStatus.SERVICE_UNAVAILABLE, _TOLD[HTTPStatus.SERVICE_UNAVAILABLE]
        if not is_signed(headers, body, keys=keys, now=time.time()):
            return HTTPStatus.UNAUTHORIZED, _TOLD[HTTPStatus.UNAUTHORIZED]
        try:
            status = await self.waiting.take(headers["webhook-id"], body, HOLD_SECONDS)
        except AnswerError as exc:
            return HTTPStatus.BAD_REQUEST, str(exc)
        return status, _TOLD[status]


def _bind(path: Path) -> socket.socket:
    """A socket that nobody but its owner may open: nobody is heard before it is so. Blocking."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        if path.is_socket() and not _is_alive(path):
            path.unlink(missing_ok=True)  # of a process that was killed
        listener.bind(str(path))
        path.chmod(0o600)
    except BaseException:
        listener.close()
        raise
    return listener


def _is_alive(path: Path) -> bool:
    """Whether somebody listens there: another agent, by a mistake in its table."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return False
    return True


_DOORS: Final[dict[str, CallbackDoor]] = {}


def door_of(me: str) -> CallbackDoor | None:
    """That of an identity; `None`: it is open in no handler's process, or not at all."""
    return _DOORS.get(me)


async def open_door(me: str, settings: WebhookSettings) -> None:
    """
    Open an identity's, if its settings want one; one that was left open is closed.

    Raises:
        OSError: As of `CallbackDoor.open`.

    Cancelling: none is open.
    """
    await close_door(me)
    if settings.has_callbacks:
        door = CallbackDoor(settings)
        await door.open()
        _DOORS[me] = door


async def close_door(me: str) -> None:
    """
    Close an identity's, if it is open.

    Cancelling: it is closed all the same.
    """
    if (door := _DOORS.pop(me, None)) is not None:
        await door.close()


async def close_doors() -> None:
    """As `close_door`, for all."""
    for me in list(_DOORS):
        await close_door(me)
