"""A name with an address that is dead: calls and stream take the other one, at once."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import time

import pytest

from mycel_runtime.errors import TransportError
from mycel_runtime.sdk import happy_eyeballs
from mycel_runtime.sdk.calls import list_chats
from mycel_runtime.sdk.happy_eyeballs import connect_racing
from tests.unit.sdk.upgraded import Upgraded, notify
from tests.unit.sdk.wire import answer, serving

pytestmark = pytest.mark.usefixtures("nothing_leaks")

NAME = "mycel.test"


@contextlib.contextmanager
def dead_address(port):
    """`::1`, where nobody answers on this port, as behind a tunnel that is down: its queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_INET6))
        listener.bind(("::1", port))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket(socket.AF_INET6))
            filler.setblocking(False)
            filler.connect_ex(("::1", port))
        yield


@pytest.fixture
def named(monkeypatch):
    """`NAME` has these addresses, in this order; further names are as they were."""
    known = {}
    resolve = socket.getaddrinfo

    def getaddrinfo(host, port, *args, **options):
        if host not in {NAME, NAME.encode()}:
            return resolve(host, port, *args, **options)
        return [found for address in known[NAME] for found in resolve(address, port, *args, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return lambda *addresses: known.update({NAME: addresses})


def behave(peer, server):
    while request := peer.request():
        if b"/subscribe" in request:
            Upgraded(peer, request).say(notify(1))
            return
        peer.send(answer(b"[]"))


@pytest.mark.slow
def test_a_dead_address_costs_calls_and_stream_a_moment_only(colour, named):
    named("::1", "127.0.0.1")
    with serving(behave) as server, dead_address(server.port):
        base_url = f"http://{NAME}:{server.port}"
        started = time.monotonic()
        assert colour.calls(base_url, list_chats()) == [[]]
        (frame,) = colour.frames(base_url, 1, connect_timeout=5.0)
        assert frame["seq"] == 1
        assert time.monotonic() - started < 5.0


def test_an_address_that_refuses_costs_no_lead(named, monkeypatch):
    monkeypatch.setattr(happy_eyeballs, "LEAD_SECONDS", 60.0)
    named("127.0.0.2", "127.0.0.1")
    with (
        serving(behave) as server,
        # Else it ends by its own deadline.
        connect_racing(NAME, server.port, timeout=20.0) as connected,
    ):
        assert connected.getpeername() == ("127.0.0.1", server.port)


def test_a_family_that_the_kernel_does_not_have_is_passed_over(named, monkeypatch):
    """As after booting with `ipv6.disable=1`, where `localhost` still is `::1` too."""

    class WithoutIPv6(socket.socket):
        def __init__(self, family=-1, *args, **options):
            if family == socket.AF_INET6:
                raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
            super().__init__(family, *args, **options)

    named("::1", "127.0.0.1")
    with serving(behave) as server:
        monkeypatch.setattr(socket, "socket", WithoutIPv6)
        with connect_racing(NAME, server.port, timeout=5.0) as connected:
            assert connected.getpeername() == ("127.0.0.1", server.port)


def test_where_every_address_refuses_the_refusal_is_told(named):
    named("127.0.0.2", "127.0.0.3")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            connect_racing(NAME, unused.getsockname()[1], timeout=5.0)


def test_where_every_address_is_dead_the_time_is_over_once(named):
    named("::1", "::1")
    with serving(behave) as server, dead_address(server.port), pytest.raises(TimeoutError):
        connect_racing(NAME, server.port, timeout=0.1)


def test_a_name_that_nobody_knows_is_a_transport_error(colour, monkeypatch):
    def getaddrinfo(*_args, **_options):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    (error,) = colour.frames("http://mycel.test:1", 1)
    assert isinstance(error, TransportError)
