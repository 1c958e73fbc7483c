"""The SDK against the server's quirks, each under its number (contract section 6)."""

from __future__ import annotations

import json

import pytest

from mycel_runtime.backend.server import BackendOptions, LocalBackend
from mycel_runtime.errors import ServerError, TransportError
from mycel_runtime.sdk import Client
from tests.unit.sdk.wire import TOKEN, answer, answering, serving


@pytest.fixture
def backend():
    with LocalBackend(BackendOptions()) as backend:
        yield backend


@pytest.fixture
def owner(backend):
    with Client(base_url=backend.base_url) as nobody:
        made = nobody.auth.create_guest_owner("owner")
    with Client(base_url=backend.base_url, auth_token=made["token"]) as owner:
        yield owner


@pytest.fixture
def chat_id(owner):
    owner.auth.create_external_user("agent", "Agent")
    return owner.chats.ensure_direct("agent")["id"]


def test_q30_an_event_names_its_actor_and_is_not_made_twice_when_the_answer_is_lost(backend, owner, chat_id):
    me = owner.me.whoami()["id"]
    backend.faults.lose_answer(path=f"/api/chats/{chat_id}/workflow/events")
    with pytest.raises(TransportError):
        owner.chats.create_workflow_event(chat_id, kind="review", requested_by_user_id=me)

    (event,) = owner.chats.list_workflow_events(chat_id)
    assert (event["kind"], event["requested_by_user_id"]) == ("review", me)


def test_q30_an_event_that_fails_with_500_is_not_made_twice():
    with (
        serving(answering(answer(b"Internal Server Error", "500 Internal Server Error"))) as server,
        Client(base_url=server.base_url, auth_token=TOKEN, retries=5) as client,
        pytest.raises(ServerError),
    ):
        client.chats.create_workflow_event("c", kind="review", requested_by_user_id="me")

    (request,) = server.requests
    assert json.loads(request.partition(b"\r\n\r\n")[2]) == {"kind": "review", "requested_by_user_id": "me"}


def test_q31_a_walk_asks_for_what_comes_before_a_number_never_before_a_text(owner, chat_id):
    """A text is a 500; a caller who gives one is told so, and no page is taken for the last."""
    for number in range(5):
        owner.messages.send(chat_id, f"{number}")

    walked = owner.messages.list_all(chat_id, page_size=1)

    assert [message["content"] for message in walked] == [f"{number}" for number in range(5)]
    with pytest.raises(ServerError):
        owner.messages.list_all(chat_id, before="abc")


def test_q39_a_relationship_request_that_is_stored_and_fails_is_asked_once_and_listed(owner):
    with pytest.raises(ServerError):
        owner.relationships.request("nobody", "please")

    (relationship,) = owner.relationships.list()
    assert (relationship["other_user_id"], relationship["state"]) == ("nobody", "pending")


def test_q43_a_direct_chat_is_asked_for_each_time():
    """Two at once make two, and the older one is found ever after."""
    chats = [answer(json.dumps({"id": chat_id}).encode()) for chat_id in ("younger", "older")]
    with (
        serving(answering(*chats)) as server,
        Client(base_url=server.base_url, auth_token=TOKEN) as client,
    ):
        found = [client.chats.ensure_direct("agent")["id"] for _ in range(2)]

    assert found == ["younger", "older"]
