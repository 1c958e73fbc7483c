"""
Which requests are meant for the page, and which another site, name or program has slipped in. Pure.

A browser tells where a request comes from, and another site's script cannot change that: `Host` (a name that was
rebound to this machine stays that name), `Origin` and `Sec-Fetch-Site`. Another port of this machine is another
origin, though browsers call it the same site.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

BODY_BYTES: Final = 4096
"""Of a request; the largest that the page sends has a token in it."""

HEAD_BYTES: Final = 16_384
"""Of line and headers together."""

SAFE_METHODS: Final = frozenset({"GET", "HEAD"})

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
        "trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
"""Of every answer."""

_PROXIED: Final = frozenset({"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"})
"""Whoever adds one of these passes on what others ask."""


class Refusal(NamedTuple):
    """Status and reason; the reason is told to the client and to the log, and repeats nothing of the request."""

    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class Request:
    """
    What decides, of one request.

    Attributes:
        headers: Names in lower case.
    """

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]

    def only(self, name: str) -> str | None:
        """The value of a header; `None` unless there is exactly one."""
        values = [value for key, value in self.headers if key == name]
        return values[0] if len(values) == 1 else None

    def has(self, *names: str) -> bool:
        """Whether any of these headers is there."""
        return any(key in names for key, _ in self.headers)


class Guard:
    """
    What this listener takes.

    Args:
        listen: Its checked address; the port is the one that it got.
        hosts: Further names under which it is asked, by a proxy.
        is_loopback: Only this machine reaches that address.
    """

    def __init__(self, listen: str, hosts: Iterable[str] = (), *, is_loopback: bool = True) -> None:
        host, _, port = listen.rpartition(":")
        self._port = port
        self._is_loopback = is_loopback
        self._own: Collection[str] = _with_port([host, "localhost", "127.0.0.1", "[::1]"], port)
        self._hosts = frozenset(hosts)

    def refusal(self, request: Request) -> Refusal | None:
        """Why this request is not answered; `None`: it is."""
        return self._misdirected(request) or _foreign(request, self._origins(request)) or _oversized(request)

    def is_local(self, request: Request) -> bool:
        """Whether it comes from this machine: such a one may read without a token."""
        host = (request.only("host") or "").lower()
        return self._is_loopback and host in self._own and not request.has(*_PROXIED)

    def may_use_cookie(self, request: Request) -> bool:
        """Whether a browser says that our own page asks: one that says nothing has to show the token itself."""
        return request.method in SAFE_METHODS or request.has("origin", "sec-fetch-site")

    def _misdirected(self, request: Request) -> Refusal | None:
        host = (request.only("host") or "").lower()
        if host in self._hosts or (host in self._own and self._is_loopback) or self._is_own_address(host):
            return None
        return Refusal(421, "the request is for another host")

    def _is_own_address(self, host: str) -> bool:
        """A numeric address cannot be rebound; of those this listener has more than it knows."""
        if self._is_loopback:
            return False
        name = host.removesuffix(f":{self._port}")
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return host != name or self._port == "80"

    def _origins(self, request: Request) -> frozenset[str]:
        """What a browser calls the page's own origin under the name that it asks for."""
        host = (request.only("host") or "").lower()
        return frozenset({f"http://{host}"} | ({f"https://{host}"} if host in self._hosts else set()))


def _with_port(hosts: Iterable[str], port: str) -> frozenset[str]:
    return frozenset(f"{host}:{port}" for host in hosts) | (frozenset(hosts) if port == "80" else frozenset())


def _foreign(request: Request, origins: Collection[str]) -> Refusal | None:
    site, origin = request.only("sec-fetch-site"), request.only("origin")
    if request.has("origin") and (origin is None or origin.lower() not in origins):
        return Refusal(403, "the request comes from another origin")
    if not request.has("sec-fetch-site") or site == "same-origin":
        return None
    if request.method in SAFE_METHODS and (site == "none" or _is_link(request)):
        return None
    return Refusal(403, "the request comes from another site")


def _is_link(request: Request) -> bool:
    """Somebody follows a link to the page, or opens it from a bookmark; nothing is read by the other site."""
    is_opened = request.only("sec-fetch-mode") == "navigate" and request.only("sec-fetch-dest") == "document"
    return is_opened and request.path == "/"


def _oversized(request: Request) -> Refusal | None:
    if sum(len(name) + len(value) for name, value in request.headers) + len(request.path) > HEAD_BYTES:
        return Refusal(431, f"the head is larger than {HEAD_BYTES} bytes")
    length = request.only("content-length")
    if request.has("content-length") and (length is None or not length.isdecimal()):
        return Refusal(400, "the length of the body is no number")
    if length is not None and (len(length) > len(str(BODY_BYTES)) or int(length) > BODY_BYTES):
        return Refusal(413, f"the body is larger than {BODY_BYTES} bytes")
    if request.method in SAFE_METHODS:
        return None
    if Counter(key for key, _ in request.headers)["content-type"] != 1 or not _is_json(request):
        return Refusal(415, "the body is not application/json")
    return None


def _is_json(request: Request) -> bool:
    return (request.only("content-type") or "").partition(";")[0].strip().lower() == "application/json"
