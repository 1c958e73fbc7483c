"""
Addresses as people write them: a backend's and a proxy's, made one form or refused.

What is refused is never shown: a password may be in it.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import field
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

from mycel_runtime.lazy_dataclass import dataclass

BACKEND_SCHEMES: Final = ("https", "http")

PROXY_SCHEMES: Final = ("http", "socks5", "socks5h")
"""
The last two differ elsewhere in who looks names up; here the proxy always does.

Not `https`, which is TLS in TLS: there the first frame of a blocking stream has come ten seconds late (`websockets`
17.4), for a reason that is not known; refused until it is.
"""

_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?\.?")
_NOT_ALLOWED: Final = re.compile(r"[\s\\\x00-\x1f\x7f]")


class AddressError(ValueError):
    """
    No address of the kind that is needed.

    Args:
        problem: What is wrong, one clause, without the address.
        fix: What to do, an imperative sentence.
    """

    def __init__(self, problem: str, fix: str) -> None:
        self.problem = problem
        self.fix = fix
        super().__init__(problem)


@dataclass(frozen=True, slots=True)
class ProxyAddress:
    """
    A proxy.

    Attributes:
        url: Scheme, host and port.
        user: As it is, not quoted; `None` without credentials.
        password: As `user`; empty if only a user is given.
    """

    url: str
    user: str | None = None
    password: str = field(default="", repr=False)

    @property
    def full_url(self) -> str:
        """With the credentials, quoted; never to be shown."""
        if self.user is None:
            return self.url
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{quote(self.user, safe='')}:{quote(self.password, safe='')}@{rest}"

    @property
    def is_quoted(self) -> bool:
        """Whether `full_url` holds other credentials, to the letter, than these."""
        credentials = f"{self.user or ''}{self.password}"
        return quote(credentials, safe="") != credentials


def backend_address(text: str) -> str:
    """
    The address of a backend without surrounding blanks and trailing slashes; a path prefix is kept.

    Raises:
        AddressError: Another scheme, no host, a port that is none, a user, a query or a fragment.
    """
    scheme, parts = _split(text, BACKEND_SCHEMES)
    if "@" in parts.netloc:
        raise AddressError("must not include a user or password", "Take out what stands before the '@'.")
    if parts.query or parts.fragment or text.strip().endswith(("?", "#")):
        raise AddressError("must not include a query or fragment", "End it before the '?' or '#'.")
    return f"{scheme}://{_place(parts)}{parts.path.rstrip('/')}"


def proxy_address(text: str) -> ProxyAddress:
    """
    The address of a proxy.

    Raises:
        AddressError: Another scheme, no host, a port that is none, a path, a query or a fragment.
    """
    scheme, parts = _split(text, PROXY_SCHEMES)
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise AddressError("must not include a path, query, or fragment", "End it after the port.")
    user = None if parts.username is None else unquote(parts.username)
    return ProxyAddress(f"{scheme}://{_place(parts)}", user, unquote(parts.password or ""))


def _split(text: str, schemes: tuple[str, ...]) -> tuple[str, SplitResult]:
    """Scheme and parts; the host is there, and the port is one."""
    given = text.strip()
    scheme, separator, _ = given.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in schemes:
        *others, last = (f"{each}://" for each in schemes)
        raise AddressError(
            f"must start with {', '.join(others)} or {last}", "Write the address with its scheme."
        )
    if _NOT_ALLOWED.search(given):
        raise AddressError("must not include blanks or backslashes", "Take them out.")
    try:
        parts = urlsplit(given)
        port = parts.port
    except ValueError as exc:
        raise AddressError(f"has a host or port that is none: {_reason(exc)}", "Correct it.") from None
    if port == 0:
        raise AddressError("has the port 0", "Name the port that is listened on.")
    if not _is_host(parts.hostname):
        raise AddressError("must include a host", "Name the host after '://'.")
    return scheme, parts


def _reason(exc: ValueError) -> str:
    """Without what Python quotes: that may be a password which has an unquoted '/' in it."""
    return "a port is a number from 1 to 65535" if "ort" in str(exc) else "an IPv6 address stands in brackets"


def _is_host(host: str | None) -> bool:
    if not host:
        return False
    if ":" in host:
        return _is_ip(host)
    try:
        return bool(_NAME.fullmatch(host.encode("idna").decode()))
    except UnicodeError:
        return False


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _place(parts: SplitResult) -> str:
    """Host and port, the host in small letters."""
    host = parts.hostname or ""
    return (f"[{host}]" if ":" in host else host) + (f":{parts.port}" if parts.port else "")
