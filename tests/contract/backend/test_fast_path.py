"""The way past FastAPI: what is answered there is what FastAPI's way would have answered, to the byte."""

from __future__ import annotations

import itertools
import json

import httpx
import pytest

from mycel_runtime.backend.faults import Faults
from mycel_runtime.backend.http import fast_path
from mycel_runtime.backend.http.app import build_app
from mycel_runtime.backend.http.fast_path import FastPath
from mycel_runtime.backend.options import BackendOptions
from mycel_runtime.backend.quirks import Quirks
from mycel_runtime.backend.service import SERVICE, Service
from mycel_runtime.backend.storage import MemoryStorage
from mycel_runtime.backend.world import accounts, chats

NOW = 1_700_000_000.0
CHAT = "/api/chats/chat"
JSON = {"content-type": "application/json"}


class World:
    """A service with two who share a chat, whose every id and time is the same each time."""

    def __init__(self, **kind):
        self.faults = Faults()
        numbers = itertools.count(1)
        self.service = Service(MemoryStorage(BackendOptions(**kind).rules), self.faults, clock=lambda: NOW)
        self.service.new_id = lambda: f"id-{next(numbers)}"
        world = self.service.world
        with self.service.transaction():
            human = accounts.create_human(world, "a@example.org", "", unique="human", now=NOW)
            accounts.create_external(world, human, "me", "me", now=NOW)
            chats.create(world, human, ["me"], None, "direct", chat_id="chat", now=NOW)
        self.tokens = {name: self.service.tokens.make(name, NOW) for name in ("me", human.id)}
        self.human = human.id

    async def ask(self, application, method, path, content=b"", headers=(), who="me"):
        """Its answer: status, headers, body."""
        token = self.tokens.get(self.human if who == "human" else who, who)
        given = {"authorization": f"Bearer {token}"} | dict(headers)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(application, raise_app_exceptions=False), base_url="http://backend"
        ) as client:
            request = client.build_request(method, path, content=content, headers=given)
            answer = await client.send(request)
        return answer.status_code, answer.headers.raw, answer.content


def body(**fields):
    return json.dumps(fields).encode()


async def in_pieces():
    for piece in (b'{"content"', b': "hel', b'lo"}'):
        yield piece


SPOKEN = ("POST", f"{CHAT}/messages", body(content="hi"), JSON, "human")

ORDINARY = {
    "page": ("GET", f"{CHAT}/messages"),
    "page with bounds": ("GET", f"{CHAT}/messages?limit=1&before=2"),
    "page before nothing": ("GET", f"{CHAT}/messages?before="),
    "page before no number": ("GET", f"{CHAT}/messages?before=x"),
    "page of no chat": ("GET", "/api/chats/other/messages"),
    "no token": ("GET", f"{CHAT}/messages", b"", {"authorization": ""}),
    "read": ("POST", f"{CHAT}/messages/read"),
    "read of a stranger": ("POST", f"{CHAT}/messages/read", b"", {}, "nobody"),
    "send": ("POST", f"{CHAT}/messages", body(content="hello", mentioned_ids=["me"]), JSON),
    "send when not caught up": ("POST", f"{CHAT}/messages", body(content="a", enforce_caught_up=True), JSON),
    "send of nothing": ("POST", f"{CHAT}/messages", body(content=" "), JSON),
    "send of what cannot be stored": ("POST", f"{CHAT}/messages", body(content="a\0b"), JSON),
    "send of a stranger": ("POST", f"{CHAT}/messages", body(content="a"), JSON, "nobody"),
    "send in a strange scope": (
        "POST",
        f"{CHAT}/messages",
        body(content="a", delivery_scope="addressed"),
        JSON,
    ),
}

ODD = {
    "limit of nothing": ("GET", f"{CHAT}/messages?limit=0"),
    "limit with zeros": ("GET", f"{CHAT}/messages?limit=007"),
    "limit too high": ("GET", f"{CHAT}/messages?limit=100000"),
    "limit of words": ("GET", f"{CHAT}/messages?limit=ten"),
    "limit twice": ("GET", f"{CHAT}/messages?limit=1&limit=2"),
    "something else asked": ("GET", f"{CHAT}/messages?whatever=1"),
    "page with a body": ("GET", f"{CHAT}/messages", b"body"),
    "read with a body": ("POST", f"{CHAT}/messages/read", b"{}", JSON),
    "read with a bad text": ("POST", f"{CHAT}/messages/read", b'{"a": "\\u0000"}', JSON),
    "send without a body": ("POST", f"{CHAT}/messages"),
    "send of no JSON": ("POST", f"{CHAT}/messages", b"{", JSON),
    "send of half a character": ("POST", f"{CHAT}/messages", b'{"content": "\\ud800"}', JSON),
    "send in another alphabet": ("POST", f"{CHAT}/messages", '{"content": "ä"}'.encode("utf-16"), JSON),
    "send with a stranger field": ("POST", f"{CHAT}/messages", body(content="a", more=1), JSON),
    "send of a number": ("POST", f"{CHAT}/messages", body(content=1), JSON),
    "send of untyped JSON": ("POST", f"{CHAT}/messages", body(content="a")),
    "send of JSON with a charset": (
        "POST",
        f"{CHAT}/messages",
        body(content="a"),
        {"content-type": "application/json; charset=utf-8"},
    ),
    "send of text": ("POST", f"{CHAT}/messages", body(content="a"), {"content-type": "text/plain"}),
    "send with a key": ("POST", f"{CHAT}/messages", body(content="a"), JSON | {"idempotency-key": "k"}),
    "another method": ("PUT", f"{CHAT}/messages", body(content="a"), JSON),
    "no chat": ("GET", "/api/chats//messages"),
    "a slash too many": ("GET", f"{CHAT}/messages/"),
    "a slash in the name": ("GET", "/api/chats/a%2Fb/messages"),
    "deeper": ("GET", f"/deeper{CHAT}/messages"),
}

KINDS = {
    "b": {},
    "b1": {"generation": "b1"},
    "b2, kinder": {
        "generation": "b2",
        "quirks": Quirks(
            **dict.fromkeys(
                ("bad_before_500", "text_must_be_storable", "no_idempotency_key", "check_then_write"), False
            )
        ),
    },
    "communication": {"profile": "communication"},
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("request_", [*ORDINARY.values(), *ODD.values()], ids=[*ORDINARY, *ODD])
async def test_the_answer_is_that_of_the_way_around(monkeypatch, kind, request_):
    fast, slow = World(**kind), World(**kind)
    requests = [SPOKEN, request_, ("GET", f"{CHAT}/messages")]
    answers = [await fast.ask(build_app(fast.service), *each) for each in requests]
    monkeypatch.setattr(fast_path, "_PREPARATIONS", {})

    assert answers == [await slow.ask(build_app(slow.service), *each) for each in requests]


@pytest.mark.parametrize("origin", [{"origin": "http://elsewhere"}, {}])
async def test_who_comes_from_elsewhere_is_told_the_same(monkeypatch, origin):
    world = World()
    request = ("GET", f"{CHAT}/messages", b"", origin)
    answer = await world.ask(build_app(world.service), *request)
    monkeypatch.setattr(fast_path, "_PREPARATIONS", {})

    assert answer == await world.ask(build_app(world.service), *request)


async def test_a_body_in_pieces_is_put_together():
    world = World()

    status, _, content = await world.ask(
        build_app(world.service), "POST", f"{CHAT}/messages", in_pieces(), JSON
    )

    assert (status, json.loads(content)["content"]) == (200, "hello")


async def test_a_body_in_pieces_is_handed_on_whole():
    world = World()

    status, _, content = await world.ask(build_app(world.service), "POST", f"{CHAT}/messages", in_pieces())

    assert (status, json.loads(content)["content"]) == (200, "hello")


@pytest.mark.parametrize(
    ("requests", "is_taken"), [(ORDINARY.values(), True), (ODD.values(), False)], ids=["ordinary", "odd"]
)
async def test_what_is_ordinary_is_taken_and_nothing_else(requests, is_taken):
    handed_on = []

    async def elsewhere(scope, receive, send):
        handed_on.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def application(scope, receive, send):
        await FastPath(elsewhere)({**scope, SERVICE: world.service}, receive, send)

    world = World()
    for request in requests:
        await world.ask(application, *request)

    assert len(handed_on) == (0 if is_taken else len(requests))


async def test_a_fault_strikes_there_too():
    """What an endpoint plays, it plays wherever it is called from."""
    world = World()
    await world.ask(build_app(world.service), *SPOKEN)
    await world.ask(build_app(world.service), "POST", f"{CHAT}/messages/read")
    world.faults.conflict_once()
    caught_up = ("POST", f"{CHAT}/messages", body(content="a", enforce_caught_up=True), JSON)

    statuses = [(await world.ask(build_app(world.service), *caught_up))[0] for _ in range(2)]

    assert statuses == [409, 200]
