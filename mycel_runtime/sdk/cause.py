"""
Why the backend cannot be reached, or answers as no backend does: one word and one fix for each. Does no I/O.

A `Cause` is the operator's vocabulary: the same words stand in the log, in `status` and in `/readyz`. It is told from
the whole chain of an error, because the last one of it says only that something failed.
"""

from __future__ import annotations

import errno
import re
import socket
import ssl
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Self

import httpx
import websockets

from mycel_runtime.errors import ApiError, ConnectionClosed, HandshakeError, IntermediaryError, MycelError
from mycel_runtime.sdk import redirect
from mycel_runtime.sdk.policy import PASSING_STATUSES

if TYPE_CHECKING:
    from collections.abc import Iterator


class Cause(StrEnum):
    """
    What is wrong between here and the backend.

    Of several that one error has in its chain, the one that stands first here is told: the most telling one.

    Attributes:
        fix: What to do, in a sentence.
    """

    fix: str

    def __new__(cls, word: str, fix: str) -> Self:
        """A word and its fix."""
        self = str.__new__(cls, word)
        self._value_ = word
        self.fix = fix
        return self

    CERTIFICATE_EXPIRED = (
        "certificate_expired",
        "Renew the certificate of the backend or of what stands before it; if it is valid, set this machine's clock.",
    )
    CERTIFICATE_NAME = (
        "certificate_name",
        "Write base_url with a name that the certificate has, or let the certificate be made for this one.",
    )
    UNKNOWN_AUTHORITY = (
        "unknown_authority",
        "Let this machine trust the authority that signed the certificate, or name its file in ca_file.",
    )
    CLIENT_CERTIFICATE_DEMANDED = (
        "client_certificate_demanded",
        "Set client_cert (and client_key) to a certificate that the other side accepts.",
    )
    NOT_TLS = (
        "not_tls",
        "The address speaks plain HTTP: write http:// in base_url, or the port that speaks TLS.",
    )
    TLS_FAILED = (
        "tls_failed",
        "Both sides do not agree on TLS: look at the other side's versions, and whether it wants a client_cert.",
    )
    PROXY_REFUSED = (
        "proxy_refused",
        "Give the proxy credentials that it accepts, and let it allow CONNECT to the backend's host and port.",
    )
    PROXY_UNREACHABLE = (
        "proxy_unreachable",
        "Start the proxy, or correct its address; the backend is not asked without it.",
    )
    CREDENTIALS_DEMANDED = (
        "credentials_demanded",
        "What stands before the backend asks for credentials of its own: let this machine's calls pass without them.",
    )
    REDIRECTED = (
        "redirected",
        "Set base_url to the address that the redirect leads to, if that is the backend; none is followed.",
    )
    LOGIN_PAGE = (
        "login_page",
        "A page for people is answered: let this machine pass without logging in, or correct base_url.",
    )
    MAINTENANCE = ("maintenance", "Wait: the server says when it will be back, and is asked again then.")
    RATE_LIMITED = (
        "rate_limited",
        "Nothing needs to be done, the calls are made more slowly; raise the limit if answers take too long.",
    )
    BODY_TOO_LARGE = (
        "body_too_large",
        "Raise the limit on bodies before the backend (nginx: client_max_body_size), or say less at once.",
    )
    UPGRADE_MISSING = (
        "upgrade_missing",
        "Let WebSockets pass before the backend (nginx: HTTP/1.1, headers Upgrade and Connection); it is polled now.",
    )
    CONNECTION_LIMIT = (
        "connection_limit",
        "The stream takes the one connection that is allowed: raise that limit (nginx: limit_conn) to four or more.",
    )
    BACKEND_DOWN = (
        "backend_down",
        "What stands before the backend has none behind it, or waits for it in vain: start the backend.",
    )
    SERVER_ERROR = ("server_error", "The backend fails: look at its own log.")
    FOREIGN_ANSWER = (
        "foreign_answer",
        "Something answers in the backend's place: correct base_url, or what stands before the backend.",
    )
    PATH_MTU_SUSPECTED = (
        "path_mtu_suspected",
        "Small packets pass and large ones are lost: lower the MTU of this machine's interface, or let ICMP through.",
    )
    CONNECTION_REFUSED = (
        "connection_refused",
        "Nobody listens there: start the backend, or correct the host and port of base_url.",
    )
    UNKNOWN_NAME = (
        "unknown_name",
        "Correct the host in base_url, or mend the name service of this machine.",
    )
    NO_ROUTE = (
        "no_route",
        "No way leads from this machine to that address: look at its network, its routes and its firewall.",
    )
    TIMEOUT = (
        "timeout",
        "Nothing was answered in time: look whether a firewall drops packets, and whether the backend hangs.",
    )
    CONNECTION_LOST = (
        "connection_lost",
        "The connection was cut: look at the log and at the time limits of what stands before the backend.",
    )


OF_PROXY: Final = frozenset({Cause.CONNECTION_REFUSED, Cause.UNKNOWN_NAME, Cause.NO_ROUTE})
"""What only the proxy can have caused, if there is one: nobody else is connected to."""


def cause_of(error: BaseException, *, is_proxied: bool = False) -> Cause | None:
    """
    The cause of an error of the SDK, or of what httpx, websockets, `ssl` and `socket` raise.

    Args:
        error: With what it was raised from.
        is_proxied: The client has a proxy: an address that cannot be connected to is then the proxy's.

    Returns:
        `None`: The backend itself has answered, or the error is none of the network's.
    """
    found = {cause for each in _chain(error) if (cause := _own_cause(each)) is not None}
    cause = next((cause for cause in Cause if cause in found), None)
    return Cause.PROXY_UNREACHABLE if is_proxied and cause in OF_PROXY else cause


def detail_of(error: BaseException) -> str:
    """
    What the other side itself has said: where a redirect leads, when a server will be back.

    Returns:
        One clause in our words, without anything secret; empty if it has said nothing.
    """
    if not isinstance(error, ApiError | HandshakeError) or not error.status_code:
        statuses = (_proxy_status(each) for each in _chain(error) if isinstance(each, _PROXY_ERRORS))
        return next((f"HTTP {status}" for status in statuses if status), "")
    if error.status_code in redirect.STATUSES:
        return error.detail
    seconds = error.retry_after_seconds
    return f"HTTP {error.status_code}" + ("" if seconds is None else f", back in {seconds:.0f} s")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, the members of a group, and what each was raised from."""
    yield error
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            yield from _chain(member)
    if (origin := _origin(error)) is not None:
        yield from _chain(origin)


def _origin(error: BaseException) -> BaseException | None:
    """
    What it was raised from.

    What a library raises `from None` hides the system's error below, but has it as its context. A context of ours,
    though, is an earlier try of the same call.
    """
    if error.__cause__ is not None or isinstance(error, MycelError):
        return error.__cause__
    return None if isinstance(error.__context__, MycelError) else error.__context__


def _own_cause(error: BaseException) -> Cause | None:
    """By this one error alone."""
    match error:
        case ApiError() | HandshakeError():
            return _cause_of_answer(error)
        case ConnectionClosed(code=code):
            return _CLOSE_CODES.get(code)
        case ssl.SSLError():
            return _cause_of_tls(error)
        case httpx.ProxyError() | websockets.ProxyError():
            return _cause_of_proxy(error)
        case OSError():
            return _cause_of_system(error)
        case _:
            return next((cause for kinds, cause in _KINDS if isinstance(error, kinds)), None)


_CLOSE_CODES: Final = {1006: Cause.CONNECTION_LOST, 1011: Cause.TIMEOUT}
"""Without a goodbye; our own, because no pong came."""

_KINDS: Final[tuple[tuple[tuple[type[Exception], ...], Cause], ...]] = (
    ((httpx.TimeoutException,), Cause.TIMEOUT),
    ((websockets.InvalidUpgrade,), Cause.UPGRADE_MISSING),
    ((httpx.TransportError, websockets.InvalidMessage, EOFError), Cause.CONNECTION_LOST),
)
"""What says little by itself: most often something more telling lies beneath."""


def _cause_of_answer(error: ApiError | HandshakeError) -> Cause | None:
    status = error.status_code
    if status == HTTPStatus.UNAUTHORIZED:
        return _cause_of_unauthorized(error)
    body = error.content.lstrip() if isinstance(error, ApiError) else error.detail.lstrip().encode()
    if cause := _STATUSES.get(status):
        return cause
    if status == HTTPStatus.SERVICE_UNAVAILABLE and error.retry_after_seconds is not None:
        return Cause.MAINTENANCE
    if _NO_CLIENT_CERTIFICATE in body:
        return Cause.CLIENT_CERTIFICATE_DEMANDED
    if isinstance(error, HandshakeError):
        return _cause_of_handshake(status, body)
    return _cause_of_call(error, body)


def _cause_of_unauthorized(error: ApiError | HandshakeError) -> Cause | None:
    """The backend says it of the token, in its own shape, and never to a handshake (Q18)."""
    is_backends = isinstance(error, ApiError) and error.is_backends_own
    return None if is_backends else Cause.CREDENTIALS_DEMANDED


def _cause_of_handshake(status: int, body: bytes) -> Cause | None:
    """A refusal of the backend has the status 403 or 500, most often without a body (Q18)."""
    if body.startswith(b"<"):
        return _cause_of_page(status)
    if status in _NOT_UPGRADED or status < HTTPStatus.MULTIPLE_CHOICES:
        return Cause.UPGRADE_MISSING
    return Cause.BACKEND_DOWN if status in PASSING_STATUSES else None


def _cause_of_call(error: ApiError, body: bytes) -> Cause | None:
    status = error.status_code
    if not status:
        return None
    if body.startswith(b"<"):
        return _cause_of_page(status)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        is_gateways = status in PASSING_STATUSES and not error.is_backends_own
        return Cause.BACKEND_DOWN if is_gateways else Cause.SERVER_ERROR
    if isinstance(error, IntermediaryError):
        return Cause.FOREIGN_ANSWER
    return None if error.is_backends_own or body.startswith((b"{", b"[")) else Cause.FOREIGN_ANSWER


def _cause_of_page(status: int) -> Cause:
    """A page for people."""
    if status in PASSING_STATUSES:
        return Cause.BACKEND_DOWN
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Cause.SERVER_ERROR
    return Cause.LOGIN_PAGE if status < HTTPStatus.MULTIPLE_CHOICES else Cause.FOREIGN_ANSWER


_STATUSES: Final = dict.fromkeys(redirect.STATUSES, Cause.REDIRECTED) | {
    407: Cause.PROXY_REFUSED,
    413: Cause.BODY_TOO_LARGE,
    426: Cause.UPGRADE_MISSING,
    429: Cause.RATE_LIMITED,
}
"""Which alone say it."""

_NOT_UPGRADED: Final = frozenset({400, 404, 405})
"""What a server says to a handshake that has lost its `Upgrade` on the way: to a whole one it says 403 (Q18)."""

_NO_CLIENT_CERTIFICATE: Final = b"No required SSL certificate was sent"
"""nginx says it with a 400, after the handshake of TLS."""


def _cause_of_proxy(error: Exception) -> Cause:
    """The proxy's answer to CONNECT, or to SOCKS."""
    is_unreached = bool(_SOCKS_UNREACHED.match(str(error)))
    is_backends = is_unreached or _proxy_status(error) >= HTTPStatus.INTERNAL_SERVER_ERROR
    return Cause.BACKEND_DOWN if is_backends else Cause.PROXY_REFUSED


def _proxy_status(error: BaseException) -> int:
    """Of the proxy's answer to CONNECT, which httpx has at the head of the text only; 0 if there is none."""
    if isinstance(error, websockets.InvalidProxyStatus):
        return error.response.status_code
    found = re.match(r"\d{3}", str(error))
    return int(found[0]) if found else 0


_PROXY_ERRORS: Final = (httpx.ProxyError, websockets.ProxyError)


_SOCKS_UNREACHED: Final = re.compile(r"Proxy Server could not connect: (?!Connection not allowed)")
"""The words of `tunnel`, which are httpcore's."""


def _cause_of_tls(error: ssl.SSLError) -> Cause:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY_CODES.get(error.verify_code, Cause.TLS_FAILED)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return Cause.CONNECTION_LOST
    reason = error.reason or ""
    if any(word in reason for word in _CLIENT_CERTIFICATE_ALERTS):
        return Cause.CLIENT_CERTIFICATE_DEMANDED
    return Cause.NOT_TLS if reason in _NOT_TLS else Cause.TLS_FAILED


_VERIFY_CODES: Final = {
    9: Cause.CERTIFICATE_EXPIRED,  # not valid yet: a clock is wrong
    10: Cause.CERTIFICATE_EXPIRED,
    2: Cause.UNKNOWN_AUTHORITY,
    18: Cause.UNKNOWN_AUTHORITY,
    19: Cause.UNKNOWN_AUTHORITY,
    20: Cause.UNKNOWN_AUTHORITY,
    21: Cause.UNKNOWN_AUTHORITY,
    62: Cause.CERTIFICATE_NAME,
    64: Cause.CERTIFICATE_NAME,  # an address instead of a name
}
"""Source: OpenSSL, x509_vfy.h."""

_CLIENT_CERTIFICATE_ALERTS: Final = (
    "ALERT_CERTIFICATE_REQUIRED",
    "ALERT_BAD_CERTIFICATE",
    "ALERT_CERTIFICATE_EXPIRED",
    "ALERT_CERTIFICATE_REVOKED",
    "ALERT_CERTIFICATE_UNKNOWN",
    "ALERT_UNKNOWN_CA",
)
"""The other side's, about ours. Source: RFC 8446, 6.2."""

_NOT_TLS: Final = frozenset(
    {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"}
)


def _cause_of_system(error: OSError) -> Cause | None:
    """By number; of several addresses, asyncio tells the numbers in its text only."""
    if isinstance(error, socket.gaierror):
        return Cause.UNKNOWN_NAME
    if isinstance(error, TimeoutError):
        return Cause.TIMEOUT
    numbers = [error.errno] if error.errno else map(int, re.findall(r"\[Errno (\d+)\]", str(error)))
    found = {_NUMBERS.get(number) for number in numbers}
    return next((cause for cause in Cause if cause in found), None)


_NUMBERS: Final = {
    errno.ECONNREFUSED: Cause.CONNECTION_REFUSED,
    errno.ECONNRESET: Cause.CONNECTION_LOST,
    errno.ECONNABORTED: Cause.CONNECTION_LOST,
    errno.EPIPE: Cause.CONNECTION_LOST,
    errno.ETIMEDOUT: Cause.TIMEOUT,
    errno.ENETUNREACH: Cause.NO_ROUTE,
    errno.EHOSTUNREACH: Cause.NO_ROUTE,
    errno.ENETDOWN: Cause.NO_ROUTE,
    errno.EHOSTDOWN: Cause.NO_ROUTE,
    errno.EADDRNOTAVAIL: Cause.NO_ROUTE,
    errno.EAFNOSUPPORT: Cause.NO_ROUTE,
    errno.EACCES: Cause.NO_ROUTE,
    errno.EPERM: Cause.NO_ROUTE,
}
"""The last two are a firewall's of this machine, or its service manager's."""
