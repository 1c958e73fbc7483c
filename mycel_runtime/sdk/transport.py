"""
httpx, set up for this API, and its errors in our words.

Environment proxies and redirects are ignored, as by the reference SDK (contract 1.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import httpx

from mycel_runtime.errors import MycelError, NotSentError, TransportError
from mycel_runtime.sdk.exchange import Reply

if TYPE_CHECKING:
    import ssl

    from mycel_runtime.sdk.calls import Call

TIMEOUT: Final = httpx.Timeout(15.0, connect=10.0)
"""Seconds for read, write and a free connection; and to connect. Source: the defaults of 0.1.83."""

LIMITS: Final = httpx.Limits(max_connections=100, max_keepalive_connections=100, keepalive_expiry=30.0)
"""uvicorn keeps idle connections for 5 s and announces the end by closing; httpx looks before it reuses one."""

NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class ClientUsageError(MycelError):
    """The client was built or used in a way that cannot work; nothing was sent."""


def check_base_url(base_url: str | None) -> str:
    """
    Surrounding blanks and trailing slashes are dropped; a path prefix is kept.

    Raises:
        ClientUsageError: There is none.
    """
    cleaned = (base_url or "").strip().rstrip("/")
    if not cleaned:
        raise ClientUsageError("base_url is required")
    return cleaned


def check_proxy(proxy: str | None) -> str | None:
    """
    An HTTP proxy, for calls and stream alike.

    Raises:
        ClientUsageError: Not `http://[user:password@]host[:port]`.
    """
    if proxy is None:
        return None
    url = httpx.URL(proxy)
    if url.scheme != "http":
        raise ClientUsageError("proxy must start with http://")
    if not url.host:
        raise ClientUsageError("proxy must include a host")
    if url.path not in {"", "/"} or url.query or url.fragment:
        raise ClientUsageError("proxy must not include a path, query, or fragment")
    return proxy


def client_options(
    base_url: str, *, proxy: str | None, timeout: httpx.Timeout | float, verify: ssl.SSLContext | bool
) -> dict[str, Any]:
    """Arguments that httpx's two clients have in common."""
    return {
        "base_url": base_url,
        "timeout": timeout,
        "limits": LIMITS,
        "proxy": proxy,
        "trust_env": False,
        "follow_redirects": False,
        "verify": verify,
    }


def headers_of(call: Call[Any], token: str | None) -> dict[str, str]:
    """
    The headers of a call.

    Raises:
        ClientUsageError: It needs a token and there is none; refused before any I/O.
    """
    headers = {} if call.body is None else {"Content-Type": "application/json"}
    if call.is_authenticated:
        if not token:
            raise ClientUsageError("auth_token is required for generated adapter authenticated calls")
        headers["Authorization"] = f"Bearer {token}"
    return headers


def reply_of(response: httpx.Response) -> Reply:
    """A response that was read to its end."""
    return Reply(response.status_code, response.content, response.headers.get("retry-after", ""))


def transport_error(exc: httpx.HTTPError | httpx.InvalidURL) -> TransportError:
    """What httpx raised, in our words; `NotSentError` when no connection was established."""
    kind = NotSentError if isinstance(exc, NOT_SENT) else TransportError
    return kind(
        f"transport error: {type(exc).__name__}: {exc}"
        if str(exc)
        else f"transport error: {type(exc).__name__}"
    )
