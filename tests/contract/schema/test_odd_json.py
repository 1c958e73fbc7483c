"""
What Python's JSON parser lets in although no document allows it comes back as JSON, or as a refusal.

Without the quirk that refuses most of it with a plain 500.
"""

from __future__ import annotations

import json
from typing import Final

import httpx
import pytest

from mycel_runtime.backend.quirks import Quirks
from mycel_runtime.backend.server import BackendOptions, LocalBackend

ODD: Final = {
    "half of a surrogate pair": rb'"\ud800"',
    "a key that is half of a pair": rb'{"\ud800": 1}',
    "a NUL": rb'"\u0000"',
    "a number of 5000 digits": b"9" * 5000,
    "lists in lists": b"[" * 900 + b"]" * 900,
    "too many lists in lists": b"[" * 100_000 + b"]" * 100_000,
    "no UTF-8": b'"\xff"',
    "an end too early": b'"',
}

BODIES: Final = {
    "a message": ("POST", "messages", b'{"content": %s}'),
    "mentions": ("POST", "messages", b'{"content": "hi", "mentioned_ids": [%s]}'),
    "a workflow": ("PUT", "workflow", b'{"kind": "k", "config": {"a": %s}}'),
    "an event": ("POST", "workflow/events", b'{"kind": "k", "metadata": {"a": %s}}'),
    "a time": ("PATCH", "workflow/events/1", b'{"settled_at": %s}'),
    "a task": ("POST", "tasks", b'{"subject": "s", "description": "", "metadata": {"a": %s}}'),
}

READS: Final = ("messages", "workflow", "workflow/events", "tasks")


@pytest.fixture(scope="module")
def owner():
    """A client with a token."""
    options = BackendOptions(quirks=Quirks(text_must_be_storable=False))
    with LocalBackend(options) as backend, httpx.Client(base_url=backend.base_url, timeout=30.0) as http:
        token = http.post("/api/auth/guest", json={}).json()["token"]
        http.headers.update({"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
        yield http


@pytest.fixture
def chat(owner):
    """The path of a new group with a workflow and an event."""
    group = owner.post("/api/chats", json={"kind": "group", "title": "Odd"}).json()["id"]
    chat = f"/api/chats/{group}"
    owner.put(f"{chat}/workflow", json={"kind": "k"}).raise_for_status()
    owner.post(f"{chat}/workflow/events", json={"kind": "k"}).raise_for_status()
    return chat


def strictly(response):
    """The answer, by a reader that knows JSON only."""
    return json.loads(
        response.content.decode(), parse_constant=lambda word: pytest.fail(f"{word} is no JSON")
    )


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_odd_json_is_answered_as_json_and_breaks_nothing(owner, chat, body, odd):
    method, path, around = body
    response = owner.request(method, f"{chat}/{path}", content=around % odd)
    assert response.status_code in {200, 400, 422}, response.text
    strictly(response)
    for read in READS:
        answer = owner.get(f"{chat}/{read}")
        assert answer.status_code == 200
        strictly(answer)
