"""The operator's hand on turns: dead letters, doubts, held chats, plugins that are left alone."""

from __future__ import annotations

import json

import pytest

from mycel_runtime.sdk import Client
from tests.acceptance.conftest import until, write_config

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

MOODY = """
from pathlib import Path

from mycel_runtime import Plugin

plugin = Plugin("moody")
mended = Path(__file__).with_name("mended")


@plugin.on_message
async def answer(ctx):
    await ctx.reply("heard")
    if not mended.exists():
        raise ValueError(ctx.messages[-1].content)
    await ctx.reply("done")
"""


@pytest.fixture
def owner(household):
    with Client(base_url=household.base_url, auth_token=household.owner_token) as client:
        yield client, client.chats.ensure_direct(household.agent_id)["id"]


def answers(owner, household):
    client, chat_id = owner
    history = client.messages.list(chat_id, limit=200)
    return [message["content"] for message in history if message["sender_id"] == household.agent_id]


def ask(owner, text):
    client, chat_id = owner
    client.messages.send(chat_id, text, enforce_caught_up=False)


def command(start, config, *args):
    """Run one to its end; its code and its output."""
    process = start(*args[:2], "--config", config, *args[2:])
    return process.exit_code(), process.out, process.err


def moody(tmp_path, household, extra):
    config = write_config(
        tmp_path / "a", household, extra=extra, plugin='[plugins.moody]\npath = "moody.py"\n'
    )
    (tmp_path / "a" / "moody.py").write_text(MOODY)
    return config, tmp_path / "a" / "mended"


def test_dead_letters_are_listed_shown_tried_again_and_dropped(start, household, owner, tmp_path):
    config, mended = moody(tmp_path, household, "[dispatch]\nmax_attempts = 1\n")
    agent = start("run", "--config", config)
    agent.wait_event("stream.connected")
    for text in ("secret one", "secret two"):
        ask(owner, text)
        buried = len(agent.events("delivery.buried"))
        agent.wait_for(lambda run, buried=buried: len(run.events("delivery.buried")) > buried)

    code, listed, _ = command(start, config, "dead", "list", "--json")
    letters = [json.loads(line) for line in listed]
    assert (code, [letter["reason"] for letter in letters]) == (0, ["ValueError"] * 2)
    code, shown, _ = command(start, config, "dead", "show", "1")
    letter = json.loads("\n".join(shown))
    assert letter["trace"].endswith("in answer")
    assert len(letter["message_ids"]) == 1
    assert "secret" not in "\n".join([*listed, *shown])

    mended.touch()
    assert command(start, config, "dead", "retry", "1")[0] == 0
    assert until(lambda: answers(owner, household) == ["heard", "heard", "done"])
    assert command(start, config, "dead", "drop", "2")[0] == 0
    assert command(start, config, "dead", "list")[1] == []
    code, _, told = command(start, config, "dead", "retry", "2")
    assert (code, told) == (64, ["Error: there is no dead letter 2; see: mycel-runtime dead list"])
    assert agent.stop() == 0


def test_a_plugin_that_fails_and_fails_is_left_alone_until_it_is_resumed(start, household, owner, tmp_path):
    config, mended = moody(
        tmp_path, household, "[dispatch]\nquarantine_after = 2\nretry_base = 0.05\nretry_cap = 0.1\n"
    )
    agent = start("run", "--config", config)
    agent.wait_event("stream.connected")
    ask(owner, "one")
    agent.wait_event("plugin.quarantined")

    status = start("status", "--config", config, "--json")
    status.exit_code()
    assert json.loads("\n".join(status.out))["work"]["quarantined"] == ["moody"]
    listed = start("plugins", "list", "--config", config, "--json")
    listed.exit_code()
    assert [json.loads(line)["state"] for line in listed.out] == ["left alone"]

    mended.touch()
    resumed = start("resume", "--config", config, "moody")
    assert (resumed.exit_code(), resumed.out) == (0, ["plugin moody goes on"])
    agent.wait_event("plugin.released")
    assert until(lambda: answers(owner, household) == ["heard", "done"])
    assert agent.events("delivery.buried") == []
    assert agent.stop() == 0


def test_a_doubt_is_listed_and_settled_by_the_operator(start, backend, household, owner, tmp_path):
    config = write_config(
        tmp_path / "a",
        household,
        extra="[dispatch]\nsettle_grace = 0.1\npark_after = 0.2\nretry_base = 0.05\nretry_cap = 0.1\n",
    )
    agent = start("run", "--config", config)
    agent.wait_event("stream.connected")
    ask(owner, "once")
    assert until(lambda: answers(owner, household) == ["echo: once"])
    backend.faults.lose_answer_and_history(nth=2)
    ask(owner, "twice")
    agent.wait_event("send.parked")

    code, listed, _ = command(start, config, "outbox", "list", "--json")
    (doubt,) = [json.loads(line) for line in listed]
    assert (code, doubt["state"], doubt["handler"]) == (0, "unknown", "echo.echo")
    code, _, _ = command(start, config, "outbox", "settle", "--sent", doubt["send"])
    assert code == 0
    assert command(start, config, "outbox", "list")[1] == []
    backend.faults.clear()
    ask(owner, "thrice")

    assert until(lambda: answers(owner, household)[-1] == "echo: thrice")
    assert answers(owner, household) == ["echo: once", "echo: twice", "echo: thrice"]
    assert agent.stop() == 0


def test_a_held_chat_is_shown_and_resumed(start, backend, household, owner, tmp_path):
    """Two agents of one owner, each answering whatever it hears."""
    client, _ = owner
    other = client.auth.create_external_user("other", "Other")
    with Client(base_url=backend.base_url, auth_token=other["token"]) as peer:
        chat_id = peer.chats.ensure_direct(household.agent_id)["id"]
        config = write_config(tmp_path / "a", household, extra="[guard]\nturns = 2\n")
        agent = start("run", "--config", config)
        agent.wait_event("stream.connected")
        for number in range(3):
            peer.messages.send(chat_id, f"{number}", enforce_caught_up=False)
            agent.wait_for(
                lambda run, number=number: (
                    len(run.events("message.sent")) > number or run.events("guard.tripped")
                )
            )
        status = start("status", "--config", config, "--json")
        status.exit_code()
        assert json.loads("\n".join(status.out))["speaking"]["held"] == [chat_id]

        resumed = start("resume", "--config", config, chat_id)
        assert (resumed.exit_code(), resumed.out) == (0, [f"chat {chat_id} goes on"])
        peer.messages.send(chat_id, "again", enforce_caught_up=False)
        agent.wait_for(lambda run: len(run.events("message.sent")) == 3)
    assert agent.stop() == 0
