"""Clients that share connections notice nothing of each other: neither tokens nor faults, ways nor ends."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading

import pytest
import trustme

from mycel_runtime.errors import AuthenticationError, NotSentError, TransportError
from mycel_runtime.sdk import AsyncClient, Network, idle_connections, transport
from mycel_runtime.sdk.idle_connections import MOST_SECONDS
from mycel_runtime.sdk.shared_connections import SharedConnections
from mycel_runtime.sdk.transport import ClientUsageError
from tests.unit.sdk.proxies import http_proxy
from tests.unit.sdk.test_pool import limits, outcome
from tests.unit.sdk.wire import answer, answering, serving

pytestmark = pytest.mark.usefixtures("nothing_leaks")

OK = answer(b'{"id": "x"}')


@pytest.fixture
def connections():
    return SharedConnections()


def client_of(server, connections, token="a", **network):
    return AsyncClient(
        auth_token=token,
        base_url=server.base_url,
        retries=0,
        network=Network(connections=connections, **network),
    )


def token_of(request):
    head = request.decode().partition("\r\n\r\n")[0]
    return next(line for line in head.split("\r\n") if line.startswith("Authorization:")).split()[-1]


def naming(peer, server):
    """Each is told the token that it came with; a token that is no good is refused."""
    while request := peer.request():
        server.requests.append(request)
        if (token := token_of(request)) == "bad":
            peer.send(answer(b'{"detail": "Invalid token"}', "401 Unauthorized"))
        else:
            peer.send(answer(json.dumps({"id": token}).encode()))


async def test_each_call_goes_as_its_own_client_over_a_connection_that_another_has_left(connections):
    with serving(naming) as server:
        async with client_of(server, connections, "a") as a, client_of(server, connections, "b") as b:
            found = [await client.me.whoami() for client in (a, b, a, b)]
    assert found == [{"id": "a"}, {"id": "b"}, {"id": "a"}, {"id": "b"}]
    assert [token_of(request) for request in server.requests] == ["a", "b", "a", "b"]
    assert server.connections == 1


async def test_without_a_wish_clients_share_nothing():
    with serving(naming) as server:
        async with client_of(server, None, "a") as a, client_of(server, None, "b") as b:
            for client in (a, b, a, b):
                await client.me.whoami()
    assert server.connections == 2


async def test_a_refused_token_is_its_own_clients_trouble(connections):
    with serving(naming) as server:
        async with client_of(server, connections, "bad") as bad, client_of(server, connections, "b") as good:
            with pytest.raises(AuthenticationError):
                await bad.me.whoami()
            assert await good.me.whoami() == {"id": "b"}
            with pytest.raises(AuthenticationError):
                await bad.me.whoami()
            assert await good.me.whoami() == {"id": "b"}


@pytest.mark.parametrize("half", [b"", OK[:-4], OK + b"HTTP/1.1 200 OK\r\n"], ids=["none", "half", "more"])
async def test_nobody_is_given_what_is_left_of_anothers_answer(connections, half):
    """A call that is cancelled, or cut off, or whose answer goes on after its end."""

    def behave(peer, server):
        while request := peer.request():
            server.requests.append(request)
            peer.send(half if token_of(request) == "a" else OK)

    with serving(behave) as server:
        async with client_of(server, connections, "a") as a, client_of(server, connections, "b") as b:
            async with asyncio.TaskGroup() as tasks:
                calling = tasks.create_task(outcome(a.me.whoami()), name="calling")
                await asyncio.wait([calling], timeout=0.3)
                calling.cancel()
            assert await b.me.whoami() == {"id": "x"}
    assert server.connections == 2


async def test_a_connection_that_the_server_has_closed_costs_the_next_client_nothing(connections):
    def behave(peer, server):
        server.requests.append(peer.request())
        peer.send(OK)

    with serving(behave) as server:
        async with client_of(server, connections, "a") as a, client_of(server, connections, "b") as b:
            assert await a.me.whoami() == {"id": "x"}
            assert await asyncio.to_thread(server.closed.acquire, timeout=10)
            assert await b.messages.send("c", "hi") == {"id": "x"}
    assert [token_of(request) for request in server.requests] == ["a", "b"]


async def test_closing_a_client_ends_its_own_calls_and_nobody_elses(connections):
    arrived, go_on = threading.Semaphore(0), threading.Event()

    def behave(peer, server):
        while request := peer.request():
            server.requests.append(request)
            arrived.release()
            assert go_on.wait(30)
            peer.send(OK)

    with serving(behave) as server:
        a = client_of(server, connections, "a")
        async with client_of(server, connections, "b") as b, asyncio.timeout(60):
            async with asyncio.TaskGroup() as tasks:
                ours = tasks.create_task(outcome(a.me.whoami()), name="ours")
                theirs = tasks.create_task(outcome(b.me.whoami()), name="theirs")
                for _ in range(2):
                    assert await asyncio.to_thread(arrived.acquire, timeout=10)
                await a.aclose()
                assert type(await ours) is TransportError
                go_on.set()
                assert await theirs == {"id": "x"}
            assert await b.me.whoami() == {"id": "x"}
    assert server.connections == 2


async def test_what_is_idle_stays_until_the_last_client_is_closed(connections):
    with serving(answering(OK)) as server:
        a, b = client_of(server, connections, "a"), client_of(server, connections, "b")
        await a.me.whoami()
        await a.aclose()
        await a.aclose()
        await b.me.whoami()
        assert not server.closed.acquire(blocking=False)
        await b.aclose()
        assert await asyncio.to_thread(server.closed.acquire, timeout=10)
    assert server.connections == 1


async def test_whoever_takes_all_its_places_takes_none_of_anothers(connections, monkeypatch):
    monkeypatch.setattr(transport, "LIMITS", limits(1))
    arrived = threading.Event()

    def behave(peer, server):
        while request := peer.request():
            server.requests.append(request)
            if token_of(request) == "a":
                arrived.set()
                peer.wait_for_close()
                return
            peer.send(OK)

    with serving(behave) as server:
        async with (
            client_of(server, connections, "a") as a,
            client_of(server, connections, "b") as b,
            asyncio.TaskGroup() as tasks,
        ):
            hanging = tasks.create_task(outcome(a.me.whoami()), name="hanging")
            assert await asyncio.to_thread(arrived.wait, 10)
            assert await b.me.whoami() == {"id": "x"}
            hanging.cancel()


async def test_a_connection_that_is_always_in_use_is_made_anew_all_the_same(connections, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(idle_connections.time, "monotonic", lambda: now[0])
    with serving(answering(OK)) as server:
        async with client_of(server, connections, "a") as a, client_of(server, connections, "b") as b:
            made = []
            for step in range(50):
                await (b if step % 2 else a).me.whoami()
                made.append(server.connections)
                now[0] += MOST_SECONDS / 20
    assert made == [1] * 22 + [2] * 22 + [3] * 6


async def test_another_proxy_and_other_credentials_for_it_are_another_way(connections):
    """Whom a proxy lets through is known by what the connection began with, and by each request in the clear."""
    with serving(answering(OK)) as server, serving(http_proxy("a:1")) as proxy:
        known = client_of(server, connections, "a", proxy=proxy.base_url, proxy_auth=("a", "1"))
        unknown = client_of(server, connections, "b", proxy=proxy.base_url, proxy_auth=("b", "2"))
        direct = client_of(server, connections, "c")
        async with known, unknown, direct:
            assert await known.me.whoami() == {"id": "x"}
            assert type(await outcome(unknown.me.whoami())) is not dict
            assert await direct.me.whoami() == {"id": "x"}
        assert [token_of(request) for request in server.requests] == ["a", "c"]


@pytest.mark.slow
async def test_other_authorities_and_another_certificate_are_another_way(connections, tmp_path):
    """Whoever does not trust the server speaks to it over nobody's connection; each shows its own certificate."""
    authority, stranger = trustme.CA(), trustme.CA()
    for name, ca in (("trusted", authority), ("other", stranger)):
        ca.cert_pem.write_to_path(tmp_path / name)
    for name in ("one", "two"):
        authority.issue_cert(f"{name}.example").private_key_and_cert_chain_pem.write_to_path(tmp_path / name)
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(theirs)
    authority.configure_trust(theirs)
    theirs.verify_mode = ssl.CERT_OPTIONAL

    def behave(peer, server):
        shown = peer.connection.getpeercert() or {"subjectAltName": ((None, "nobody"),)}
        while request := peer.request():
            server.requests.append(request)
            peer.send(answer(json.dumps({"id": shown["subjectAltName"][0][1]}).encode()))

    with serving(behave, theirs) as server:
        trusting = {"ca_file": tmp_path / "trusted"}
        one, two, bare, again, distrusting = (
            client_of(server, connections, **network)
            for network in (
                trusting | {"client_cert": tmp_path / "one"},
                trusting | {"client_cert": tmp_path / "two"},
                trusting,
                trusting,
                {"ca_file": tmp_path / "other"},
            )
        )
        async with one, two, bare, again, distrusting:
            found = [(await client.me.whoami())["id"] for client in (one, two, bare, again, one)]
            error = await outcome(distrusting.me.whoami())
        assert found == ["one.example", "two.example", "nobody", "nobody", "one.example"]
        assert type(error) is NotSentError
        assert len(server.requests) == 5


def test_a_client_on_another_event_loop_says_so_and_sends_nothing(connections):
    async def ask(client):
        return await outcome(client.me.whoami())

    with serving(answering(OK)) as server:
        here, there = client_of(server, connections), client_of(server, connections)
        with asyncio.Runner() as first, asyncio.Runner() as second:
            assert first.run(ask(here)) == {"id": "x"}
            error = second.run(ask(there))
            second.run(there.aclose())
            first.run(here.aclose())
    assert type(error) is ClientUsageError
    assert len(server.requests) == 1
