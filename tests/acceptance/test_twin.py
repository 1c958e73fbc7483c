"""Somebody else speaks with the agent's token: the process tells, says nothing more, and goes on when told to."""

from __future__ import annotations

import pytest

from mycel_runtime.sdk import Client
from tests.acceptance.conftest import until, write_config

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]


def test_a_script_with_the_agents_token_holds_the_agent_until_it_is_resumed(
    start, household, backend, tmp_path
):
    config = write_config(tmp_path / "a", household, extra="[inbox]\nreconcile_interval = 0.3\n")
    agent = start("run", "--config", config)
    agent.wait_event("stream.connected")
    with (
        Client(base_url=backend.base_url, auth_token=household.owner_token) as owner,
        Client(base_url=backend.base_url, auth_token=household.agent_token) as script,
    ):
        chat = owner.chats.ensure_direct(household.agent_id)["id"]

        def said():
            history = owner.messages.list(chat)
            return [each["content"] for each in history if each["sender_id"] == household.agent_id]

        owner.messages.send(chat, "1", enforce_caught_up=False)
        until(lambda: said() == ["echo: 1"])
        owner.messages.send(chat, "2", enforce_caught_up=False)
        script.messages.send(chat, "by hand", enforce_caught_up=False)
        until(lambda: agent.events("twin.detected") or "echo: 2" in said())
        owner.messages.send(chat, "3", enforce_caught_up=False)
        agent.wait_event("twin.detected")
        held = said()

        status = start("status", "--config", config)
        assert status.exit_code() == 75
        assert "somebody else speaks as this agent" in status.transcript()
        resumed = start("resume", "--config", config, "twin")
        assert (resumed.exit_code(), resumed.out) == (0, ["the agent speaks again"])
        until(lambda: said() == [*held, "echo: 3"])

    assert agent.stop() == 0
