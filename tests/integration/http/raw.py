"""Requests as an attacker writes them: byte by byte, over a socket, with a deadline."""

from __future__ import annotations

import contextlib
import json
import socket
from dataclasses import dataclass

from tests.discretion.heard import hear

SECONDS = 15.0


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


def ask(address, method="GET", path="/", headers=None, body=b""):
    """
    The answer to one request.

    Args:
        address: Host and port.
        headers: Beside `Host`, or in its place; a value may be a list: so many headers.
        body: Sent with its length, unless that is among the headers.
    """
    host, port = address
    wanted = {"Host": f"{host}:{port}"} | ({"Content-Length": str(len(body))} if body else {})
    wanted |= headers or {}
    lines = [f"{method} {path} HTTP/1.1", "Connection: close"]
    for name, value in wanted.items():
        lines += [f"{name}: {each}" for each in ([value] if isinstance(value, str) else value or ())]
    return exchange(address, "\r\n".join([*lines, "", ""]).encode() + body)


def exchange(address, request):
    """Whatever comes back until the other side closes."""
    with socket.create_connection(address, SECONDS) as connection:
        with contextlib.suppress(ConnectionError):  # It has answered already, and reads no more.
            connection.sendall(request)
        answer = received(connection)
    hear(request[:80].partition(b"\r")[0].decode("latin-1"), answer)
    return answer_of(answer)


def received(connection):
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts)


def answer_of(text):
    head, _, body = text.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return Answer(int(status.split()[1]) if status else 0, headers, body)


def post(address, path, values, **headers):
    """A change, as the page asks for it."""
    host, port = address
    wanted = {
        "Content-Type": "application/json",
        "Origin": f"http://{host}:{port}",
        "Sec-Fetch-Site": "same-origin",
    }
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(address, "POST", path, wanted | named, json.dumps(values).encode())
