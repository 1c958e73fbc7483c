"""What the genuine clients make of a backend in trouble (contract 3.4, Q21, Q22)."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from mycel_runtime.backend.server import LocalBackend
from tests.contract.genuine.conftest import Town
from tests.contract.genuine.puppet import Raised

pytestmark = pytest.mark.peers


@pytest.fixture(scope="module")
def troubled_backend():
    """Its faults strike whoever calls next; so nobody else may."""
    with LocalBackend() as backend:
        yield backend


@pytest.fixture
def town(troubled_backend, client, http):
    return Town(troubled_backend, client, http)


@pytest.fixture
def nowhere(owner):
    """The owner, at an address where nobody listens."""
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        yield replace(owner, base_url=f"http://127.0.0.1:{unheard.getsockname()[1]}")


def test_an_answer_lost_after_the_change_is_a_transport_error(town, owner, chat):
    town.backend.faults.lose_answer()
    status, detail = owner.refused("messages.send", chat, "once")
    assert status == 0
    assert detail is not None
    assert detail.startswith("transport error: ")
    assert [message["content"] for message in owner("messages.list", chat)] == ["once"]


def test_nobody_listening_is_a_transport_error(nowhere):
    status, detail = nowhere.refused("chats.list")
    assert status == 0
    assert detail is not None
    assert detail.startswith("transport error: ")


def test_nobody_listening_is_an_error_of_the_system_to_a_stream(nowhere):
    with pytest.raises(Raised) as caught:
        nowhere.stream(since_seq=0).next()
    assert caught.value.kind == "ConnectionRefusedError"


def test_a_failed_delivery_tells_what_was_stored(town, owner, chat):
    """Q21."""
    town.backend.faults.fail_delivery()
    status, detail = owner.refused("messages.send", chat, "stored")
    assert status == 500
    assert detail is not None
    assert '"chat_message_delivery_action_failed"' in detail
    assert [message["content"] for message in owner("messages.list", chat)] == ["stored"]


@pytest.mark.parametrize("status", [429, 502, 503])
def test_a_refusal_on_the_way_is_told_with_its_status(town, owner, status):
    town.backend.faults.refuse(status)
    assert owner.refused("chats.list")[0] == status
    assert owner("chats.list") == []


def test_one_409_is_told_as_not_caught_up(town, owner, chat):
    town.backend.faults.conflict_once()
    refusal = owner.refused("messages.send", chat, "late")
    assert refusal == (409, "Read unread messages before sending.")
    assert owner("messages.send", chat, "again")["seq"] == 1


def test_a_revoked_token_is_refused(town, owner, agent):
    assert agent.token is not None
    town.backend.faults.revoke_token(agent.token)
    assert agent.refused("me.whoami")[0] == 401
