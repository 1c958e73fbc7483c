"""`Client`: the driver that blocks; needs no event loop, may be shared by threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar

import httpx
import tenacity
from typing_extensions import override

from mycel_runtime.errors import ApiError
from mycel_runtime.observe.observer import Observer, Silent
from mycel_runtime.sdk import calls, resources
from mycel_runtime.sdk.backend_info import backend_info_of
from mycel_runtime.sdk.exchange import Discard, Send, Tell, exchange
from mycel_runtime.sdk.notifications import Notifications, StreamAccess
from mycel_runtime.sdk.policy import may_repeat
from mycel_runtime.sdk.retrying import retry_options
from mycel_runtime.sdk.transport import (
    TIMEOUT,
    check_base_url,
    check_proxy,
    client_options,
    headers_of,
    reply_of,
    transport_error,
)

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

    from mycel_runtime.sdk.calls import Call
    from mycel_runtime.wire.resources import BackendInfo

T = TypeVar("T")


class Client:
    """
    The Mycel API, blocking. Use as a context manager, or call `close`.

    Args:
        auth_token: Bearer token; may be absent for logging in.
        base_url: Of the backend; a path prefix is kept.
        proxy: `http://host[:port]`, for calls and stream.
        timeout: Seconds, or an `httpx.Timeout`; 15 s, 10 s to connect, by default.
        retries: How often a call that is safe to repeat is repeated; 0 switches that off.
        observer: Told of retries and of stored sends that were answered by an error.
        verify: As httpx: certificates are checked, or an SSL context of your own.

    Raises:
        ClientUsageError: `base_url` or `proxy` cannot be used.
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
    ) -> None:
        self._base_url = check_base_url(base_url)
        self._token = auth_token
        self._retries = retries
        self._observer = observer or Silent()
        self._http = httpx.Client(
            **client_options(self._base_url, proxy=check_proxy(proxy), timeout=timeout, verify=verify)
        )
        tls = None if isinstance(verify, bool) else verify
        access = StreamAccess(base_url=self._base_url, token=auth_token, proxy=proxy, tls=tls)
        self.auth = resources.Auth(self)
        self.me = resources.Me(self)
        self.users = resources.Users(self)
        self.agents = resources.Agents(self)
        self.threads = resources.Threads(self)
        self.chats = resources.Chats(self)
        self.messages = resources.Messages(self)
        self.relationships = resources.Relationships(self)
        self.notifications = Notifications(self, access)

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
        self._http.close()

    def backend_info(self) -> BackendInfo:
        """What the backend is and can do; asked without the token."""
        return backend_info_of(self._base_url, self.call(calls.openapi()))

    def call(self, call: Call[T]) -> T:
        """
        Carry out a call.

        Raises:
            ApiError: The backend refused or did not answer.
        """
        try:
            return self._once(call)
        except ApiError as exc:
            if not self._retries or not may_repeat(call, exc):
                raise
            return self._repeat(call, exc)

    def _repeat(self, call: Call[T], error: ApiError) -> T:
        """Tries after the first; rare, so that only they pay for the retrying machinery."""
        retrying = tenacity.Retrying(**retry_options(call, self._retries, self._observer))
        first: list[ApiError] = [error]

        def again() -> T:
            if first:
                raise first.pop()
            return self._once(call)

        return retrying(again)

    def _once(self, call: Call[T]) -> T:
        steps = exchange(call)
        response: httpx.Response | None = None
        try:
            step = next(steps)
            while True:
                match step:
                    case Send():
                        response = self._send(call)
                        step = steps.send(reply_of(response))
                    case Discard():
                        assert response is not None
                        response.extensions["network_stream"].close()
                        step = next(steps)
                    case Tell(fact=fact):
                        self._observer.tell(fact)
                        step = next(steps)
        except StopIteration as done:
            result: T = done.value
            return result

    def _send(self, call: Call[T]) -> httpx.Response:
        try:
            return self._http.request(
                call.method,
                call.path,
                params=call.query or None,
                content=call.body,
                headers=headers_of(call, self._token),
            )
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise transport_error(exc) from exc
