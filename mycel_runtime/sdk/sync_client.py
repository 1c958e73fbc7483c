"""`Client`: the driver that blocks; needs no event loop, may be shared by threads."""

from __future__ import annotations

import contextlib
import weakref
from typing import TYPE_CHECKING, Self, TypeVar

import httpx
import tenacity
from typing_extensions import override

from mycel_runtime.errors import ApiError
from mycel_runtime.observe.observer import FanOut, Observer
from mycel_runtime.sdk import calls, resources, transport
from mycel_runtime.sdk.backend_info import backend_info_of
from mycel_runtime.sdk.blocking_pool import BlockingPool
from mycel_runtime.sdk.deadline import Deadline
from mycel_runtime.sdk.exchange import Send, Tell, exchange
from mycel_runtime.sdk.network import DEFAULT, Network, Route
from mycel_runtime.sdk.notifications import Notifications, StreamAccess
from mycel_runtime.sdk.pace import Refusal, Worth
from mycel_runtime.sdk.policy import may_repeat, refusal_of
from mycel_runtime.sdk.retrying import retry_options
from mycel_runtime.sdk.transport import (
    DEADLINE_SECONDS,
    TIMEOUT,
    ClientUsageError,
    Requests,
    check_base_url,
    check_token,
    read,
    transport_error,
)
from mycel_runtime.sdk.turnstile import Turnstile

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

    from mycel_runtime.sdk.calls import Call
    from mycel_runtime.sdk.exchange import Reply
    from mycel_runtime.wire.resources import BackendInfo

T = TypeVar("T")


class Client:
    """
    The Mycel API, blocking. Use as a context manager, or call `close`.

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
        network: Authorities, client certificate and proxy, for calls and stream alike.

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
        self._deadline_seconds = deadline_seconds
        self._turnstile = Turnstile(patience=patience_seconds, observer=self._observer)
        self.pace = self._turnstile.pace
        self._deadline = Deadline()
        route = Route(self._base_url, network, proxy=proxy, verify=verify)
        if route.link is not None:
            raise ClientUsageError("network.link is for AsyncClient: its backend is on a loop")
        self._transport = BlockingPool(route, self._deadline, limits=transport.LIMITS)
        # The reference has no `close`; a client that is merely dropped closes its connections all the same.
        self._close_transport = weakref.finalize(self, self._transport.close)
        self._requests = Requests(self._base_url, token, timeout)
        self._access = StreamAccess(base_url=self._base_url, token=token, route=route)
        self.auth = resources.Auth(self)
        self.me = resources.Me(self)
        self.users = resources.Users(self)
        self.agents = resources.Agents(self)
        self.threads = resources.Threads(self)
        self.chats = resources.Chats(self)
        self.messages = resources.Messages(self)
        self.relationships = resources.Relationships(self)
        self.notifications = Notifications(self, self._access)

    @override
    def __repr__(self) -> str:
        return f"<Client {self._base_url!r}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections; the client cannot be used any more."""
        self._requests.close()
        self._close_transport()

    def use_token(self, auth_token: str) -> None:
        """
        Speak with another token from the next call, and the next stream, on; of the same user, one would think.

        Raises:
            ClientUsageError: It cannot stand in a header.
        """
        token = check_token(auth_token)
        self._requests.use_token(token)
        self._access.token = token

    def backend_info(self) -> BackendInfo:
        """What the backend is and can do; asked without the token."""
        return backend_info_of(self._base_url, self.call(calls.openapi()))

    def wait_turn(self) -> None:
        """
        Wait for the turn of a request that is no call, a stream's handshake, while the server limits their rate.

        Raises:
            RateLimitedError: It would wait for too long.
        """
        if self.pace.is_limited:
            self._turnstile.wait_turn(Worth.READ)

    def call(self, call: Call[T]) -> T:
        """
        Carry out a call.

        Raises:
            ApiError: The backend refused or did not answer.
        """
        if self.pace.is_limited:
            return self._at_pace(call)
        try:
            return self._once(call)
        except ApiError as exc:
            if self._turnstile.must_wait(call, exc):
                return self._at_pace(call)
            if not self._retries or not may_repeat(call, exc):
                raise
            return self._repeat(call, exc)

    def _at_pace(self, call: Call[T]) -> T:
        """As `call`, while the server limits the rate of requests; who has waited in vain is not kept longer."""
        try:
            return self._turnstile.at_pace(call, self._once)
        except ApiError as exc:
            is_final = refusal_of(exc) is Refusal.SURE
            if is_final or not self._retries or not may_repeat(call, exc):
                raise
            return self._repeat(call, exc)

    def _repeat(self, call: Call[T], error: ApiError) -> T:
        """Tries after the first; rare, so that only they pay for the retrying machinery."""
        retrying = tenacity.Retrying(**retry_options(call, self._retries, self._observer))
        first: list[ApiError] = [error]

        def again() -> T:
            if first:
                raise first.pop()
            if self.pace.is_limited:
                return self._turnstile.at_pace(call, self._once)
            return self._once(call)

        return retrying(again)

    def _once(self, call: Call[T]) -> T:
        steps = exchange(call)
        try:
            step = next(steps)
            while True:
                match step:
                    case Send():
                        step = steps.send(self._send(call))
                    case Tell(fact=fact):
                        self._observer.tell(fact)
                        step = next(steps)
        except StopIteration as done:
            result: T = done.value
            return result

    def _send(self, call: Call[T]) -> Reply:
        request = self._requests.of(call)
        try:
            with (
                self._deadline.within(self._deadline_seconds),
                contextlib.closing(self._transport.handle_request(request)) as response,
            ):
                return read(response)
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise transport_error(exc) from exc
