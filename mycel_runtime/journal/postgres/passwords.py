"""
Passwords of databases, read again when a login is refused: somebody may have changed one while this process runs.

Whoever connects goes by the URL that the password was put into at first; here stands the one to connect with by now.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import conninfo

from mycel_runtime.errors import ConfigError
from mycel_runtime.journal.postgres.failures import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr


def url_with(url: str, password: SecretStr | None, *, where: str = "") -> str:
    """
    libpq's, with a password in the place of one that is in it.

    Args:
        url: libpq's.
        password: `None`: it stays as it is.
        where: The URL stands, for an error about it.

    Raises:
        ConfigError: libpq does not take it, because of an option that it does not know for example.
    """
    secret = {} if password is None else {"password": password.get_secret_value()}
    try:
        return conninfo.make_conninfo(url, **secret)
    except psycopg.ProgrammingError as exc:
        raise ConfigError(
            reason_of(exc),
            where=where,
            fix="Write it as postgresql://USER@HOST:5432/DATABASE?OPTION=VALUE, with options that libpq knows.",
        ) from None


class Passwords:
    """Of one process; from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers: dict[str, Callable[[], SecretStr | None]] = {}
        self._renewed: dict[str, str] = {}

    def keep(self, url: str, read: Callable[[], SecretStr | None]) -> None:
        """
        Have the password of a URL read again when it is refused; of several that read it, the last one does.

        Args:
            url: libpq's, with the password.
            read: Blocking; raises `ConfigError` if there is none to be read.
        """
        with self._lock:
            self._readers[url] = read

    def current(self, url: str) -> str:
        """What to connect with."""
        return self._renewed.get(url, url)

    def renew(self, url: str, refused: str) -> bool:
        """
        Whether there is another one by now than that which was refused; blocking.

        Args:
            url: As of `keep`.
            refused: As `current` was.
        """
        with self._lock:
            if self.current(url) == refused and (read := self._readers.get(url)) is not None:
                try:
                    self._renewed[url] = url_with(url, read())
                except ConfigError:
                    # It may just be written.
                    return False
            return self.current(url) != refused


PASSWORDS: Final = Passwords()
"""Of this process."""
