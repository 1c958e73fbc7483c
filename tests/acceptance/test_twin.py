"""Somebody else speaks with the agent's token: the process tells, says nothing more, and goes on when told to."""

from __future__ import annotations

import shutil

import pytest

from mycel_runtime.sdk import Client
from tests.acceptance.conftest import until, write_config

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]


OFTEN = """
[inbox]
reconcile_interval = 0.3
"""


def test_a_restored_backup_answers_nothing_that_was_answered_and_says_how_much(
    start, household, backend, tmp_path
):
    """Also where nobody says anything new: the next look finds it."""
    config = write_config(tmp_path / "a", household, extra=OFTEN)
    with Client(base_url=backend.base_url, auth_token=household.owner_token) as owner:
        chat = owner.chats.ensure_direct(household.agent_id)["id"]

        def said():
            history = owner.messages.list(chat)
            return [each["content"] for each in history if each["sender_id"] == household.agent_id]

        def live(texts):
            agent = start("run", "--config", config)
            for text in texts:
                owner.messages.send(chat, text, enforce_caught_up=False)
                until(lambda text=text: f"echo: {text}" in said())
            assert agent.stop() == 0

        live(["1"])
        shutil.copytree(tmp_path / "a" / "state", tmp_path / "backup")
        live(["2", "3", "4"])
        shutil.rmtree(tmp_path / "a" / "state")
        shutil.copytree(tmp_path / "backup", tmp_path / "a" / "state")

        agent = start("run", "--config", config)
        outdated = agent.wait_event("journal.outdated")
        assert (outdated["chats"], outdated["messages"]) == (1, 3)
        owner.messages.send(chat, "5", enforce_caught_up=False)
        until(lambda: "echo: 5" in said())
        assert said() == [f"echo: {number}" for number in range(1, 6)]

    assert agent.events("twin.detected") == []
    assert agent.stop() == 0


def test_a_backup_that_is_made_at_work_and_restored_after_more_was_said_says_nothing_twice(
    start, household, backend, tmp_path
):
    """What lies between becomes dead letters, and one line says how many."""
    config = write_config(tmp_path / "a", household, extra=OFTEN)
    copy = tmp_path / "a.backup"

    def command(*arguments):
        ended = start(*arguments[:1], "--config", config, *arguments[1:])
        assert ended.exit_code() == 0, ended.transcript()
        return ended.transcript()

    with Client(base_url=backend.base_url, auth_token=household.owner_token) as owner:
        chat = owner.chats.ensure_direct(household.agent_id)["id"]

        def said():
            history = owner.messages.list(chat)
            return [each["content"] for each in history if each["sender_id"] == household.agent_id]

        def ask(*texts):
            for text in texts:
                owner.messages.send(chat, text, enforce_caught_up=False)
                until(lambda text=text: f"echo: {text}" in said())

        agent = start("run", "--config", config)
        ask("1")
        assert "checked" in command("backup", copy)
        ask("2", "3", "4")
        refused = start("restore", "--config", config, copy)
        assert refused.exit_code() == 69
        assert agent.stop() == 0

        told = command("restore", copy)
        assert "the journal before is in" in told
        agent = start("run", "--config", config)
        outdated = agent.wait_event("journal.outdated")
        assert (outdated["chats"], outdated["messages"]) == (1, 3)
        ask("5")
        assert said() == [f"echo: {number}" for number in range(1, 6)]
        letters = start("dead", "list", "--config", config)
        assert letters.exit_code() == 0
        assert len([line for line in letters.out if "answered in this agent's name" in line]) == 1

    assert agent.events("twin.detected") == []
    assert agent.stop() == 0


def test_a_script_with_the_agents_token_holds_the_agent_until_it_is_resumed(
    start, household, backend, tmp_path
):
    config = write_config(tmp_path / "a", household, extra=OFTEN)
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
        script.messages.send(chat, "by hand", enforce_caught_up=False)
        agent.wait_event("twin.detected")
        owner.messages.send(chat, "2", enforce_caught_up=False)

        status = start("status", "--config", config)
        assert status.exit_code() == 75
        assert "somebody else speaks as this agent" in status.transcript()
        assert said() == ["echo: 1", "by hand"]
        resumed = start("resume", "--config", config, "twin")
        assert (resumed.exit_code(), resumed.out) == (0, ["the agent speaks again"])
        until(lambda: said() == ["echo: 1", "by hand", "echo: 2"])

    assert agent.stop() == 0
