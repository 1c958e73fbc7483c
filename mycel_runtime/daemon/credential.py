"""
The agent's token, which may be renewed under a running agent.

Its file, or systemd's credential, is the operator's to write: whoever puts a new token there expects it to be used.
It is read again when the backend itself has refused the one in use, and taken if it is the same user's; a refusal
before that has carried nothing out, so that the call is simply made again. Whoever revokes the old one first and
writes the new one then has some seconds for it, once, as has a file that is being written; no call is made meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final, TypeVar

from typing_extensions import override

from mycel_runtime.daemon.hang_watch import HangWatch
from mycel_runtime.daemon.network_health import UNANSWERED_SECONDS
from mycel_runtime.errors import (
    ApiError,
    AuthenticationError,
    ConfigError,
    InvalidResponseError,
    RateLimitedError,
    TransportError,
)
from mycel_runtime.fair_turns import Place
from mycel_runtime.inbox.guarded_queries import has_reached
from mycel_runtime.observe.durations import Unmeasured
from mycel_runtime.observe.facts import TokenAwaited, TokenRenewed
from mycel_runtime.sdk import AsyncClient
from mycel_runtime.sdk.call_outcome import ANSWERED, outcome_of
from mycel_runtime.sdk.network import DEFAULT, Network
from mycel_runtime.sdk.pace import Worth

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr

    from mycel_runtime.daemon.network_health import NetworkHealth
    from mycel_runtime.observe.durations import Durations
    from mycel_runtime.observe.facts import Fact
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.sdk.calls import Call
    from mycel_runtime.sdk.exchange import Reply
    from mycel_runtime.wire.ids import UserId

T = TypeVar("T")

READ_SECONDS: Final = 10.0
"""For reading the token again: of a file system that hangs, or a named pipe that nobody writes to any more."""

GRACE_SECONDS: Final = 5.0
"""From a refusal until the token is read for the last time: for a script that revokes, then asks for a new one."""


PATIENCE_SECONDS: Final = 120.0
"""For which a call of the agent waits where the backend, or a gateway, limits the rate of requests."""


PURPOSES: Final = {worth: worth.name.lower() for worth in Worth}
"""What a call is for, in a word."""


class Credential:
    """
    The token in use.

    Args:
        token: As read at the start.
        read: Reads it again, blocking; raises `ConfigError`.
    """

    def __init__(self, token: SecretStr, read: Callable[[], SecretStr]) -> None:
        self._token = token
        self._refused: set[SecretStr] = set()
        self.read = read

    def get_secret_value(self) -> str:
        """As of `SecretStr`."""
        return self._token.get_secret_value()

    def use(self, token: SecretStr) -> None:
        """From now on."""
        self._token = token

    def refuse(self, token: SecretStr) -> None:
        """Not even ask about this one again."""
        self._refused.add(token)

    def is_news(self, token: SecretStr) -> bool:
        """Whether it is another one than that in use, and not known to be refused."""
        return token.get_secret_value() != self.get_secret_value() and token not in self._refused


class AgentClient(AsyncClient):
    """
    `AsyncClient` as the agent, whatever its token is by now.

    Args:
        base_url: Of the backend.
        credential: The token.
        observer: As of `AsyncClient`, and told of a renewal, and of what keeps calls from the backend.
        health: Told how each try of a call goes.
        network: As of `AsyncClient`.
        durations: Told how long each try of a call takes.
        clock: Epoch seconds, for `health`.
    """

    def __init__(
        self,
        *,
        base_url: str,
        credential: Credential,
        observer: Observer,
        health: NetworkHealth,
        network: Network = DEFAULT,
        durations: Durations | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(
            base_url=base_url,
            auth_token=credential.get_secret_value(),
            network=network,
            observer=observer,
            patience_seconds=PATIENCE_SECONDS,
        )
        self._network = network
        self._credential = credential
        self._health = health
        self._clock = clock
        self._durations = durations or Unmeasured()
        self._hang_watch = HangWatch(UNANSWERED_SECONDS, self._tell_hanging)
        self._call_made: Callable[[bool], None] = lambda _is_reached: None
        self._renewing = asyncio.Lock()
        self._awaited_instead_of = ""
        self._me: UserId | None = None
        self._place = Place(base_url)

    def tell_calls(self, call_made: Callable[[bool], None]) -> None:
        """From now on, tell of each try of a call whether it has reached the backend."""
        self._call_made = call_made

    def belongs_to(self, me: UserId) -> None:
        """From now on another user's token is none of ours."""
        self._me = me

    @override
    async def aclose(self) -> None:
        await super().aclose()
        self._hang_watch.stop()
        self._place.leave()

    @override
    async def call(self, call: Call[T]) -> T:
        if self._renewing.locked():
            async with self._renewing:  # Nothing is asked with a token that is refused.
                pass
        used = self._credential.get_secret_value()
        try:
            return await super().call(call)
        except AuthenticationError as exc:
            if not exc.is_backends_own or not await self._renew(used, exc):
                raise
        return await super().call(call)

    @override
    async def _once(self, call: Call[T]) -> T:
        """When its turn comes: a try that waits for it is not under way yet, and is neither watched nor measured."""
        return await self._place.in_turn(self._try, call)

    async def _try(self, call: Call[T]) -> T:
        began = time.perf_counter()
        try:
            result = await self._watched(call)
        except ApiError as exc:
            self._measure(call, outcome_of(exc), began)
            self._tell(self._health.failed(call, exc, now=self._clock()))
            if not isinstance(exc, RateLimitedError):  # which says nothing of the way there
                self._call_made(has_reached(exc))
            raise
        self._measure(call, ANSWERED, began)
        self._tell(self._health.answered(now=self._clock()))
        self._call_made(True)
        return result

    def _measure(self, call: Call[T], outcome: str, began: float) -> None:
        self._durations.called(PURPOSES[call.worth], outcome, time.perf_counter() - began)

    async def _watched(self, call: Call[T]) -> T:
        """As `_once` of the client; that it hangs is told while it does."""
        mark = self._hang_watch.begin()
        try:
            return await super()._once(call)
        finally:
            if self._hang_watch.end(mark):
                self._health.hangs_no_more()

    def _tell_hanging(self) -> None:
        self._tell(self._health.hangs(now=self._clock()))

    @override
    async def _send(self, call: Call[T]) -> Reply:
        reply = await super()._send(call)
        self._health.carried(call, len(reply.content))
        return reply

    def _tell(self, news: list[Fact]) -> None:
        for fact in news:
            self._observer.tell(fact)

    async def _renew(self, used: str, refusal: AuthenticationError) -> bool:
        """
        Whether there is another token to speak with.

        Raises:
            AuthenticationError: There is one, and it is refused as well, or somebody else's.
            ApiError: The backend cannot tell now, or the token cannot be read now.
        """
        async with self._renewing:
            if self._credential.get_secret_value() != used:
                return True
            if (token := await self._new_token(refusal)) is None:
                return False
            await self._require_ours(token, refusal)
            self._credential.use(token)
            self.use_token(token.get_secret_value())
            self._observer.tell(TokenRenewed())
            return True

    async def _new_token(self, refusal: AuthenticationError) -> SecretStr | None:
        """
        Another one than that in use, which is waited for once, if that one was ever good here.

        Raises:
            AuthenticationError: It cannot be read.
            TransportError: Not now.
        """
        used = self._credential.get_secret_value()
        if self._me is not None and self._awaited_instead_of != used:
            with contextlib.suppress(AuthenticationError):  # It is being written, perhaps.
                if (token := await self._read_news(refusal)) is not None:
                    return token
            self._observer.tell(TokenAwaited(seconds=GRACE_SECONDS))
            await asyncio.sleep(GRACE_SECONDS)
            self._awaited_instead_of = used
        return await self._read_news(refusal)

    async def _read_news(self, refusal: AuthenticationError) -> SecretStr | None:
        try:
            async with asyncio.timeout(READ_SECONDS):
                token = await asyncio.to_thread(self._credential.read)
        except OSError as exc:  # Out of time, or of threads.
            raise TransportError("the token is refused, and cannot be read again now") from exc
        except ConfigError as exc:
            raise _refused(refusal, str(exc)) from exc
        return token if self._credential.is_news(token) else None

    async def _require_ours(self, token: SecretStr, refusal: AuthenticationError) -> None:
        candidate = AsyncClient(
            base_url=self._base_url, auth_token=token.get_secret_value(), network=self._network
        )
        async with candidate:
            try:
                user = await candidate.me.whoami()
            except AuthenticationError as exc:
                if exc.is_backends_own:
                    self._credential.refuse(token)
                raise
        if not user.get("id"):
            raise InvalidResponseError(200, "the answer of GET /api/auth/me names nobody")
        if self._me is not None and user["id"] != self._me:
            raise _refused(refusal, f"and the new one is that of {user['id']}")


def _refused(refusal: AuthenticationError, why: str) -> AuthenticationError:
    """The refusal, with why there is no other token."""
    return AuthenticationError(refusal.status_code, f"{refusal.detail}; {why}", refusal.content)
