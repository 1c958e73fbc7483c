"""`AsyncClient`: the driver on an event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar

import tenacity
from typing_extensions import override

from mycel_runtime.errors import ApiError
from mycel_runtime.observe.observer import FanOut, Observer
from mycel_runtime.sdk import calls, resources, transport
from mycel_runtime.sdk.backend_info import backend_info_of
from mycel_runtime.sdk.carrier import HttpCarrier
from mycel_runtime.sdk.exchange import Send, Tell, exchange
from mycel_runtime.sdk.network import DEFAULT, Network, Route
from mycel_runtime.sdk.notifications import AsyncNotifications, StreamAccess
from mycel_runtime.sdk.pace import Refusal, Worth
from mycel_runtime.sdk.policy import may_repeat, refusal_of
from mycel_runtime.sdk.pool import AsyncPool
from mycel_runtime.sdk.retrying import retry_options
from mycel_runtime.sdk.transport import DEADLINE_SECONDS, TIMEOUT, Requests, check_base_url, check_token
from mycel_runtime.sdk.turnstile import AsyncTurnstile

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

    import httpx

    from mycel_runtime.sdk.calls import Call
    from mycel_runtime.sdk.carrier import Carrier
    from mycel_runtime.sdk.exchange import Reply
    from mycel_runtime.sdk.network import Connections
    from mycel_runtime.wire.resources import BackendInfo

T = TypeVar("T")


class AsyncClient:
    """
    The Mycel API, awaited. Use as a context manager, or call `aclose`; on one event loop.

    Args:
        auth_token: Bearer token; may be absent for logging in.
        base_url: Of the backend; a path prefix is kept.
        proxy: As of `Network`; the reference's name for it.
        timeout: Seconds for each step of a call (connect, write, read, a free connection), or an `httpx.Timeout`;
            15 s, 10 s to connect, by default.
        retries: How often a call that is safe to repeat is repeated; 0 switches that off.
        observer: Told of retries and of stored sends that were answered by an error.
        verify: As httpx: certificates are checked, or not, or by an SSL context of your own.
        deadline_seconds: For a whole try of a call, its steps and a trickling body included; `None` for none.
        patience_seconds: For how long a call may wait where the server limits the rate of requests. The calls then
            keep one pace, and what was refused is repeated, but for sends and `messages.read`; 0 by default: a
            refusal is an error at once, as by the reference SDK, because only the caller knows how long it can be
            waited for.
        network: Authorities, client certificate and proxy, for calls and stream alike; or a link.

    Attributes:
        pace: Whether, and to what rate, the server limits us; to be read only.

    Raises:
        ClientUsageError: `base_url`, `auth_token`, `proxy` or a part of `network` cannot be used.
    """

    def __init__(
        self,
        *,
        auth_token: str | None = None,
        base_url: str | None = None,
        proxy: str | None = None,
        timeout: httpx.Timeout | float = TIMEOUT,
        retries: int = 2,
        observer: Observer | None = None,
        verify: ssl.SSLContext | bool = True,
        deadline_seconds: float | None = DEADLINE_SECONDS,
        patience_seconds: float = 0.0,
        network: Network = DEFAULT,
    ) -> None:
        self._base_url = check_base_url(base_url)
        token = check_token(auth_token)
        self._retries = retries
        self._observer = FanOut([observer] if observer else [])
        self._turnstile = AsyncTurnstile(patience=patience_seconds, observer=self._observer)
        self.pace = self._turnstile.pace
        route = Route(self._base_url, network, proxy=proxy, verify=verify)
        self._requests = Requests(self._base_url, token, timeout)
        self._carrier = _carrier(route, self._requests, deadline_seconds, network.connections)
        self._access = StreamAccess(base_url=self._base_url, token=token, route=route)
        self.auth = resources.AsyncAuth(self)
        self.me = resources.AsyncMe(self)
        self.users = resources.AsyncUsers(self)
        self.agents = resources.AsyncAgents(self)
        self.threads = resources.AsyncThreads(self)
        self.chats = resources.AsyncChats(self)
        self.messages = resources.AsyncMessages(self)
        self.relationships = resources.AsyncRelationships(self)
        self.notifications = AsyncNotifications(self, self._access)

    @override
    def __repr__(self) -> str:
        return f"<AsyncClient {self._base_url!r}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections; the client cannot be used any more."""
        self._requests.close()
        await self._carrier.aclose()

    def use_token(self, auth_token: str) -> None:
        """
        Speak with another token from the next call, and the next stream, on; of the same user, one would think.

        Raises:
            ClientUsageError: It cannot stand in a header.
        """
        token = check_token(auth_token)
        self._requests.use_token(token)
        self._access.token = token

    async def backend_info(self) -> BackendInfo:
        """What the backend is and can do; asked without the token."""
        return backend_info_of(self._base_url, await self.call(calls.openapi()))

    async def wait_turn(self) -> None:
        """
        Wait for the turn of a request that is no call, a stream's handshake, while the server limits their rate.

        Raises:
            RateLimitedError: It would wait for too long.

        Cancelling: frees the turn.
        """
        if self.pace.is_limited:
            await self._turnstile.wait_turn(Worth.READ)

    async def call(self, call: Call[T]) -> T:
        """
        Carry out a call.

        Raises:
            ApiError: The backend refused or did not answer.

        Cancelling: a write may or may not have been carried out.
        """
        if self.pace.is_limited:
            return await self._at_pace(call)
        try:
            return await self._once(call)
        except ApiError as exc:
            if self._turnstile.must_wait(call, exc):
                return await self._at_pace(call)
            if not self._retries or not may_repeat(call, exc):
                raise
            return await self._repeat(call, exc)

    async def _at_pace(self, call: Call[T]) -> T:
        """As `call`, while the server limits the rate of requests; who has waited in vain is not kept longer."""
        try:
            return await self._turnstile.at_pace(call, self._once)
        except ApiError as exc:
            is_final = refusal_of(exc) is Refusal.SURE
            if is_final or not self._retries or not may_repeat(call, exc):
                raise
            return await self._repeat(call, exc)

    async def _repeat(self, call: Call[T], error: ApiError) -> T:
        """Tries after the first; rare, so that only they pay for the retrying machinery."""
        retrying = tenacity.AsyncRetrying(**retry_options(call, self._retries, self._observer))
        first: list[ApiError] = [error]

        async def again() -> T:
            if first:
                raise first.pop()
            if self.pace.is_limited:
                return await self._turnstile.at_pace(call, self._once)
            return await self._once(call)

        return await retrying(again)

    async def _once(self, call: Call[T]) -> T:
        steps = exchange(call)
        try:
            step = next(steps)
            while True:
                match step:
                    case Send():
                        step = steps.send(await self._send(call))
                    case Tell(fact=fact):
                        self._observer.tell(fact)
                        step = next(steps)
        except StopIteration as done:
            result: T = done.value
            return result

    async def _send(self, call: Call[T]) -> Reply:
        return await self._carrier.carry(call)


def _carrier(
    route: Route,
    requests: Requests,
    deadline_seconds: float | None,
    shared: Connections | None,
) -> Carrier:
    if route.link is not None:
        return route.link.carrier(requests, deadline_seconds=deadline_seconds)
    limits = transport.LIMITS
    pool = AsyncPool(route, limits=limits) if shared is None else shared.pool(route, limits=limits)
    return HttpCarrier(requests, pool, deadline_seconds=deadline_seconds)
