"""
A token that is no longer good: two requests at most, and exit status 77, unless its file holds a new one.

That systemd leaves it at that is `test_start_is_final_exactly_where_starting_again_cannot_help`.
"""

from __future__ import annotations

import pytest

from mycel_runtime.daemon.control import ask_status
from mycel_runtime.errors import IdentityRefusedError
from mycel_runtime.sdk import Client
from tests.acceptance.conftest import until, write_config

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

HANDSHAKE = "/api/runtime/inbox/subscribe"
WHO_AM_I = "/api/auth/me"
QUIET = "[inbox]\nreconcile_interval = 3600\nsuspect_interval = 600\n"
BUSY = "[inbox]\nreconcile_interval = 0.2\n"


@pytest.fixture
def requests(backend):
    """Paths of all requests from now on, as the backend's gate sees them."""
    seen, take = [], backend.faults.take

    def record(method, path):
        seen.append(path)
        return take(method, path)

    backend.faults.take = record
    backend.faults.delay(
        0.0, times=1_000_000
    )  # requests are shown to the script only while it holds something
    return seen


def hears(start, config):
    """An agent that is connected and has asked for everything."""
    agent = start("run", "--config", config)
    agent.wait_event("stream.connected")
    agent.wait_event("reconcile.finished")
    return agent


def refuse(how, backend, token):
    """The token is as a forged one, or has expired."""
    {"revoked": backend.faults.revoke_token, "expired": backend.faults.expire_token}[how](token)


@pytest.mark.parametrize("how", ["revoked", "expired"])
def test_a_connection_that_ends_after_the_token_did_costs_two_requests(
    start, household, backend, requests, tmp_path, how
):
    """The handshake's 500 does not tell (Q18); one question tells all."""
    agent = hears(start, write_config(tmp_path / "a", household, extra=QUIET + '[log]\nlevel = "debug"\n'))
    refuse(how, backend, household.agent_token)
    requests.clear()
    backend.faults.drop_streams()

    assert agent.exit_code() == IdentityRefusedError.exit_code == 77, agent.transcript()
    print(f"\n{how}: {len(requests)} requests: {requests}")
    assert requests == [HANDSHAKE, WHO_AM_I]
    assert household.agent_token not in agent.transcript()


def test_a_token_that_ends_under_a_connection_costs_one_question_of_the_next_reconcile(
    start, household, backend, requests, tmp_path
):
    agent = hears(start, write_config(tmp_path / "a", household, extra=BUSY + '[log]\nlevel = "debug"\n'))
    backend.faults.revoke_token(household.agent_token)
    asked_before = len(requests)

    assert agent.exit_code() == 77, agent.transcript()
    asked = requests[asked_before:]
    print(f"\n{len(asked)} requests: {asked}")
    assert len(asked) <= 2


def test_a_start_with_a_refused_token_costs_one_request(start, household, backend, requests, tmp_path):
    backend.faults.revoke_token(household.agent_token)

    agent = start("run", "--config", write_config(tmp_path / "a", household))

    assert agent.exit_code() == 77, agent.transcript()
    assert requests == [WHO_AM_I]


@pytest.mark.parametrize("is_connection_lost", [False, True])
@pytest.mark.parametrize("is_revoked_first", [False, True])
def test_a_new_token_in_the_file_is_used_without_a_restart_and_without_loss(
    start, household, backend, tmp_path, is_connection_lost, is_revoked_first
):
    """Written before the old one is revoked, or seconds after that; the next call, a reply perhaps, is refused."""
    agent = hears(start, write_config(tmp_path / "a", household, extra=QUIET + '[log]\nlevel = "debug"\n'))
    renewed = until(lambda: other_token(backend, household))
    if not is_revoked_first:
        (tmp_path / "a" / "agent.token").write_text(renewed)
    backend.faults.revoke_token(household.agent_token)
    if is_connection_lost:
        backend.faults.drop_streams()
    with Client(base_url=backend.base_url, auth_token=household.owner_token) as owner:
        chat = owner.chats.ensure_direct(household.agent_id)["id"]
        owner.messages.send(chat, "one", enforce_caught_up=False)
        if is_revoked_first:
            agent.wait_event("token.awaited")
            status = ask_status(tmp_path / "a" / "state")
            assert not status.ready
            assert status.problems[-1].endswith(f"write another one into {tmp_path}/a/agent.token")
            (tmp_path / "a" / "agent.token").write_text(renewed)
        until(lambda: len(owner.messages.list(chat)) == 2)
        owner.messages.send(chat, "two", enforce_caught_up=False)
        history = until(lambda: len(said := owner.messages.list(chat)) == 4 and said)

    assert [message["content"] for message in history] == ["one", "echo: one", "two", "echo: two"]
    agent.wait_event("token.renewed")
    assert len(agent.events("token.renewed")) == 1
    assert agent.stop() == 0
    assert renewed not in agent.transcript()


def other_token(backend, household):
    """Another one of the agent; tokens of one second are the same."""
    token = backend.ask("token", user_id=household.agent_id)["token"]
    return token if token != household.agent_token else None


def test_an_owners_token_in_the_agents_file_is_refused_with_the_fix(start, household, backend, tmp_path):
    """It would speak to all the owner's other agents, in the owner's name."""
    config = write_config(tmp_path / "a", household)
    (tmp_path / "a" / "agent.token").write_text(household.owner_token)

    agent = start("run", "--config", config)

    assert agent.exit_code() == 77, agent.transcript()
    assert "a human, not an external agent" in agent.transcript()
    assert "Put the agent's own token into its token_file" in agent.transcript()
    assert "Traceback" not in agent.transcript()
    assert agent.events("stream.connected") == []
