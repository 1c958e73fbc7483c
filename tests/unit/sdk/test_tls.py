"""Calls and stream trust the same certificates, and go through the same proxy."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from mycel_runtime.errors import NotSentError
from mycel_runtime.sdk import calls
from tests.unit.sdk.upgraded import Upgraded, notify
from tests.unit.sdk.wire import answer, answering, serving

pytestmark = pytest.mark.usefixtures("nothing_leaks")

CERTIFICATE = Path(__file__).with_name("loopback.pem")
"""For 127.0.0.1, signed by nobody else, with its key: good for this and nothing else."""

READ = calls.whoami()


@pytest.fixture
def tls():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)
    return context


def behave(peer, server):
    while request := peer.request():
        server.requests.append(request)
        if b"/subscribe" in request:
            stream = Upgraded(peer, request)
            stream.say(notify(1))
            stream.hear()
            return
        peer.send(answer(b'{"id": "x"}'))


@pytest.mark.parametrize("how", ["context", False])
def test_calls_and_stream_trust_what_they_are_told_to(colour, tls, how):
    verify = ssl.create_default_context(cafile=CERTIFICATE) if how == "context" else how
    with serving(behave, tls) as server:
        assert colour.calls(server.base_url, READ, verify=verify) == [{"id": "x"}]
        assert colour.frames(server.base_url, 1, client={"verify": verify}) == [notify(1)]


def test_unknown_certificate_gets_no_token(colour, tls):
    with serving(behave, tls) as server:
        outcomes = colour.calls(server.base_url, READ) + colour.frames(server.base_url, 1)
    assert [type(outcome) for outcome in outcomes] == [NotSentError, NotSentError]
    assert server.requests == []


def test_scheme_in_capitals_is_verified_too(colour, tls):
    with serving(behave, tls) as server:
        (outcome,) = colour.calls(server.base_url.replace("https", "HTTPS"), READ)
    assert type(outcome) is NotSentError
    assert server.requests == []


def test_stream_goes_through_the_proxy(colour):
    def proxy(peer, server):
        server.requests.append(peer.request())
        peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        behave(peer, server)

    with serving(proxy) as server:
        found = colour.frames("http://mycel.invalid", 1, client={"proxy": server.base_url})
    assert found == [notify(1)]
    assert server.requests[0].startswith(b"CONNECT mycel.invalid:80 ")


def test_proxy_that_refuses_has_sent_nothing(colour):
    with serving(answering(answer(b"", "403 Forbidden"))) as server:
        options = {"proxy": server.base_url}
        (call,) = colour.calls("https://mycel.invalid", READ, **options)
        (frame,) = colour.frames("http://mycel.invalid", 1, client=options)
    assert (type(call), type(frame)) == (NotSentError, NotSentError)
