"""Every cause, as it really comes: out of a call of either client, and out of the stream."""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import os
import socket
import ssl
from pathlib import Path

import httpx
import pytest
import trustme
import websockets

from mycel_runtime.errors import ApiError, ConnectionClosed, HandshakeError, TransportError
from mycel_runtime.sdk import calls
from mycel_runtime.sdk.cause import Cause, cause_of, detail_of
from tests.unit.sdk.wire import answer, answering, serving

READ = calls.whoami()
PAGE = b"<!DOCTYPE html><title>Sign in</title>"


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(params=["calls", "stream"])
def attempt(request, colour):
    """The error of a call, or of a stream, on a client with these options."""

    def error(base_url, **options):
        if request.param == "calls":
            return colour.calls(base_url, READ, **options)[0]
        return colour.frames(base_url, 1, client=options)[0]

    return error


def server_tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def trusting(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def cut(peer, _server):
    peer.request()
    peer.reset()


def hang_up(peer, _server):
    peer.request()


def greeted(peer, _server):
    peer.send(b"SSH-2.0-OpenSSH_9.2\r\n")
    peer.wait_for_close()


def demanding(context):
    """TLS that hears the client out after its alert, so that no reset overtakes it."""

    def behave(peer, _server):
        tls = context.wrap_socket(peer.connection, server_side=True, do_handshake_on_connect=False)
        with tls:
            tls.settimeout(10)
            with contextlib.suppress(ssl.SSLError):
                tls.do_handshake()
            while socket.socket.recv(tls, 65_536):
                pass

    return behave


def test_nobody_listens(attempt):
    assert cause_of(attempt(f"http://127.0.0.1:{unused_port()}")) is Cause.CONNECTION_REFUSED


def test_nobody_listens_at_any_address_of_a_name(attempt, monkeypatch):
    """Then asyncio tells the numbers in a text only, and anyio in a group."""
    found = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", unused_port(), 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", unused_port())),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: found)
    assert cause_of(attempt("http://mycel.test")) is Cause.CONNECTION_REFUSED


@pytest.mark.slow
def test_name_is_unknown(attempt):
    assert cause_of(attempt("http://mycel.invalid")) is Cause.UNKNOWN_NAME


def test_no_way_leads_there(attempt):
    """A port of the address for broadcasts: the kernel itself refuses."""
    assert cause_of(attempt("http://255.255.255.255:9")) is Cause.NO_ROUTE


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (
            lambda authority: authority.issue_cert(
                "127.0.0.1", not_after=dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
            ),
            Cause.CERTIFICATE_EXPIRED,
        ),
        (lambda authority: authority.issue_cert("mycel.test"), Cause.CERTIFICATE_NAME),
        (lambda authority: authority.issue_cert("127.0.0.2"), Cause.CERTIFICATE_NAME),
        (lambda _authority: trustme.CA().issue_cert("127.0.0.1"), Cause.UNKNOWN_AUTHORITY),
        (lambda _authority: trustme.CA().create_child_ca().issue_cert("127.0.0.1"), Cause.UNKNOWN_AUTHORITY),
    ],
    ids=["expired", "other name", "other address", "unknown authority", "unknown chain"],
)
def test_certificate(attempt, authority, make, cause):
    with serving(answering(b""), server_tls(make(authority))) as server:
        assert cause_of(attempt(server.base_url, verify=trusting(authority))) is cause


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_client_certificate_is_demanded(attempt, authority, version):
    """TLS 1.2 fails the handshake with an alert that says no more; 1.3 tells it after ours has ended."""
    context = server_tls(authority.issue_cert("127.0.0.1"))
    context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    with serving(demanding(context)) as server:
        error = attempt(server.base_url.replace("http:", "https:"), verify=trusting(authority))
    assert isinstance(error, TransportError)
    is_told = version == ssl.TLSVersion.TLSv1_3
    assert cause_of(error) is (Cause.CLIENT_CERTIFICATE_DEMANDED if is_told else Cause.TLS_FAILED)


def test_address_does_not_speak_tls(attempt):
    with serving(greeted) as server:
        assert cause_of(attempt(server.base_url.replace("http:", "https:"))) is Cause.NOT_TLS


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        ("407 Proxy Authentication Required", Cause.PROXY_REFUSED),
        ("403 Forbidden", Cause.PROXY_REFUSED),
        ("401 Unauthorized", Cause.PROXY_REFUSED),
        ("405 Method Not Allowed", Cause.PROXY_REFUSED),
        ("502 Bad Gateway", Cause.BACKEND_DOWN),
    ],
)
def test_proxy_refuses_the_tunnel(attempt, status, cause):
    with serving(answering(answer(b"", status))) as server:
        error = attempt("https://mycel.invalid", proxy=server.base_url)
    assert cause_of(error, is_proxied=True) is cause
    assert detail_of(error) == f"HTTP {status[:3]}"


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        ("Connection refused", Cause.BACKEND_DOWN),
        ("Host unreachable", Cause.BACKEND_DOWN),
        ("Connection not allowed by ruleset", Cause.PROXY_REFUSED),
    ],
)
def test_socks_proxy_refuses_or_cannot_reach_the_backend(reply, cause):
    assert cause_of(httpx.ProxyError(f"Proxy Server could not connect: {reply}.")) is cause


def test_proxy_wants_credentials_for_a_plain_call(colour):
    with serving(answering(answer(PAGE, "407 Proxy Authentication Required", "text/html"))) as server:
        (error,) = colour.calls("http://mycel.invalid", READ, proxy=server.base_url)
    assert cause_of(error, is_proxied=True) is Cause.PROXY_REFUSED


def test_proxy_is_down(attempt):
    error = attempt("https://mycel.invalid", proxy=f"http://127.0.0.1:{unused_port()}")
    assert cause_of(error, is_proxied=True) is Cause.PROXY_UNREACHABLE


def test_redirect_tells_where_it_leads(attempt):
    with serving(
        answering(answer(PAGE, "302 Found", "text/html", "Location: https://sso.test/login?next=secret"))
    ) as server:
        error = attempt(server.base_url)
    assert cause_of(error) is Cause.REDIRECTED
    assert "https://sso.test/login" in detail_of(error)
    assert "secret" not in detail_of(error)


def test_maintenance_tells_when_the_server_will_be_back(attempt):
    with serving(
        answering(answer(PAGE, "503 Service Unavailable", "text/html", "Retry-After: 120"))
    ) as server:
        error = attempt(server.base_url)
    assert (cause_of(error), detail_of(error)) == (Cause.MAINTENANCE, "HTTP 503, back in 120 s")


@pytest.mark.parametrize(
    ("status", "body", "cause"),
    [
        ("200 OK", PAGE, Cause.LOGIN_PAGE),
        ("429 Too Many Requests", PAGE, Cause.RATE_LIMITED),
        ("502 Bad Gateway", PAGE, Cause.BACKEND_DOWN),
        ("503 Service Unavailable", b"no server\n", Cause.BACKEND_DOWN),
        ("504 Gateway Time-out", PAGE, Cause.BACKEND_DOWN),
        ("403 Forbidden", PAGE, Cause.FOREIGN_ANSWER),
        ("401 Authorization Required", PAGE, Cause.CREDENTIALS_DEMANDED),
        ("401 Unauthorized", b"", Cause.CREDENTIALS_DEMANDED),
        ("401 Unauthorized", b'{"message": "Unauthorized"}', Cause.CREDENTIALS_DEMANDED),
        ("413 Request Entity Too Large", PAGE, Cause.BODY_TOO_LARGE),
        (
            "400 Bad Request",
            b"<html><head><title>400 No required SSL certificate was sent</title></head></html>",
            Cause.CLIENT_CERTIFICATE_DEMANDED,
        ),
    ],
)
def test_gateway_answers(attempt, status, body, cause):
    with serving(answering(answer(body, status, "text/html"))) as server:
        assert cause_of(attempt(server.base_url)) is cause


def test_gateway_refuses_in_json_of_its_own(colour):
    """As those of the clouds do; to a handshake the backend itself might have said it."""
    with serving(answering(answer(b'{"message": "Forbidden"}', "403 Forbidden"))) as server:
        (error,) = colour.calls(server.base_url, READ)
    assert cause_of(error) is Cause.FOREIGN_ANSWER


@pytest.mark.parametrize("status", ["426 Upgrade Required", "404 Not Found", "200 OK"])
def test_handshake_that_has_lost_its_upgrade(colour, status):
    with serving(answering(answer(b'{"detail": "Not Found"}', status))) as server:
        (error,) = colour.frames(server.base_url, 1)
    assert cause_of(error) is Cause.UPGRADE_MISSING


@pytest.mark.parametrize("behave", [cut, hang_up])
def test_connection_is_cut(attempt, behave):
    with serving(behave) as server:
        assert cause_of(attempt(server.base_url)) is Cause.CONNECTION_LOST


def test_nothing_is_answered_in_time(colour):
    with serving(lambda peer, _server: peer.wait_for_close()) as server:
        (call,) = colour.calls(server.base_url, READ, timeout=0.1)
        (frame,) = colour.frames(server.base_url, 1, connect_timeout=0.1)
    assert (cause_of(call), cause_of(frame)) == (Cause.TIMEOUT, Cause.TIMEOUT)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("401 Unauthorized", b'{"detail": "bad token"}'),
        ("409 Conflict", b'{"detail": "not caught up"}'),
        ("422 Unprocessable Entity", b'{"detail": []}'),
        ("200 OK", b"[null]"),
    ],
)
def test_backends_own_answer_has_no_cause(colour, status, body):
    with serving(answering(answer(body, status))) as server:
        (error,) = colour.calls(server.base_url, READ)
    assert isinstance(error, ApiError)
    assert cause_of(error) is None


def test_backends_own_failure_is_its_own():
    assert cause_of(ApiError(500, "Internal Server Error", b"Internal Server Error")) is Cause.SERVER_ERROR
    assert cause_of(ApiError(503, "not attached", b'{"detail": "not attached"}')) is Cause.SERVER_ERROR


@pytest.mark.parametrize("status", [403, 500])
def test_refused_handshake_of_the_backend_has_no_cause(status):
    """Its statuses do not tell why (Q18)."""
    assert cause_of(HandshakeError(status, "Forbidden")) is None


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (errno.ENETUNREACH, Cause.NO_ROUTE),
        (errno.EHOSTUNREACH, Cause.NO_ROUTE),
        (errno.EPERM, Cause.NO_ROUTE),
        (errno.ETIMEDOUT, Cause.TIMEOUT),
        (errno.EPIPE, Cause.CONNECTION_LOST),
        (errno.EMFILE, None),
    ],
)
def test_number_of_the_system(number, cause):
    assert cause_of(OSError(number, os.strerror(number))) is cause


def test_of_several_addresses_the_most_telling_counts():
    """A machine without IPv6 has no way to one of them, which says nothing of the other."""
    group = ExceptionGroup(
        "multiple connection attempts failed",
        [
            OSError(errno.ENETUNREACH, "Network is unreachable"),
            ConnectionRefusedError(errno.ECONNREFUSED, ""),
        ],
    )
    error = OSError("All connection attempts failed")
    error.__cause__ = group
    text = OSError("Multiple exceptions: [Errno 101] Connect call failed, [Errno 111] Connect call failed")
    assert cause_of(error) is Cause.CONNECTION_REFUSED
    assert cause_of(text) is Cause.CONNECTION_REFUSED


def test_earlier_try_of_the_call_is_no_cause(colour):
    """The second try's errors are raised while the first one's is being handled."""

    def behave(peer, server):
        if len(server.requests) == 0:
            server.requests.append(peer.request())
            peer.send(answer(b"", "429 Too Many Requests", "text/plain", "Connection: close"))
        else:
            cut(peer, server)

    with serving(behave) as server:
        (error,) = colour.calls(server.base_url, READ, retries=1)
    assert server.connections == 2
    assert cause_of(error) is Cause.CONNECTION_LOST


@pytest.mark.parametrize(
    ("code", "cause"), [(1006, Cause.CONNECTION_LOST), (1011, Cause.TIMEOUT), (1000, None), (1012, None)]
)
def test_end_of_the_stream(code, cause):
    assert cause_of(ConnectionClosed(code)) is cause


def test_every_cause_has_its_word_and_its_fix():
    for cause in Cause:
        assert cause == cause.value == cause.name.lower()
        assert cause.fix.endswith(".")
        assert Cause(cause.value) is cause


def test_every_cause_stands_in_the_operators_guide():
    guide = (Path(__file__).parents[3] / "systemd/README.md").read_text()
    for cause in Cause:
        assert f"| `{cause}` | {cause.fix} |\n" in guide


def subclasses(kind):
    return {kind}.union(*(subclasses(each) for each in kind.__subclasses__()))


def test_every_transport_error_of_httpx_has_a_cause():
    assert {kind for kind in subclasses(httpx.TransportError) if cause_of(kind("")) is None} == set()


def test_every_error_before_the_upgrade_has_a_cause():
    """Those that stand for what was answered; the others are faults of the caller's."""
    answers = {websockets.InvalidMessage, websockets.InvalidUpgrade, websockets.ProxyError}
    made = [
        websockets.InvalidMessage("did not receive a valid HTTP response"),
        websockets.InvalidUpgrade("Upgrade", None),
        websockets.ProxyError("failed to connect"),
    ]
    assert {type(error) for error in made if cause_of(error)} == answers
