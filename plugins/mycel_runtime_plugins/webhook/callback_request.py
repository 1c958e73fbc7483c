"""A callback as it comes over HTTP: read whole, within bounds, and answered by a status."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import h11

if TYPE_CHECKING:
    import asyncio

_CHUNK_BYTES: Final = 65_536


class CallbackError(Exception):
    """
    It is none.

    Args:
        status: What the caller is told.
    """

    def __init__(self, status: HTTPStatus) -> None:
        self.status = status
        super().__init__(status.phrase)


async def read_callback(
    connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, most: int
) -> tuple[dict[str, str], bytes]:
    """
    Its headers by lower case, and its body.

    Args:
        connection: Whose head is bounded by itself.
        reader: What comes.
        writer: To tell a caller who waits for it that the body may come.
        most: Bytes of the body.

    Raises:
        CallbackError: It is no HTTP, no POST, or too large.

    Cancelling: the connection is of no use any more.
    """
    headers: dict[str, str] = {}
    body = bytearray()
    while True:
        match await _next_event(connection, reader, writer):
            case h11.Request() as request:
                headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
                if request.method != b"POST":
                    raise CallbackError(HTTPStatus.METHOD_NOT_ALLOWED)
            case h11.Data(data=data):
                body += data
                if len(body) > most:
                    raise CallbackError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            case h11.EndOfMessage():
                return headers, bytes(body)
            case _:
                raise CallbackError(HTTPStatus.BAD_REQUEST)


async def _next_event(
    connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> object:
    try:
        while (event := connection.next_event()) is h11.NEED_DATA:
            if connection.they_are_waiting_for_100_continue:
                writer.write(connection.send(h11.InformationalResponse(status_code=100, headers=[])))
            connection.receive_data(await reader.read(_CHUNK_BYTES))
    except h11.RemoteProtocolError:
        raise CallbackError(HTTPStatus.BAD_REQUEST) from None
    return event


def response(connection: h11.Connection, status: HTTPStatus, text: str) -> bytes:
    """
    What the caller is told, and the end of the connection.

    Args:
        connection: Of the request.
        status: Of it.
        text: For who reads it; without words of ours that are secret.
    """
    body = f"{text}\n".encode("utf-8", "replace")
    head = [
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", str(len(body))),
        ("connection", "close"),
    ]
    said = connection.send(h11.Response(status_code=status, headers=head, reason=status.phrase.encode()))
    said += connection.send(h11.Data(data=body))
    return said + connection.send(h11.EndOfMessage())
