"""A token that is renewed under a running agent, against a bare server that knows some tokens."""

from __future__ import annotations

import asyncio
import json
import re
import threading

import pytest
from pydantic import SecretStr

from mycel_runtime.daemon import credential as credential_module
from mycel_runtime.daemon.credential import AgentClient, Credential
from mycel_runtime.daemon.network_health import NetworkHealth
from mycel_runtime.errors import (
    AuthenticationError,
    ConfigError,
    IntermediaryError,
    InvalidResponseError,
    ServerError,
    TransportError,
)
from mycel_runtime.fair_turns import AT_ONCE
from mycel_runtime.wire.ids import UserId
from tests.unit.sdk.wire import answer, serving

UNAUTHORIZED = answer(b'{"detail": "expired"}', "401 Unauthorized")
MANY = 60
"""Calls at once."""

LOGIN_PAGE = answer(b"<html>Log in</html>", "401 Unauthorized", "text/html")


class Told:
    def __init__(self):
        self.names = []

    def tell(self, fact):
        self.names.append(fact.name)


def knowing(**answers):
    """A server that gives each token its answer, and any other a 401; remembers whose requests it saw."""

    def behave(peer, server):
        while request := peer.request():
            token = re.search(rb"Authorization: Bearer (\S+)", request)[1].decode()
            server.requests.append(token)
            peer.send(answers.get(token, UNAUTHORIZED))

    return serving(behave)


def user(user_id):
    return answer(json.dumps({"id": user_id, "type": "external"}).encode())


def agent(server, read, observer=None):
    credential = Credential(SecretStr("old"), read)
    client = AgentClient(
        base_url=server.base_url,
        credential=credential,
        observer=observer or Told(),
        health=NetworkHealth(interval=30.0),
    )
    client.belongs_to(UserId("me"))
    return client, credential


def holding(token):
    """What the token file holds by now."""
    return lambda: SecretStr(token)


@pytest.fixture(autouse=True)
def short_grace(monkeypatch):
    monkeypatch.setattr(credential_module, "GRACE_SECONDS", 0.05)


def holding_in_turn(*tokens):
    """What the token file holds at each reading, and then for ever; an error is what reading it raises."""
    left = list(tokens)

    def read():
        now = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(now, Exception):
            raise now
        return SecretStr(now)

    return read


async def refusal(client):
    with pytest.raises(AuthenticationError) as refused:
        await client.me.whoami()
    return refused.value.detail


async def test_a_new_token_of_the_same_user_is_used_and_the_call_made_again():
    told = Told()
    with knowing(new=user("me")) as server:
        client, credential = agent(server, holding("new"), told)
        async with client:
            assert (await client.me.whoami())["id"] == "me"
            assert (await client.me.whoami())["id"] == "me"
    assert server.requests == ["old", "new", "new", "new"]
    assert (credential.get_secret_value(), told.names) == ("new", ["token.renewed"])


async def test_calls_that_are_refused_side_by_side_are_one_renewal():
    told = Told()
    with knowing(new=user("me")) as server:
        client, _ = agent(server, holding("new"), told)
        async with client:
            await asyncio.gather(*(client.me.whoami() for _ in range(5)))
    assert told.names == ["token.renewed"]


@pytest.mark.parametrize(
    "before", ["old", ConfigError("the token file is empty", where="a.token")], ids=["revoked", "torn"]
)
async def test_a_new_token_that_is_written_only_after_the_refusal_is_used(before):
    """Revoked first, written then; or read while it is written."""
    told = Told()
    with knowing(new=user("me")) as server:
        client, _ = agent(server, holding_in_turn(before, "new"), told)
        async with client:
            assert (await client.me.whoami())["id"] == "me"
    assert server.requests == ["old", "new", "new"]
    assert told.names == ["token.awaited", "token.renewed"]


async def test_no_call_is_made_with_a_refused_token_while_a_new_one_is_waited_for():
    waiting, told = asyncio.Event(), Told()
    told.tell = lambda _: waiting.set()
    with knowing(new=user("me")) as server:
        client, _ = agent(server, holding_in_turn("old", "new"), told)
        async with client, asyncio.TaskGroup() as tasks:
            tasks.create_task(client.me.whoami())
            await waiting.wait()
            tasks.create_task(client.me.whoami())
    assert server.requests == ["old", "new", "new", "new"]


async def test_a_new_token_is_waited_for_once():
    told = Told()
    with knowing() as server:
        client, _ = agent(server, holding("old"), told)
        async with client:
            await refusal(client)
            await refusal(client)
    assert told.names == ["token.awaited"]


async def test_a_token_that_was_never_good_here_is_refused_at_once():
    """At a start it is a mistake that somebody looks at."""
    told = Told()
    with knowing() as server:
        client = AgentClient(
            base_url=server.base_url,
            credential=Credential(SecretStr("old"), holding("old")),
            observer=told,
            health=NetworkHealth(interval=30.0),
        )
        async with client:
            await refusal(client)
    assert told.names == []


async def test_the_same_token_again_costs_no_request():
    with knowing() as server:
        client, _ = agent(server, holding("old"))
        async with client:
            assert await refusal(client) == "expired"
    assert server.requests == ["old"]


async def test_a_new_token_that_is_refused_too_is_asked_about_once():
    with knowing() as server:
        client, credential = agent(server, holding("new"))
        async with client:
            await refusal(client)
            await refusal(client)
    assert server.requests == ["old", "new", "old"]
    assert credential.get_secret_value() == "old"


async def test_a_new_token_of_somebody_else_is_not_used():
    with knowing(new=user("another")) as server:
        client, credential = agent(server, holding("new"))
        async with client:
            assert await refusal(client) == "expired; and the new one is that of another"
    assert credential.get_secret_value() == "old"


async def test_a_file_that_cannot_be_read_is_named():
    def read():
        raise ConfigError("the token file is open to others (mode 0644)", where="a.token")

    with knowing() as server:
        client, _ = agent(server, read)
        async with client:
            assert "a.token: the token file is open to others" in await refusal(client)


async def test_a_file_that_cannot_be_read_to_its_end_decides_nothing(monkeypatch):
    """A named pipe that was written to once, or a file system that hangs; else every call would wait for ever."""
    monkeypatch.setattr(credential_module, "READ_SECONDS", 0.05)
    released = threading.Event()

    def read():
        released.wait(60.0)
        return SecretStr("new")

    with knowing() as server:
        client, _ = agent(server, read)
        async with client, asyncio.timeout(60):
            with pytest.raises(TransportError):
                await client.me.whoami()
            released.set()


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (answer(b"no", "500 Internal Server Error", "text/plain"), ServerError),
        (answer(b'{"status": "maintenance"}'), InvalidResponseError),
    ],
)
async def test_a_new_token_that_nobody_can_judge_now_decides_nothing(said, error):
    with knowing(new=said) as server:
        client, credential = agent(server, holding("new"))
        async with client:
            with pytest.raises(error):
                await client.me.whoami()
    assert credential.get_secret_value() == "old"


async def test_a_gateways_refusal_is_no_reason_to_read_the_file():
    def read():
        raise AssertionError

    with knowing(old=LOGIN_PAGE) as server:
        client, _ = agent(server, read)
        async with client:
            with pytest.raises(IntermediaryError):
                await client.me.whoami()
    assert server.requests == ["old"]


async def test_each_try_of_a_call_is_told_and_what_it_comes_to():
    """Not only the last one: a call is repeated for longer than an operator is to wait for the cause."""
    unreachable = [answer(b"<html>", "502 Bad Gateway", "text/html")] * 2

    def behave(peer, server):
        while request := peer.request():
            server.requests.append(request)
            peer.send(unreachable.pop() if unreachable else user("me"))

    told = Told()
    with serving(behave) as server:
        client, _ = agent(server, lambda: SecretStr("old"), told)
        async with client:
            await client.me.whoami()
    assert [name for name in told.names if name.startswith("network.")] == [
        "network.troubled",
        "network.recovered",
    ]


async def test_each_try_of_a_call_tells_whether_it_has_reached_the_backend():
    unreachable = [answer(b"<html>", "502 Bad Gateway", "text/html")] * 2

    def behave(peer, server):
        while request := peer.request():
            server.requests.append(request)
            peer.send(unreachable.pop() if unreachable else user("me"))

    with serving(behave) as server:
        client, _ = agent(server, lambda: SecretStr("old"))
        reached = []
        client.tell_calls(reached.append)
        async with client:
            await client.me.whoami()
    assert reached == [False, False, True]


async def test_a_call_that_a_limit_refuses_says_nothing_of_the_way_to_the_backend():
    """The stream beside it need not prove that it lives, nor make way."""
    refused = [answer(b"<html>", "429 Too Many Requests", "text/html")] * 2

    def behave(peer, server):
        while request := peer.request():
            server.requests.append(request)
            peer.send(refused.pop() if refused else user("me"))

    with serving(behave) as server:
        client, _ = agent(server, lambda: SecretStr("old"))
        reached = []
        client.tell_calls(reached.append)
        async with client:
            await client.me.whoami()
    assert reached == [True]


async def test_the_call_of_one_who_rarely_calls_passes_those_of_another_agent_that_wait():
    """At one backend, by the order in which it sees their requests."""
    with knowing(greedy=user("me"), quiet=user("me")) as server:
        clients = []
        for token in ("greedy", "quiet"):
            client, credential = agent(server, holding(token))
            credential.use(SecretStr(token))
            client.use_token(token)
            clients.append(client)
        async with clients[0] as greedy, clients[1] as quiet:
            # Alone it waits for nobody, and has as many connections then.
            await many_times(greedy.me.whoami)
            await quiet.me.whoami()
            before = len(server.requests)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(many_times(greedy.me.whoami), name="greedy")
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                await quiet.me.whoami()
                seen = server.requests[before:]

    assert seen.count("quiet") == 1
    assert seen.index("quiet") <= 2 * AT_ONCE
    assert server.requests.count("greedy") == 2 * MANY


async def many_times(call):
    async with asyncio.TaskGroup() as tasks:
        for number in range(MANY):
            tasks.create_task(call(), name=f"call-{number}")
