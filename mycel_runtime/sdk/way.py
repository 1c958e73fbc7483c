"""From here to one backend: who is connected to, what opens the way behind it, and how requests look. Does no I/O."""

from __future__ import annotations

import base64
import functools
from typing import TYPE_CHECKING

import httpx

from mycel_runtime.sdk.http_message import request_bytes
from mycel_runtime.sdk.tunnel import connect_steps

if TYPE_CHECKING:
    from mycel_runtime.sdk.tunnel import Steps
    from mycel_runtime.wire.address import ProxyAddress


class Way:
    """
    How calls get to a backend: straight, or through a proxy.

    An HTTP proxy is asked for a tunnel to what is encrypted, and carries on what is not.

    Args:
        base_url: Of the backend.
        proxy: If there is one.

    Attributes:
        host: Of whom is connected to.
        port: As `host`.
        name: The backend's host, which its certificate has to have.
    """

    __slots__ = ("_backend", "_is_forwarded", "_proxy", "host", "name", "port")

    def __init__(self, base_url: str, proxy: ProxyAddress | None = None) -> None:
        self._backend, self._proxy = _parsed(base_url), proxy
        first = _parsed(proxy.url) if proxy else self._backend
        self.name = self._backend.raw_host.decode("ascii")
        self.host, self.port = first.raw_host.decode("ascii"), _port(first)
        self._is_forwarded = proxy is not None and first.scheme == self._backend.scheme == "http"

    @property
    def origin(self) -> tuple[str, str, int]:
        """The backend's scheme, host and port."""
        return self._backend.scheme, self.name, _port(self._backend)

    def tunnel(self) -> Steps | None:
        """What comes before TLS and requests, if anything does."""
        if self._proxy is None or self._is_forwarded:
            return None
        if not self._proxy.url.startswith("socks"):
            return connect_steps(self.name, _port(self._backend), _headers(self._proxy))
        from mycel_runtime.sdk.socks import socks_steps  # noqa: PLC0415 - of an extra

        credentials = None if self._proxy.user is None else (self._proxy.user, self._proxy.password)
        return socks_steps(self.name, _port(self._backend), credentials)

    def request_bytes(self, request: httpx.Request) -> bytes:
        """
        As the next one on the way reads it.

        Raises:
            httpx.LocalProtocolError: There is a line end where none may be.
        """
        if self._proxy is None or not self._is_forwarded:
            return request_bytes(request)
        url = request.url
        target = b"%b://%b%b" % (url.raw_scheme, url.netloc, url.raw_path)
        return request_bytes(request, target=target, headers=_headers(self._proxy))


@functools.lru_cache(maxsize=16)
def _parsed(address: str) -> httpx.URL:
    """A process may have a thousand clients of a backend."""
    return httpx.URL(address)


def _port(url: httpx.URL) -> int:
    return url.port or {"https": 443, "http": 80}.get(url.scheme, 1080)


def _headers(proxy: ProxyAddress) -> tuple[tuple[bytes, bytes], ...]:
    """Its credentials, if it has any."""
    if proxy.user is None:
        return ()
    return (
        (b"Proxy-Authorization", b"Basic " + base64.b64encode(f"{proxy.user}:{proxy.password}".encode())),
    )
