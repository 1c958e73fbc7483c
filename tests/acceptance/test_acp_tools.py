"""A coding agent speaks by Mycel's tools on its way to an answer, beside a daemon that is killed in between."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mycel_runtime.sdk import Client
from tests.acceptance.conftest import until, write_config
from tests.acceptance.walk import is_ready
from tests.plugins.acp.agent_script import Script, ScriptedAgent, Step, Turn, says

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

TURNS = (
    Turn(when="go", times=1, steps=(Step(do="use", text="On it."), Step(do="silence"))),
    Turn(when="go", steps=(Step(do="use", text="On it, anew."), *says("Done."))),
    Turn(
        when="more",
        steps=(
            Step(do="use", text="More."),
            *says("More."),
            Step(do="use_later", text="Late.", seconds=1.0),
            Step(do="use_later", text="Late.", seconds=1.0, tool="say"),
        ),
    ),
)


@pytest.fixture
def scripted(tmp_path):
    agent = ScriptedAgent(tmp_path / "agent")
    agent.play(Script(turns=TURNS))
    return agent


def start_daemon(start, config):
    process = start("run", "--config", config)
    until(lambda: is_ready(config.parent / "state"))
    return process


def test_what_it_says_on_the_way_stands_once_and_after_its_turn_it_says_nothing(
    start, tmp_path, household, scripted
):
    table = f'[plugins.acp]\ncommand = {json.dumps(scripted.command)}\nfolder = "chats"\ntools = true\n'
    config = write_config(tmp_path / "a", household, plugin=table)
    daemon = start_daemon(start, config)
    with Client(base_url=household.base_url, auth_token=household.owner_token) as owner:
        chat_id = owner.chats.ensure_direct(household.agent_id)["id"]

        def heard():
            history = owner.messages.list(chat_id, limit=200)
            return [message["content"] for message in history if message["sender_id"] == household.agent_id]

        def say(text):
            owner.messages.send(chat_id, text, enforce_caught_up=False)

        say("go")
        until(lambda: heard() == ["On it."])
        until(lambda: scripted.record("used"))
        daemon.kill()
        start_daemon(start, config)
        until(lambda: heard() == ["On it.", "Done."])

        say("more")
        until(lambda: len(scripted.record("used")) == 5)
        until(lambda: heard() == ["On it.", "Done.", "More."])

    used = scripted.record("used")
    first, again, _, *late = used
    assert "they stand" not in first["told"]
    assert "in your words of then: they stand" in again["told"]
    assert [line["error"] for line in used] == [False] * 3 + [True] * 2
    assert all("you are not being asked anything now" in line["told"] for line in late)
    assert "What you had said in it by your tools stands" in scripted.prompts()[1]

    # What the agent is given names no run, and holds no token.
    (server,) = scripted.record("new")[0]["servers"]
    names = {each["name"]: each["value"] for each in server["env"]}
    assert set(names) == {"MYCEL_TOOLS_CHAT", "MYCEL_TOOLS_RUN_FILE", "MYCEL_TOOLS_STATE_DIR"}
    assert household.agent_token not in json.dumps(names)
    assert not list(Path(names["MYCEL_TOOLS_RUN_FILE"]).parent.iterdir())
