"""
How an HTTP proxy is asked for a way through it. Does no I/O.

`Steps` yield what is to be written, perhaps nothing, and are sent what comes then, nothing being the end; they are
over when the way is open. Connections of both colours run the same ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import httpx

from mycel_runtime.sdk.http_message import ResponseReader

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

Steps: TypeAlias = "Generator[bytes, bytes, None]"

_OK: Final = range(200, 300)


def connect_steps(host: str, port: int, headers: Iterable[tuple[bytes, bytes]]) -> Steps:
    """
    By CONNECT.

    Raises:
        httpx.ProxyError: It refuses; the status stands first in the text.
        httpx.RemoteProtocolError: It does not speak HTTP, or hangs up.
    """
    place = b"%b:%d" % ((f"[{host}]" if ":" in host else host).encode("ascii"), port)
    lines = [b"CONNECT %b HTTP/1.1" % place, b"Host: %b" % place, b"Accept: */*"]
    lines += [b"%b: %b" % header for header in headers]
    answer = ResponseReader()
    answer.feed((yield b"\r\n".join([*lines, b"", b""])))
    while not answer.status:
        answer.feed((yield b""))
    if answer.status not in _OK:
        raise httpx.ProxyError(f"{answer.status} {answer.reason.decode('ascii', 'ignore')}")
