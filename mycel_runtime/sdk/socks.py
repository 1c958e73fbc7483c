"""How a SOCKS proxy is asked for a way through it; with the extra `socks`. Does no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import httpx
from socksio import SOCKSError, socks5

if TYPE_CHECKING:
    import enum
    from collections.abc import Callable, Generator

    from mycel_runtime.sdk.tunnel import Steps


def socks_steps(host: str, port: int, credentials: tuple[str, str] | None) -> Steps:
    """
    By SOCKS 5; the proxy looks the name up.

    Raises:
        httpx.ProxyError: It refuses, cannot reach the backend, does not speak SOCKS 5, or hangs up.

    Source: RFC 1928; RFC 1929.
    """
    proxy = socks5.SOCKS5Connection()
    methods = socks5.SOCKS5AuthMethod
    method = methods.USERNAME_PASSWORD if credentials else methods.NO_AUTH_REQUIRED
    command = socks5.SOCKS5CommandRequest.from_address(socks5.SOCKS5Command.CONNECT, (host, port))
    try:
        chosen = yield from _ask(proxy, socks5.SOCKS5AuthMethodsRequest([method]), _two)
        if chosen.method is not method:
            raise httpx.ProxyError(f"it wants {_words(chosen.method)}, not {_words(method)}")
        if credentials:
            shown = socks5.SOCKS5UsernamePasswordRequest(*(each.encode() for each in credentials))
            if not (yield from _ask(proxy, shown, _two)).success:
                raise httpx.ProxyError("Invalid username/password")
        found = yield from _ask(proxy, command, _size_of_last)
    except OverflowError as exc:
        raise httpx.ProxyError("it takes no user or password of more than 255 bytes") from exc
    except SOCKSError as exc:
        raise httpx.ProxyError("it does not speak SOCKS 5") from exc
    if found.reply_code is not socks5.SOCKS5ReplyCode.SUCCEEDED:
        raise httpx.ProxyError(f"Proxy Server could not connect: {_words(found.reply_code).capitalize()}.")


def _ask(proxy: Any, request: Any, size: Callable[[bytes], int]) -> Generator[bytes, bytes, Any]:
    """The answer, which may come in pieces."""
    proxy.send(request)
    answer = yield proxy.data_to_send()
    while len(answer) < size(answer):
        if not (more := (yield b"")):
            raise httpx.ProxyError("it hung up")
        answer += more
    return proxy.receive_data(answer)


def _two(_answer: bytes) -> int:
    return 2


def _size_of_last(answer: bytes) -> int:
    """That has an address in it: four bytes, sixteen, or a name behind its length."""
    if len(answer) < _BEFORE_ADDRESS:
        return _BEFORE_ADDRESS
    return {1: 10, 4: 22}.get(answer[3], 7 + answer[4])


_BEFORE_ADDRESS: Final = 5


def _words(code: enum.Enum) -> str:
    return code.name.lower().replace("_", " ")
