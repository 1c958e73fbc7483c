"""
What a client needs to know of the network between it and the backend, once for calls and stream.

`Network` is the wish, a plain value; `Route` is what it means for one backend.
"""

from __future__ import annotations

import importlib.util
import os
import ssl
import urllib.request
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from typing_extensions import override
from websockets.version import version as websockets_version

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.sdk.tls import NetworkError, TlsContext, Trust, fixed_context, tls_context
from mycel_runtime.sdk.transport import ClientUsageError
from mycel_runtime.sdk.way import Way
from mycel_runtime.wire.address import AddressError, ProxyAddress, proxy_address

if TYPE_CHECKING:
    import socket
    from collections.abc import Hashable

    import httpx

    from mycel_runtime.sdk.carrier import Carrier
    from mycel_runtime.sdk.transport import Requests

ENVIRONMENT: Final = "environment"
"""As `proxy`: the one that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names, unless NO_PROXY has the backend."""

WEBSOCKETS_SENDS_QUOTED: Final = int(websockets_version.partition(".")[0]) < 16  # noqa: PLR2004
"""Whether this release of websockets sends a proxy's credentials as an address quotes them, not as they are."""

_SOCKS_MODULES: Final = ("socksio", "python_socks")
"""Of the extra: the first is for calls, the second what websockets asks for."""


class Link(Protocol):
    """Takes calls and streams to a backend in the caller's own process, where there is no network between."""

    def carrier(self, requests: Requests, *, deadline_seconds: float | None) -> Carrier:
        """For the calls of one client, which closes it; arguments as of `HttpCarrier`."""

    def connect(self) -> socket.socket:
        """
        One end of a new stream, whose other end the backend has; its own if there is no backend just now.

        The end is the caller's to close.
        """


class Connections(Protocol):
    """Of all clients of a loop, as `SharedConnections`."""

    def pool(self, route: Route, *, limits: httpx.Limits) -> httpx.AsyncBaseTransport:
        """For the calls of one client, which closes it; what goes another way has other connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """
    How the backend is reached. `repr` shows neither proxy nor credentials.

    Files are read when a client is made, and again before a connection when they have changed, so that renewed
    certificates need no new client. All clients that wish the same share one SSL context.

    Attributes:
        ca_file: PEM file of the authorities that are trusted, in place of all others.
        client_cert: PEM file of the certificate that we show a server or gateway that asks, intermediates after it.
        client_key: PEM file of its key, without a password; `None` if it is in `client_cert`.
        proxy: `http://` or (with the extra `socks`) `socks5://` and `host[:port]`; or "environment", for HTTPS_PROXY,
            HTTP_PROXY, ALL_PROXY and NO_PROXY, which nobody looks at otherwise.
        proxy_auth: User and password for it; they may stand in `proxy` as well.
        trust: Without a `ca_file`: the "system" store, as OpenSSL finds it (SSL_CERT_FILE and SSL_CERT_DIR in place
            of it); where there is none, and always with "bundled", the authorities of `certifi`.
        link: In place of all of this: what leads to a backend in this process. For `AsyncClient` and what else is on
            a loop; a test kit has one.
        connections: Shared by all on a loop that have the same here: a call takes one that another client's call to
            the same backend, by the same proxy and with the same certificates, has left. For `AsyncClient`; `None`:
            each client has its own.
    """

    ca_file: Path | str | None = None
    client_cert: Path | str | None = None
    client_key: Path | str | None = None
    proxy: str | None = field(default=None, repr=False)
    proxy_auth: tuple[str, str] | None = field(default=None, repr=False)
    trust: Trust = "system"
    link: Link | None = field(default=None, repr=False)
    connections: Connections | None = field(default=None, repr=False)


DEFAULT: Final = Network()


class Route:
    """
    How one backend is reached.

    Args:
        base_url: Of the backend.
        network: What is wished.
        proxy: As of `Network`; only one of the two may have one.
        verify: `False`: any certificate is good; or an SSL context of one's own.

    Attributes:
        tls: `None` where nothing is encrypted.
        link: That of `network`.
        way: Of its calls.

    Raises:
        NetworkError: A file or the proxy cannot be used.
        ClientUsageError: Two arguments speak of the same thing.
    """

    __slots__ = ("_proxy", "link", "tls", "way")

    def __init__(
        self,
        base_url: str,
        network: Network = DEFAULT,
        *,
        proxy: str | None = None,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        self.link = network.link
        self._proxy = _proxy(_one_proxy(network, proxy), base_url)
        self.tls = _tls(network, verify) if base_url.startswith("https:") else None
        self.way = Way(base_url, self._proxy)

    @override
    def __repr__(self) -> str:
        return f"Route(proxy={self._proxy!r})"

    @property
    def key(self) -> Hashable:
        """The same of routes that lead over the same connections."""
        return self.way.origin, self._proxy, self.tls

    @property
    def lacks_system_store(self) -> bool:
        """Whether certifi's authorities are trusted because the system has none."""
        return self.tls is not None and self.tls.is_fallback

    def stream_options(self) -> dict[str, Any]:
        """For a new stream of websockets, one time; with a link it is connected already."""
        if self.link is not None:
            return {"sock": self.link.connect()}
        options: dict[str, Any] = {"proxy": self._websockets_proxy()}
        return options | ({"ssl": self.tls.current()} if self.tls else {})

    def _websockets_proxy(self) -> str | None:
        """It looks names up itself unless it is told `socks5h`; calls never do."""
        if self._proxy is None:
            return None
        url = self._proxy.full_url
        return "socks5h" + url.removeprefix("socks5") if url.startswith("socks5:") else url


def _tls(network: Network, verify: ssl.SSLContext | bool) -> TlsContext:  # noqa: FBT001 - httpx's
    files = [network.ca_file, network.client_cert, network.client_key]
    if isinstance(verify, ssl.SSLContext):
        if any(files):
            raise ClientUsageError("verify= is a context of your own: load the files of network= into it")
        return fixed_context(verify)
    if network.client_key and not network.client_cert:
        raise NetworkError("client_key", "is nothing without client_cert", fix="Set client_cert too.")
    ca_file, client_cert, client_key = (None if file is None else Path(file) for file in files)
    return tls_context(
        ca_file=ca_file,
        client_cert=client_cert,
        client_key=client_key,
        trust=network.trust,
        is_verified=verify,
    )


def is_proxied(base_url: str, network: Network) -> bool:
    """
    Whether a proxy stands between here and this backend, the environment's included.

    Raises:
        NetworkError: The proxy cannot be used.
    """
    return _proxy(network, base_url) is not None


def _one_proxy(network: Network, proxy: str | None) -> Network:
    if proxy is None:
        return network
    if network.proxy is not None:
        raise ClientUsageError("proxy= and the proxy of network= are one too many")
    return replace(network, proxy=proxy)


def _proxy(network: Network, base_url: str) -> ProxyAddress | None:
    text, origin = network.proxy, "proxy"
    if text is None and network.proxy_auth is not None:
        raise NetworkError("proxy_auth", "is nothing without a proxy", fix="Set proxy too.")
    if text == ENVIRONMENT:
        text, origin = _environment_proxy(base_url)
    if text is None:
        return None
    try:
        address = proxy_address(text)
    except AddressError as exc:
        raise NetworkError(origin, exc.problem, fix=exc.fix) from exc
    if address.url.startswith("socks"):
        _require_socks(origin)
    if network.proxy_auth is not None:
        address = ProxyAddress(address.url, *network.proxy_auth)
    _require_sendable(address, origin)
    return address


def _environment_proxy(base_url: str) -> tuple[str | None, str]:
    """What the environment says of this backend, and by which variable."""
    parts = urlsplit(base_url)
    if urllib.request.proxy_bypass(parts.netloc):
        return None, ""
    found = urllib.request.getproxies_environment()
    for scheme in (parts.scheme, "all"):
        if proxy := found.get(scheme):
            names = (name for name in os.environ if name.lower() == f"{scheme}_proxy")
            return (proxy if "://" in proxy else f"http://{proxy}"), next(names, f"{scheme}_proxy")
    return None, ""


def _require_sendable(address: ProxyAddress, origin: str) -> None:
    """An address is all that websockets takes, and before 16 it sends what is quoted there as it stands."""
    if WEBSOCKETS_SENDS_QUOTED and address.is_quoted:
        raise NetworkError(
            origin,
            "has a user or a password with signs that websockets 15 sends to no proxy",
            fix="pip install 'websockets>=16', or let the proxy know a password of letters, digits and -._~ only.",
        )


def _require_socks(origin: str) -> None:
    if missing := [name for name in _SOCKS_MODULES if importlib.util.find_spec(name) is None]:
        raise NetworkError(
            origin,
            f"is a SOCKS proxy, and {' and '.join(missing)} is not installed",
            fix="pip install 'mycel-runtime[socks]'",
        )
