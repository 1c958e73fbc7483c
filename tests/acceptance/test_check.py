"""`check` beside a daemon that runs, and after somebody else has spoken as its agent."""

from __future__ import annotations

import pytest

from mycel_runtime.checks.finding import exit_code_of
from mycel_runtime.checks.together import check_all
from mycel_runtime.sdk import Client
from tests.acceptance.conftest import until, write_config

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

OFTEN = "[inbox]\nreconcile_interval = 0.3\n"


def test_a_running_agent_is_checked_and_its_twin_is_found_while_it_runs_and_after(
    start, household, backend, tmp_path
):
    config = write_config(tmp_path / "a", household, extra=OFTEN)

    def checked(expected):
        (checkup,) = check_all(config, is_offline=False)
        assert exit_code_of(checkup.findings) == expected, checkup.findings
        return {each.name: each for each in checkup.findings}

    agent = start("run", "--config", config)
    agent.wait_event("stream.connected")
    with (
        Client(base_url=backend.base_url, auth_token=household.owner_token) as owner,
        Client(base_url=backend.base_url, auth_token=household.agent_token) as script,
    ):
        chat = owner.chats.ensure_direct(household.agent_id)["id"]

        def said():
            return [each["content"] for each in owner.messages.list(chat)]

        owner.messages.send(chat, "1", enforce_caught_up=False)
        until(lambda: "echo: 1" in said())
        well = checked(0)
        script.messages.send(chat, "me too", enforce_caught_up=False)
        owner.messages.send(chat, "2", enforce_caught_up=False)
        agent.wait_event("twin.detected")
        during = checked(69)
        assert agent.stop() == 0
        after = checked(0)

    assert well["daemon"].text == f"runs and is ready (pid {agent.popen.pid})"
    assert "resume twin" in during["twin"].fix
    assert after["twin"].level == "warning"
    assert "has said 1 message as this agent" in after["twin"].text
    assert after["daemon"].text == "does not run"
