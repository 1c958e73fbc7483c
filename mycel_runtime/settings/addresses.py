"""Where the backend and the proxy are, as settings give it."""

from __future__ import annotations

import contextlib
import ipaddress
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

from pydantic_core import PydanticCustomError

from mycel_runtime.wire.address import AddressError, backend_address, proxy_address

if TYPE_CHECKING:
    from collections.abc import Iterator

EMBEDDED: Final = "embedded"
"""`base_url` of a backend inside this process."""

ENVIRONMENT: Final = "environment"
"""`proxy` that the environment names, unless its NO_PROXY has the backend."""


_HIGHEST_PORT: Final = 65_535
_BRACKETED: Final = 6
"""Addresses of this version of IP stand in brackets before a port."""

_DATABASE_FIX: Final = "Write it as postgresql://USER@HOST:5432/DATABASE; the database is one of agents only."

_DATABASE_HOSTS: Final = re.compile(
    r"(\[[^]]*\]|[^]\[:,]*)(:[0-9]{0,5})?(,(\[[^]]*\]|[^]\[:,]*)(:[0-9]{0,5})?)*"
)
"""As libpq takes them: several, each with its port, an IPv6 address in brackets; a socket's folder is escaped."""

_DATABASE_PORT: Final = re.compile(r":([0-9]+)(?=,|$)")

_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?")


def checked_base_url(text: str) -> str:
    """
    An address of a backend, or `EMBEDDED`.

    Raises:
        PydanticCustomError: It is neither; with the fix.
    """
    if text.strip().lower() == EMBEDDED:
        return EMBEDDED
    with _told():
        return backend_address(text)


def checked_database(text: str) -> str:
    """
    An address of a database, as PostgreSQL's own tools take it: `postgresql://USER@HOST:PORT/DATABASE?OPTION=VALUE`.

    Raises:
        PydanticCustomError: It is none, names no database, or has a password in it: our file is shown to others.
    """
    address = text.strip()
    if not address.startswith(("postgresql://", "postgres://")) or any(map(str.isspace, address)):
        raise mistake("is no address of a PostgreSQL database", _DATABASE_FIX)
    try:
        parts = urlsplit(address)
        has_password = parts.password is not None or "password" in parse_qs(
            parts.query, keep_blank_values=True
        )
    except ValueError:
        raise mistake("is no address of a PostgreSQL database", _DATABASE_FIX) from None
    if has_password:
        raise mistake(
            "must not include a password",
            "Put it, and nothing else, into a file of mode 0600, and name it as password_file; or into the"
            " credential engine.password.",
        )
    hosts = parts.netloc.rpartition("@")[2]
    if not _DATABASE_HOSTS.fullmatch(hosts):
        raise mistake("is no address of a PostgreSQL database", _DATABASE_FIX)
    if any(not 0 < int(port) <= _HIGHEST_PORT for port in _DATABASE_PORT.findall(hosts)):
        raise mistake("has a port that there is not", _DATABASE_FIX)
    if not parts.path.strip("/") and "dbname" not in parse_qs(parts.query):
        raise mistake("names no database", _DATABASE_FIX)
    return address


def checked_endpoint(text: str) -> str:
    """
    An address of a receiver of traces; `/v1/traces` is appended to it.

    Raises:
        PydanticCustomError: It is none; with the fix.
    """
    with _told():
        return backend_address(text)


def checked_proxy(text: str) -> str:
    """
    An address of a proxy, or `ENVIRONMENT`, whose own may have credentials in it.

    Raises:
        PydanticCustomError: It is neither, or has credentials: what is in our file is shown to others with it.
    """
    if text.strip() == ENVIRONMENT:
        return ENVIRONMENT
    with _told():
        address = proxy_address(text)
    if address.user is not None:
        raise mistake(
            "must not include a user or password",
            "Put USER:PASSWORD, and nothing else, into a file of mode 0600, and name it as proxy_credentials_file.",
        )
    return address.url


def checked_listen(text: str) -> str:
    """
    An address to listen on: `HOST:PORT`, the host an IP address, in brackets if it is IPv6, or `localhost`.

    Raises:
        PydanticCustomError: It is none; with the fix.
    """
    try:
        host, port = listen_address(text)
    except ValueError:
        raise mistake(
            "is no address to listen on", "Write an IP address and a port, for example 127.0.0.1:8099."
        ) from None
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def listen_address(text: str) -> tuple[str, int]:
    """
    Host and port; `localhost` is 127.0.0.1.

    Raises:
        ValueError: It is no such address.
    """
    host, colon, port = text.strip().rpartition(":")
    if host == "localhost":
        host = "127.0.0.1"
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    address = ipaddress.ip_address(bare)
    if not colon or not port.isascii() or not port.isdecimal() or int(port) > _HIGHEST_PORT:
        raise ValueError(text)
    if (address.version == _BRACKETED) != (bare != host):
        raise ValueError(text)
    return str(address), int(port)


def is_loopback(listen: str) -> bool:
    """Whether only this machine reaches a checked address."""
    return ipaddress.ip_address(listen_address(listen)[0]).is_loopback


def checked_host(text: str) -> str:
    """
    A name, with its port if it has one, that a browser may send in `Host`.

    Raises:
        PydanticCustomError: It is none; with the fix.
    """
    name = text.strip().lower()
    if not _HOST.fullmatch(name):
        raise mistake(
            "is no host", "Write the name in the browser's address bar alone, for example ops.example.org."
        )
    return name


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except AddressError as exc:
        raise mistake(exc.problem, exc.fix) from exc


def mistake(problem: str, fix: str) -> PydanticCustomError:
    """An error of a value that brings its fix along."""
    return PydanticCustomError("mistake", "{problem}", {"problem": problem, "fix": fix})
