"""Where the backend and the proxy are, as settings give it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from pydantic_core import PydanticCustomError

from mycel_runtime.wire.address import AddressError, backend_address, proxy_address

if TYPE_CHECKING:
    from collections.abc import Iterator

EMBEDDED: Final = "embedded"
"""`base_url` of a backend inside this process."""

ENVIRONMENT: Final = "environment"
"""`proxy` that the environment names, unless its NO_PROXY has the backend."""


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
        raise _mistake(
            "must not include a user or password",
            "Put USER:PASSWORD, and nothing else, into a file of mode 0600, and name it as proxy_credentials_file.",
        )
    return address.url


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except AddressError as exc:
        raise _mistake(exc.problem, exc.fix) from exc


def _mistake(problem: str, fix: str) -> PydanticCustomError:
    """An error that brings its fix along."""
    return PydanticCustomError("mistake", "{problem}", {"problem": problem, "fix": fix})
