"""An agent that is drained does what is due, takes nothing new, and ends."""

from __future__ import annotations

import json

import pytest

from tests.acceptance.conftest import until, write_config
from tests.acceptance.test_many_agents import agents
from tests.acceptance.test_turns import answers, ask, owner

__all__ = ["owner"]

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

GATED = """
import asyncio
from pathlib import Path

from mycel_runtime import Plugin

plugin = Plugin("gated")
gate = Path(__file__).with_name("gate")


@plugin.on_message
async def answer(ctx):
    for message in ctx.messages:
        await ctx.reply(f"heard {message.content}")
    while not gate.exists():
        await asyncio.sleep(0.01)
    await ctx.reply("done")
"""


@pytest.fixture
def gated(tmp_path, household):
    """A configuration, and the file that lets its handler end."""
    config = write_config(tmp_path / "a", household, plugin='[plugins.gated]\npath = "gated.py"\n')
    (tmp_path / "a" / "gated.py").write_text(GATED)
    return config, tmp_path / "a" / "gate"


def test_what_runs_and_what_is_due_is_done_and_nothing_new_is_taken(start, household, owner, gated):
    """One message runs, one waits behind it, one comes after the drain was asked for."""
    config, gate = gated
    agent = start("run", "--config", config)
    agent.wait_event("stream.connected")
    ask(owner, "one")
    assert until(lambda: answers(owner, household) == ["heard one"])
    draining = start("drain", "--config", config, "--stay")

    def told():
        status = start("status", "--config", config, "--json")
        code = status.exit_code()
        return code == 75 and json.loads("\n".join(status.out))["problems"]

    assert until(lambda: [problem for problem in told() or [] if problem.startswith("draining since")])
    gate.touch()
    assert draining.exit_code() == 0
    assert draining.out == ["agent: drained; it waits for its end"]
    assert answers(owner, household) == ["heard one", "done"]
    ask(owner, "late")
    assert [problem for problem in told() if problem.startswith("drained since")]
    assert agent.stop() == 0
    assert answers(owner, household) == ["heard one", "done"]

    agent = start("run", "--config", config)
    assert until(lambda: answers(owner, household)[2:] == ["heard late", "done"])
    assert start("drain", "--config", config).exit_code() == 0
    assert agent.exit_code() == 0
    assert agent.events("daemon.stopping")[0]["reason"] == "drain"


def test_a_drain_that_takes_too_long_ends_all_the_same_and_says_what_is_left(start, household, owner, gated):
    config, gate = gated
    config.write_text(config.read_text() + "[daemon]\ndrain_timeout = 0.1\n")
    agent = start("run", "--config", config)
    agent.wait_event("stream.connected")
    ask(owner, "one")
    assert until(lambda: answers(owner, household) == ["heard one"])

    draining = start("drain", "--config", config, "--timeout", "0.2")
    assert draining.exit_code() == 75
    assert draining.err == ["agent: 0 due and 1 running are left; due again at the next start"]
    assert agent.exit_code() == 0
    gate.touch()
    agent = start("run", "--config", config)
    assert until(lambda: answers(owner, household) == ["heard one", "done"])
    assert agent.stop() == 0


def test_all_agents_of_a_folder_are_drained_at_a_time(start, household, owner, tmp_path):
    """One of them does not end within the time: the other is told before, and the exit code says it."""
    client, _ = owner
    folder = agents(client, household, tmp_path, ["busy", "idle"])
    (folder / "gated.py").write_text(GATED)
    busy = folder / "busy.toml"
    busy.write_text(busy.read_text().replace("[plugins.echo]", '[plugins.gated]\npath = "gated.py"'))
    process = start("run", "--config", folder)
    chat_id = client.chats.ensure_direct("busy")["id"]
    client.messages.send(chat_id, "one", enforce_caught_up=False)
    assert until(lambda: "heard one" in [message["content"] for message in client.messages.list(chat_id)])

    draining = start("drain", "--config", folder, "--timeout", "0.5", "--stay")
    assert draining.exit_code() == 75
    assert draining.out == ["idle: drained; it waits for its end"]
    assert draining.err == ["busy: 0 due and 1 running are left; due again at the next start"]
    (folder / "gate").touch()
    assert process.stop() == 0
