"""What real sockets do to a call: each fault is the right error, in time, and leaves nothing open."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
import zlib

import httpx
import pytest

from mycel_runtime.errors import (
    ApiError,
    ContentTooLargeError,
    InvalidResponseError,
    NotSentError,
    RedirectError,
    ServerError,
    TransportError,
)
from mycel_runtime.observe.facts import StoredSendFailed
from mycel_runtime.sdk import body, calls
from mycel_runtime.sdk.transport import LIMITS, transport_error
from tests.unit.sdk.wire import answer, answering, serving

pytestmark = pytest.mark.usefixtures("nothing_leaks")

READ = calls.whoami()
SEND = calls.send_message("c", "hi")
OK = answer(b'{"id": "x"}')


def in_time(started: float) -> bool:
    """Far from the 15 s of an untouched read timeout, however busy the machine is."""
    return time.monotonic() - started < 8


def redirect_to(location):
    return answer(b"", "308 Permanent Redirect", "text/plain", f"Location: {location}")


def only(outcomes: list[object], kind: type[Exception]) -> ApiError:
    (outcome,) = outcomes
    assert type(outcome) is kind, outcome
    return outcome


def test_refused_connection_is_not_sent(colour):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        assert only(colour.calls(base_url, SEND), NotSentError).is_transport_error


def test_reset_before_the_request_was_read_is_a_transport_error(colour):
    with serving(lambda peer, server: peer.reset()) as server:
        (outcome,) = colour.calls(server.base_url, SEND)
    # So early that it may have hit the connecting, and then nothing was sent.
    assert isinstance(outcome, TransportError)


def test_reset_after_the_request_is_a_transport_error(colour):
    def behave(peer, server):
        peer.request()
        peer.reset()

    with serving(behave) as server:
        only(colour.calls(server.base_url, SEND), TransportError)


def test_silence_ends_at_the_read_timeout(colour):
    def behave(peer, server):
        peer.request()
        peer.wait_for_close()

    with serving(behave) as server:
        started = time.monotonic()
        only(colour.calls(server.base_url, SEND, timeout=0.2), TransportError)
        assert in_time(started)


@pytest.mark.slow
@pytest.mark.parametrize("first", ["headers", "body"])
def test_trickle_ends_at_the_deadline_though_each_byte_is_in_time(colour, first):
    def behave(peer, server):
        peer.request()
        if first == "body":
            peer.send(answer(b" " * 1000)[:-1000])
            peer.trickle(b" " * 1000)
        else:
            peer.send(b"HTTP/1.1 200 OK\r\nX: ")
            peer.trickle(b"y" * 1000)

    with serving(behave) as server:
        started = time.monotonic()
        error = only(colour.calls(server.base_url, SEND, deadline_seconds=0.4), TransportError)
        assert in_time(started)
        assert "deadline" in error.detail


@pytest.mark.slow
def test_a_request_taken_in_little_by_little_ends_at_the_deadline_though_each_bit_is_in_time(colour):
    def behave(peer, server):
        while taken := peer.connection.recv(50_000):
            server.requests.append(taken)
            time.sleep(0.01)

    content = "x" * 24_000_000
    with serving(behave) as server:
        call = calls.send_message("c", content)
        error = only(colour.calls(server.base_url, call, deadline_seconds=0.4), TransportError)
    assert "deadline" in error.detail
    assert sum(map(len, server.requests)) < len(content)


def test_an_answer_of_whoever_does_not_listen_any_more_is_heard(colour):
    """It stays connected as well, and what it has not taken in must not stand before the next request."""
    is_over = threading.Event()

    def behave(peer, server):
        if server.connections == 1:
            peer.connection.recv(1000)
            peer.send(answer(b'{"detail": "no"}', "413 Too Large"))
            is_over.wait(20)
        else:
            answering(OK)(peer, server)

    with serving(behave) as server:
        try:
            call = calls.send_message("c", "x" * 16_000_000)
            timeout = httpx.Timeout(15.0, write=0.5)
            refused, heard = colour.calls(server.base_url, call, SEND, timeout=timeout)
        finally:
            is_over.set()
    assert type(refused) is ContentTooLargeError
    assert heard == {"id": "x"}
    assert server.connections == 2


def test_truncated_body_is_a_transport_error(colour):
    def behave(peer, server):
        peer.request()
        peer.send(OK[:-3])

    with serving(behave) as server:
        only(colour.calls(server.base_url, SEND), TransportError)


def test_huge_body_is_given_up_at_its_bound(colour, monkeypatch):
    monkeypatch.setattr(body, "MAX_BODY_BYTES", 100_000)

    def behave(peer, server):
        peer.request()
        peer.send(answer(b"")[:-2].replace(b"Content-Length: 0\r\n", b"") + b"Connection: close\r\n\r\n")
        while True:
            peer.send(b" " * 65_536)

    with serving(behave) as server:
        error = only(colour.calls(server.base_url, READ), InvalidResponseError)
    assert "more than" in error.detail


def test_compressed_body_is_bounded_by_what_it_unpacks_to(colour, monkeypatch):
    monkeypatch.setattr(body, "MAX_BODY_BYTES", 100_000)
    packed = gzip.compress(b" " * 10_000_000)
    with serving(answering(answer(packed, "200 OK", "application/json", "Content-Encoding: gzip"))) as server:
        only(colour.calls(server.base_url, READ), InvalidResponseError)


@pytest.mark.parametrize(
    "codings", ["gzip, gzip", "gzip,gzip", "GZIP\r\nContent-Encoding: gzip", "identity, gzip"]
)
def test_what_is_packed_in_more_than_one_way_is_not_unpacked(colour, codings):
    """Each way makes a thousand bytes of one, before the bound has seen any of them."""
    packed = gzip.compress(gzip.compress(b'{"id": "x"}') if "identity" not in codings else b'{"id": "x"}')
    headers = ("application/json", f"Content-Encoding: {codings}")
    answers = [answer(packed, status, *headers) for status in ("200 OK", "503 Unavailable")]
    with serving(answering(*answers)) as server:
        found = colour.calls(server.base_url, READ, READ)
    assert [type(each) for each in found] == [InvalidResponseError, ServerError]


@pytest.mark.parametrize("coding", ["gzip", "GZip", "deflate"])
def test_what_is_packed_in_a_way_that_was_asked_for_is_unpacked(colour, coding):
    packed = (zlib if coding == "deflate" else gzip).compress(b'{"id": "x"}')
    headers = ("application/json", f"Content-Encoding: {coding}")
    with serving(answering(answer(packed, "200 OK", *headers))) as server:
        assert colour.calls(server.base_url, READ) == [{"id": "x"}]
    assert b"\r\nAccept-Encoding: gzip, deflate\r\n" in server.requests[0]


def test_huge_error_keeps_its_class(colour, monkeypatch):
    monkeypatch.setattr(body, "MAX_BODY_BYTES", 1000)
    with serving(answering(answer(b"x" * 5000, "503 Unavailable", "text/html"))) as server:
        only(colour.calls(server.base_url, READ), ServerError)


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"<html>", "text/html"),
        (b"", "application/json"),
        (b"null", "application/json"),
        (b"[]", "text/plain"),
    ],
)
def test_success_without_the_promised_json_is_invalid(colour, content, content_type):
    with serving(answering(answer(content, "200 OK", content_type))) as server:
        only(colour.calls(server.base_url, READ), InvalidResponseError)


@pytest.mark.parametrize("nested", [b"[" * 100_000, b"[" * 50_000 + b"]" * 50_000, b'{"a":' * 20_000])
def test_deep_nesting_is_invalid_and_no_crash(colour, nested):
    with serving(answering(answer(b'{"a":' + nested))) as server:
        only(colour.calls(server.base_url, READ), InvalidResponseError)


def test_redirect_is_named_with_its_fix_and_not_followed(colour):
    with (
        serving(answering(OK)) as elsewhere,
        serving(answering(redirect_to(f"{elsewhere.base_url}/pre{READ.path}?limit=50"))) as server,
    ):
        error = only(colour.calls(server.base_url, READ), RedirectError)
        assert str(error) == (
            f"HTTP 308: redirected to {elsewhere.base_url}/pre{READ.path}: "
            f'set base_url to "{elsewhere.base_url}/pre"'
        )
    assert (error.status_code, error.base_url, elsewhere.connections) == (
        308,
        f"{elsewhere.base_url}/pre",
        0,
    )


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://user:s3cr3t@login.example.org/sso?token=s3cr3t#s3cr3t", "https://login.example.org/sso"),
        ("/login", "/login"),
        ("https://login.example.org/" + "x" * 10_000, "https://login.example.org/" + "x" * 174),
        ("https://[::1", "nowhere"),
    ],
)
def test_redirect_to_another_place_is_named_without_its_secrets(colour, location, shown):
    with serving(answering(redirect_to(location))) as server:
        error = only(colour.calls(server.base_url, READ), RedirectError)
    assert str(error).startswith(f"HTTP 308: redirected to {shown}: something between here and the backend")
    assert error.base_url == ""


def test_redirect_without_a_location_leads_nowhere(colour):
    with serving(answering(answer(b"", "302 Found", "text/plain"))) as server:
        error = only(colour.calls(server.base_url, READ), RedirectError)
    assert "redirected to nowhere" in str(error)


def test_plain_text_500_costs_the_next_call_nothing(colour):
    """uvicorn closes after an uncaught exception without having said so; it may do so any time later (1.4)."""

    def behave(peer, server):
        while request := peer.request():
            server.requests.append(request)
            if len(server.requests) > 1:
                peer.send(OK)
                continue
            peer.send(answer(b"Internal Server Error", "500 Internal Server Error", "text/plain"))
            if peer.request():
                peer.reset()
                return

    with serving(behave) as server:
        first, second = colour.calls(server.base_url, SEND, SEND)
    assert (type(first), first.detail) == (ServerError, "Internal Server Error")
    assert second == {"id": "x"}
    assert server.connections == 2


def test_500_with_a_reason_keeps_its_connection(colour):
    with serving(answering(answer(b'{"detail": "x"}', "500 Internal Server Error"), OK)) as server:
        colour.calls(server.base_url, SEND, SEND)
    assert server.connections == 1


@pytest.mark.parametrize("wrapped", [True, False])
def test_q21_a_message_stored_before_the_500_is_the_result(colour, wrapped):
    row = {
        "id": "m",
        "seq": 7,
        "chat_id": "c",
        "sender_user_id": "u",
        "content": "hi",
        "mentions_json": ["v"],
    }
    failed = {"error": "chat_message_delivery_action_failed", "message": row, "cause": "x"}
    content = json.dumps({"detail": failed} if wrapped else failed).encode()
    told = []

    class Listener:
        def tell(self, fact):
            told.append(fact)

    with serving(answering(answer(content, "500 Internal Server Error"))) as server:
        (message,) = colour.calls(server.base_url, SEND, observer=Listener())
    assert (message["seq"], message["sender_id"], message["mentioned_ids"]) == (7, "u", ["v"])
    assert told == [StoredSendFailed(chat_id="c", message_seq=7)]
    assert len(server.requests) == 1


def test_an_answer_with_something_behind_it_costs_the_next_call_nothing(colour):
    with serving(answering(OK + b"HTTP/1.1 200 OK\r\n", OK)) as server:
        assert colour.calls(server.base_url, READ, SEND) == [{"id": "x"}] * 2
    assert server.connections == 2


def test_news_before_an_answer_is_passed_over(colour):
    with serving(answering(b"HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n" + OK)) as server:
        assert colour.calls(server.base_url, READ, READ) == [{"id": "x"}] * 2
    assert server.connections == 1


@pytest.mark.parametrize("unit", [b"HTTP/1.1 103 Early Hints\r\n\r\n", b"X: y\r\n"], ids=["news", "headers"])
def test_an_endless_head_is_given_up_at_its_bound(colour, unit):
    def behave(peer, server):
        peer.request()
        peer.send(b"" if unit.startswith(b"HTTP") else b"HTTP/1.1 200 OK\r\n")
        while True:
            peer.send(unit * 1000)

    with serving(behave) as server:
        error = only(colour.calls(server.base_url, READ), TransportError)
    assert "bytes without any content" in error.detail


def test_a_request_without_content_says_so_where_there_might_be_some(colour):
    """A gateway that is not told answers 411; and who only reads says nothing of it."""
    with serving(answering(OK)) as server:
        colour.calls(server.base_url, calls.drain_notifications(), READ)
    posted, read = (request.lower() for request in server.requests)
    assert posted.startswith(b"post")
    assert b"\r\ncontent-length: 0\r\n" in posted
    assert b"content-type" not in posted
    assert b"content-" not in read


def test_connections_are_reused_and_closed_with_the_client(colour):
    with serving(answering(OK)) as server:
        colour.calls(server.base_url, *[READ] * 5)
        assert server.closed.acquire(timeout=10)
    assert (server.connections, len(server.requests)) == (1, 5)


def test_idle_connection_is_left_before_uvicorn_would_close_it():
    assert LIMITS.keepalive_expiry < 5


def test_every_error_of_httpx_is_translated():
    def concrete(kind):
        for child in kind.__subclasses__():
            yield child
            yield from concrete(child)

    found = {kind.__name__ for kind in concrete(httpx.RequestError)}
    assert {"ConnectError", "ReadTimeout", "RemoteProtocolError", "ProxyError", "DecodingError"} <= found
    for kind in concrete(httpx.RequestError):
        assert isinstance(transport_error(kind("words")), TransportError)
