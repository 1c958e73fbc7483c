"""What both clients keep: equal faces, bounded and visible retries, secrets kept."""

from __future__ import annotations

import gc
import inspect
import logging
import threading
import traceback

import pytest

import mycel_runtime.sdk
from mycel_runtime.errors import (
    ApiError,
    NotSentError,
    RateLimitedError,
    ServerError,
    StreamError,
    TransportError,
)
from mycel_runtime.sdk import AsyncClient, Client, calls, policy, resources
from mycel_runtime.sdk.method import awaiting, blocking
from mycel_runtime.sdk.transport import ClientUsageError
from tests.unit.sdk.upgraded import Upgraded, notify
from tests.unit.sdk.wire import TOKEN, answer, answering, serving

READ = calls.whoami()
SEND = calls.send_message("c", "hi")
OK = answer(b'{"id": "x"}')
UNAVAILABLE = answer(b"", "503 Service Unavailable")

GROUPS = ["auth", "me", "users", "agents", "threads", "chats", "messages", "relationships", "notifications"]


class Listener:
    def __init__(self):
        self.told = []

    def tell(self, fact):
        self.told.append(fact)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(policy, "_BASE_SECONDS", 0.001)


@pytest.mark.usefixtures("quick")
class TestRetries:
    def test_safe_call_is_repeated_and_the_observer_is_told(self, colour):
        listener = Listener()
        with serving(answering(UNAVAILABLE, UNAVAILABLE, OK)) as server:
            assert colour.calls(server.base_url, READ, retries=2, observer=listener) == [{"id": "x"}]
        assert [(fact.name, fact.method, fact.attempt, fact.error) for fact in listener.told] == [
            ("call.retried", "GET", 1, "ServerError"),
            ("call.retried", "GET", 2, "ServerError"),
        ]

    @pytest.mark.parametrize("retries", [0, 1, 3])
    def test_number_of_tries_is_bounded_and_zero_switches_off(self, colour, retries):
        with serving(answering(UNAVAILABLE)) as server:
            (error,) = colour.calls(server.base_url, READ, retries=retries)
        assert (type(error), error.status_code) == (ServerError, 503)
        assert len(server.requests) == retries + 1

    def test_reset_read_is_repeated_on_a_new_connection(self, colour):
        def behave(peer, server):
            while request := peer.request():
                server.requests.append(request)
                if len(server.requests) == 1:
                    peer.reset()
                    return
                peer.send(OK)

        with serving(behave) as server:
            assert colour.calls(server.base_url, READ, retries=1) == [{"id": "x"}]
        assert server.connections == 2

    def test_retry_after_is_waited_for(self, colour):
        listener = Listener()
        busy = answer(b"", "429 Too Many Requests", "text/plain", "Retry-After: 0.2")
        with serving(answering(busy, OK)) as server:
            assert colour.calls(server.base_url, READ, retries=1, observer=listener) == [{"id": "x"}]
        assert [fact.retry_in >= 0.2 for fact in listener.told] == [True]

    @pytest.mark.parametrize("call", [SEND, calls.drain_notifications(), calls.read_messages("c")])
    def test_write_is_not_repeated(self, colour, call):
        listener = Listener()
        with serving(answering(UNAVAILABLE)) as server:
            colour.calls(server.base_url, call, retries=5, observer=listener)
        assert (len(server.requests), listener.told) == (1, [])

    def test_send_is_not_repeated_even_if_nothing_can_have_left(self, colour):
        listener = Listener()
        (error,) = colour.calls("http://127.0.0.1:1", SEND, retries=5, observer=listener)
        assert (type(error), listener.told) == (NotSentError, [])

    def test_write_that_cannot_have_left_is_repeated(self, colour):
        listener = Listener()
        colour.calls("http://127.0.0.1:1", calls.add_member("c", "u"), retries=2, observer=listener)
        assert len(listener.told) == 2


BUSY = answer(b"", "429 Too Many Requests", "text/plain")


class TestRateLimit:
    """Over real sockets: `test_turnstile` tells what the pace is."""

    @pytest.mark.parametrize("call", [READ, calls.add_member("c", "u"), calls.drain_notifications()])
    def test_a_patient_client_repeats_what_was_refused_and_tells_its_observer_once(self, colour, call):
        listener = Listener()
        options = {"patience_seconds": 20.0, "observer": listener}
        with serving(answering(BUSY, OK, BUSY, BUSY, OK)) as server:
            assert colour.calls(server.base_url, call, call, **options) == [{"id": "x"}] * 2
        assert (len(server.requests), [fact.name for fact in listener.told]) == (5, ["rate.limited"])

    @pytest.mark.parametrize("options", [{}, {"patience_seconds": 20.0}])
    def test_a_send_is_never_repeated(self, colour, options):
        with serving(answering(BUSY, OK)) as server:
            (error,) = colour.calls(server.base_url, SEND, **options)
        assert (type(error), len(server.requests)) == (RateLimitedError, 1)

    def test_a_client_has_no_patience_unless_it_is_asked_for(self, colour):
        """As the reference SDK: only the caller knows how long may be waited."""
        with serving(answering(BUSY, BUSY, OK)) as server:
            errors = colour.calls(server.base_url, calls.add_member("c", "u"), READ)
        assert [type(error) for error in errors] == [RateLimitedError] * 2

    def test_patience_ends_with_the_error_that_is_known(self, colour):
        busy = answer(b"", "429 Too Many Requests", "text/plain", "Retry-After: 30")
        with serving(answering(busy)) as server:
            (error,) = colour.calls(server.base_url, READ, patience_seconds=1.0, retries=2)
        assert (type(error), len(server.requests)) == (RateLimitedError, 1)
        assert error.retry_after_seconds >= 29.0


@pytest.mark.parametrize("group", GROUPS)
def test_both_colours_have_equal_methods_made_of_equal_endpoints(group):
    with Client(base_url="http://h") as client:
        one, other = type(getattr(client, group)), type(getattr(AsyncClient(base_url="http://h"), group))
    assert f"Async{one.__name__}" == other.__name__

    def face(kind):
        return {
            name: member._endpoint
            if isinstance(member, blocking | awaiting)
            else inspect.signature(member).parameters
            for name, member in vars(kind).items()
            if not name.startswith("_")
        }

    assert face(one) == face(other)


def test_clients_are_built_alike():
    assert inspect.signature(Client).parameters == inspect.signature(AsyncClient).parameters
    public = {name for name in vars(Client) if not name.startswith("_")} - {"close"}
    assert public == {name for name in vars(AsyncClient) if not name.startswith("_")} - {"aclose"}


def test_everything_public_is_listed_sorted_and_documented():
    assert mycel_runtime.sdk.__all__ == sorted(mycel_runtime.sdk.__all__)
    for name in mycel_runtime.sdk.__all__:
        assert getattr(mycel_runtime.sdk, name).__doc__, name
    for module in (calls, resources):
        for name, member in vars(module).items():
            if inspect.isfunction(member) and not name.startswith("_"):
                assert member.__doc__, name


def test_a_client_is_shared_by_threads():
    with serving(answering(OK)) as server, Client(auth_token=TOKEN, base_url=server.base_url) as client:
        results = []
        threads = [
            threading.Thread(target=lambda: results.extend(client.me.whoami() for _ in range(20)))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert results == [{"id": "x"}] * 160
    assert server.connections <= 8


def test_dropped_client_closes_its_connections():
    with serving(answering(OK)) as server:
        client = Client(auth_token=TOKEN, base_url=server.base_url)
        client.me.whoami()
        del client
        # A look for garbage does nothing while another thread is in the middle of one.
        assert any(gc.collect() is not None and server.closed.acquire(timeout=0.1) for _ in range(100))


class TestUsage:
    @pytest.mark.parametrize(
        "base_url",
        [
            None,
            "",
            "  /",
            "http://user:secret@host",
            "http://user:se/cret@host",
            "http://[::1",
            "http://h:99999999",
            "http://h:0",
            "http://h:port",
            "http://h/?key=secret",
            "http://h/#there",
            "http://h h",
            "ftp://h",
            "h:8042",
        ],
    )
    def test_base_url_that_cannot_be_one_is_refused(self, base_url):
        with pytest.raises(ClientUsageError, match="base_url") as caught:
            Client(base_url=base_url)
        shown = "".join(traceback.format_exception(caught.value))
        assert "secret" not in shown
        assert "se/cret" not in shown

    @pytest.mark.parametrize("token", ["tok\nen", "tok en", "tök", "tok\x00"])
    def test_token_that_no_header_can_carry_is_refused_unprinted(self, token):
        with pytest.raises(ClientUsageError) as caught:
            Client(auth_token=token, base_url="http://h")
        assert token not in "".join(traceback.format_exception(caught.value))

    @pytest.mark.parametrize(
        ("proxy", "problem"),
        [
            ("ftp://h", "must start with http://"),
            ("https://h", "must start with http://"),
            ("h:3128", "must start with http://"),
            ("http://u:se/cret@h", "has a host or port that is none"),
            ("http://", "must include a host"),
            ("http://h/path", "must not include a path"),
        ],
    )
    def test_proxy_that_cannot_be_one_is_refused(self, proxy, problem):
        with pytest.raises(ClientUsageError, match=problem):
            Client(base_url="http://h", proxy=proxy)

    def test_without_a_token_only_public_calls_are_made(self, colour):
        with serving(answering(OK)) as server:
            first, second = colour.calls(server.base_url, READ, calls.login("a", "b"), auth_token=None)
        assert (type(first), second) == (ClientUsageError, {"id": "x"})
        assert b"uthorization" not in server.requests[0]

    def test_public_calls_never_carry_the_token(self, colour):
        with serving(answering(OK)) as server:
            colour.calls(server.base_url, calls.login("a", "b"), calls.openapi())
        assert not any(TOKEN.encode() in request for request in server.requests)

    def test_closed_client_says_so(self):
        client = Client(auth_token=TOKEN, base_url="http://127.0.0.1:1")
        client.close()
        with pytest.raises(ClientUsageError, match="closed"):
            client.me.whoami()

    def test_path_prefix_and_blanks_of_the_base_url(self, colour):
        with serving(answering(OK)) as server:
            colour.calls(f"  {server.base_url}/pre//  ", READ)
        assert server.requests[0].startswith(b"GET /pre/api/auth/me HTTP/1.1\r\n")

    def test_proxy_is_used_and_the_environment_s_is_not(self, colour, monkeypatch):
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
        with serving(answering(OK)) as server:
            assert colour.calls(server.base_url, READ) == [{"id": "x"}]
            assert colour.calls("http://mycel.invalid", READ, proxy=server.base_url) == [{"id": "x"}]
        assert server.requests[1].startswith(b"GET http://mycel.invalid/api/auth/me HTTP/1.1\r\n")


def test_token_is_in_no_log_no_message_and_no_repr(colour, caplog):
    """Of httpx, httpcore and websockets at DEBUG, whatever goes wrong."""
    for name in (None, "httpx", "httpcore", "websockets"):  # another test may have made them quiet
        caplog.set_level(logging.DEBUG, logger=name)

    def behave(peer, server):
        while request := peer.request():
            server.requests.append(request)
            number = len(server.requests)
            if b"/subscribe" in request and number > 1:
                stream = Upgraded(peer, request)
                stream.say(notify(1))
                stream.close(1012, "restart")
                return
            if number == 1:
                peer.send(answer(b"", "403 Forbidden"))
                return
            if number == 4:
                peer.reset()
                return
            peer.send(answer(b'{"detail": "words"}', "500 Internal Server Error"))

    with serving(behave) as server:
        found = colour.frames(server.base_url, 1)
        found += colour.calls(server.base_url, READ, SEND, READ)
        found += colour.frames(server.base_url, 5)
    found += colour.calls("http://127.0.0.1:1", READ)
    found += colour.frames("http://127.0.0.1:1", 1)
    errors = [outcome for outcome in found if isinstance(outcome, Exception)]
    assert {type(error) for error in errors} >= {ServerError, NotSentError}
    assert any(isinstance(error, StreamError) for error in errors)
    assert any(type(error) is TransportError for error in errors)
    printed = "".join("".join(traceback.format_exception(error)) + repr(error) for error in errors)
    client = Client(auth_token=TOKEN, base_url="http://h")
    printed += repr(client) + repr(client.notifications._access) + repr(vars(client.notifications))
    ours = [record.getMessage() for record in caplog.records if record.name != "websockets.server"]
    theirs = [record.getMessage() for record in caplog.records if record.name == "websockets.server"]
    assert any(TOKEN in message for message in theirs)  # so that it would have been caught
    assert TOKEN not in printed + "".join(ours)
    assert all(isinstance(error, ApiError | StreamError) for error in errors)
