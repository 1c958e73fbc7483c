"""
A token that is no longer good: two requests at most, and exit status 77.

That systemd leaves it at that is `test_start_is_final_exactly_where_starting_again_cannot_help`.
"""

from __future__ import annotations

import pytest

from mycel_runtime.errors import IdentityRefusedError
from tests.acceptance.conftest import write_config

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

HANDSHAKE = "/api/runtime/inbox/subscribe"
WHO_AM_I = "/api/auth/me"
QUIET = "[inbox]\nreconcile_interval = 3600\n"
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
