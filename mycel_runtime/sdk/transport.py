"""
httpx's requests, responses and errors in our words.

Redirects are ignored, as by the reference SDK (contract 1.1).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import httpx

from mycel_runtime.errors import MycelError, NotSentError, TransportError
from mycel_runtime.sdk.body import Body
from mycel_runtime.wire.address import AddressError, backend_address

if TYPE_CHECKING:
    from mycel_runtime.sdk.calls import Call
    from mycel_runtime.sdk.exchange import Reply

TIMEOUT: Final = httpx.Timeout(15.0, connect=10.0)
"""Seconds for read, write and a free connection; and to connect. Source: the defaults of 0.1.83."""

DEADLINE_SECONDS: Final = 60.0
"""For a whole try of a call, whatever its parts may take: nobody's patience ends later than that."""

LIMITS: Final = httpx.Limits(max_connections=100, max_keepalive_connections=100, keepalive_expiry=4.0)
"""uvicorn closes a connection that was idle for 5 s; one that is reused just then dies with an unknown outcome."""

NOT_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)


class ClientUsageError(MycelError):
    """The client was built or used in a way that cannot work; nothing was sent."""


@functools.lru_cache(maxsize=64)
def check_base_url(base_url: str | None) -> str:
    """
    Surrounding blanks and trailing slashes are dropped; a path prefix is kept.

    Raises:
        ClientUsageError: There is none, or it cannot be one.
    """
    if not (base_url or "").strip():
        raise ClientUsageError("base_url is required")
    try:
        cleaned = backend_address(base_url or "")
        httpx.URL(cleaned)
    except AddressError as exc:
        raise ClientUsageError(f"base_url {exc.problem}") from exc
    except httpx.InvalidURL as exc:
        raise ClientUsageError(f"base_url is no URL: {exc}") from exc
    return cleaned


def check_token(token: str | None) -> str | None:
    """
    A token as it can stand in a header. Errors of lower layers would print it, so that it is looked at here.

    Raises:
        ClientUsageError: It has a blank, a line end or anything but ASCII in it.
    """
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise ClientUsageError("auth_token must be printable ASCII without blanks or line ends")
    return token


class Requests:
    """
    Makes httpx's requests of calls.

    All that does not change from call to call is done once. They go to a transport without an `httpx.Client` between,
    whose cookies, redirects and authentication this API has no use for; together that is a third of a call's cost.

    Args:
        base_url: As `check_base_url` gives it.
        token: Of the client; may be absent.
        timeout: Seconds per step, or an `httpx.Timeout`.
    """

    def __init__(self, base_url: str, token: str | None, timeout: httpx.Timeout | float) -> None:
        self._base_url = base_url
        self._is_closed = False
        self._extensions = {"timeout": httpx.Timeout(timeout).as_dict()}
        self._public = _public_headers(base_url)
        self.use_token(token)

    @property
    def read_seconds(self) -> float | None:
        """For the next piece of an answer; `None`: as long as it takes."""
        return self._extensions["timeout"]["read"]

    def of(self, call: Call[Any]) -> httpx.Request:
        """
        A call's request.

        Raises:
            ClientUsageError: It needs a token and there is none, or the client is closed; refused before any I/O.
        """
        headers = self._headers_before_content(call)
        if of_content := _of_content(call):
            headers = httpx.Headers([*headers.raw, *of_content])
        return httpx.Request(
            call.method,
            _url(self.url(call)),
            headers=headers,
            stream=httpx.ByteStream(call.body or b""),
            extensions=self._extensions.copy(),
        )

    def url(self, call: Call[Any]) -> str:
        """Of a call's request."""
        return self._base_url + call.path + (_query_text(call.query) if call.query else "")

    def headers(self, call: Call[Any]) -> list[tuple[bytes, bytes]]:
        """
        Of a call's request.

        Raises:
            ClientUsageError: As of `of`.
        """
        return [*self._headers_before_content(call).raw, *_of_content(call)]

    def _headers_before_content(self, call: Call[Any]) -> httpx.Headers:
        if self._is_closed:
            raise ClientUsageError("the client is closed")
        headers = self._authenticated if call.is_authenticated else self._public
        if headers is None:
            raise ClientUsageError("auth_token is required for generated adapter authenticated calls")
        return headers

    def use_token(self, token: str | None) -> None:
        """Authenticate with another token from now on."""
        self._authenticated = None
        if token:
            self._authenticated = self._public.copy()
            self._authenticated["Authorization"] = f"Bearer {token}"

    def close(self) -> None:
        """Make no more of them."""
        self._is_closed = True


_CODINGS: Final = ("gzip", "deflate")
"""Which unpack to a thousand times as much, at most: of what is read at once, 64 MiB."""

_HEADERS: Final = [
    (b"Accept", b"application/json"),
    (b"Accept-Encoding", ", ".join(_CODINGS).encode()),
    (b"Connection", b"keep-alive"),
    (b"User-Agent", b"mycel-runtime"),
]
_JSON: Final = (b"Content-Type", b"application/json")

_WITH_CONTENT: Final = frozenset({"POST", "PUT", "PATCH"})
"""Of which it is said how much there is, be it nothing: some gateways want to know. Source: RFC 9110, 8.6."""


def _of_content(call: Call[Any]) -> list[tuple[bytes, bytes]]:
    if not call.body and call.method not in _WITH_CONTENT:
        return []
    length = (b"Content-Length", b"%d" % len(call.body or b""))
    return [length] if call.body is None else [_JSON, length]


@functools.lru_cache(maxsize=128)
def _query_text(query: tuple[tuple[str, str], ...]) -> str:
    """As `_url`: most ask for the same page."""
    return f"?{urlencode(query)}"


@functools.lru_cache(maxsize=128)
def _url(text: str) -> httpx.URL:
    """Parsing is a tenth of a call, and an agent asks the same things over and over."""
    return httpx.URL(text)


@functools.lru_cache(maxsize=16)
def _public_headers(base_url: str) -> httpx.Headers:
    """Of all clients of a backend: nobody changes them."""
    return httpx.Headers([(b"Host", httpx.URL(base_url).netloc), *_HEADERS])


def read(response: httpx.Response) -> Reply:
    """Take in a streamed response."""
    body = Body(response.status_code, response.headers)
    assert isinstance(response.stream, httpx.SyncByteStream)
    # What unpacks would be made, and asked, for each piece of what is not packed: a tenth of a call.
    for chunk in response.iter_bytes() if _is_packed(response) else response.stream:
        if not body.take(chunk):
            break
    return body.reply()


async def read_async(response: httpx.Response) -> Reply:
    """As `read`."""
    body = Body(response.status_code, response.headers)
    assert isinstance(response.stream, httpx.AsyncByteStream)
    async for chunk in response.aiter_bytes() if _is_packed(response) else response.stream:
        if not body.take(chunk):
            break
    return body.reply()


def _is_packed(response: httpx.Response) -> bool:
    """
    In a way that was asked for; or read already, by a transport that looks into what it hands on.

    Anything else stays as it is. What is packed twice may grow a millionfold before anybody has counted it.
    """
    return response.headers.get("content-encoding", "").lower() in _CODINGS or response.is_stream_consumed


def transport_error(exc: httpx.HTTPError | httpx.InvalidURL) -> TransportError:
    """What httpx raised, in our words; `NotSentError` when no connection was established."""
    kind = NotSentError if isinstance(exc, NOT_SENT) else TransportError
    return kind(f"transport error: {type(exc).__name__}" + (f": {exc}" if str(exc) else ""))
