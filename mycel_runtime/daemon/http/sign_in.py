"""
Who may act: whoever shows the token, or a browser that has shown it.

A browser keeps a session's key in a cookie that no script reads, not the token: cookies are sent to every port of a
host. Sessions are kept in memory, so that a restart ends them, and so does a new token. Wrong tokens are rationed,
over all clients together, because behind a proxy and on one machine they all look alike.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr

COOKIE: Final = "mycel_runtime_page"

SESSION_SECONDS: Final = 12 * 3600
_SESSIONS: Final = 32
"""Kept at once; the oldest gives way."""

FAILURES: Final = 5
"""Wrong tokens in a row that are looked at without a pause."""

FAILURE_SECONDS: Final = 10.0
"""Until one more is."""


class TooManyFailuresError(Exception):
    """
    Nothing is compared for now.

    Attributes:
        retry_after: Seconds.
    """

    def __init__(self, retry_after: float) -> None:
        super().__init__("too many wrong tokens")
        self.retry_after = retry_after


class FailureRation:
    """
    So many failures at once, and then one per `FAILURE_SECONDS`.

    Args:
        clock: Seconds that never run backwards.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left, self._at = float(FAILURES), clock()

    @property
    def retry_after(self) -> float:
        """Seconds until something is compared again; 0: now."""
        return max(0.0, (1 - self._refilled()) * FAILURE_SECONDS)

    def note_failure(self) -> None:
        """One was wrong."""
        self._left, self._at = self._refilled() - 1, self._clock()

    def _refilled(self) -> float:
        return min(FAILURES, self._left + (self._clock() - self._at) / FAILURE_SECONDS)


class SignIn:
    """
    The token and the sessions that it has opened.

    Args:
        read_token: The token as it is by now, `None` if there is none; blocks, raises `ConfigError`.
        clock: Seconds that never run backwards.
    """

    def __init__(self, read_token: Callable[[], SecretStr | None], clock: Callable[[], float]) -> None:
        self._read_token = read_token
        self._clock = clock
        self._ration = FailureRation(clock)
        self._sessions: dict[str, tuple[float, bytes]] = {}

    async def has_token(self) -> bool:
        """Whether anybody may act."""
        return await self._token() is not None

    async def is_right(self, shown: str) -> bool:
        """
        Whether this is the token.

        Raises:
            TooManyFailuresError: It is not compared.
        """
        if retry_after := self._ration.retry_after:
            raise TooManyFailuresError(retry_after)
        token = await self._token()
        is_right = token is not None and hmac.compare_digest(_digest(shown), token)
        if not is_right:
            self._ration.note_failure()
        return is_right

    async def open(self, shown: str) -> str | None:
        """
        The key of a new session; `None`: this is not the token.

        Raises:
            TooManyFailuresError: It is not compared.
        """
        if not await self.is_right(shown):
            return None
        while len(self._sessions) >= _SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        key = secrets.token_urlsafe(32)
        self._sessions[_name(key)] = (self._clock() + SESSION_SECONDS, _digest(shown))
        return key

    async def is_open(self, key: str) -> bool:
        """Whether this is the key of a session that lasts."""
        ends_at, digest = self._sessions.get(_name(key), (0.0, b""))
        if self._clock() >= ends_at:
            self._sessions.pop(_name(key), None)
            return False
        token = await self._token()
        return token is not None and hmac.compare_digest(digest, token)

    def close(self, key: str) -> None:
        """End a session."""
        self._sessions.pop(_name(key), None)

    async def _token(self) -> bytes | None:
        """Its digest; while the file cannot be used nobody has it."""
        try:
            token = await asyncio.to_thread(self._read_token)
        except ConfigError:
            return None
        return None if token is None else _digest(token.get_secret_value())


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogateescape")).digest()


def _name(key: str) -> str:
    """What a session is kept under: a dictionary's look-up takes no constant time, and this tells nothing."""
    return _digest(key).hex()
