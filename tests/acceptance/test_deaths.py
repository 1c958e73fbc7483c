"""A message that kills the process, and the agent that is started again each time, as its unit does."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from mycel_runtime.sdk import Client
from tests.acceptance.conftest import DEADLINE, ROOT, until, write_config

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

MOST_STARTS = 6
"""The unit allows ten."""

PLUGIN = """
import asyncio, os, signal
from mycel_runtime import MessageContext, Plugin

plugin = Plugin("mine")

@plugin.on_message
async def answer(ctx: MessageContext) -> None:
    for message in ctx.messages:
        if message.content == "boom":
            os.kill(os.getpid(), signal.SIGSEGV)
    await asyncio.sleep(0.2)
    await ctx.reply(f"echo: {ctx.messages[-1].content}")
"""

SOON = "[dispatch]\nretry_base = 0.1\n"
"""Half a second instead of five until what has killed runs again."""


@pytest.fixture
def mortal(household, tmp_path):
    """A configuration whose handler dies of a word, and a folder for the word's owner."""
    config = write_config(
        tmp_path / "agent", household, extra=SOON, plugin='[plugins.mine]\npath = "mine.py"\n'
    )
    (config.parent / "mine.py").write_text(PLUGIN)
    with Client(base_url=household.base_url, auth_token=household.owner_token) as owner:
        yield config, owner


def chat(owner, title):
    return owner.chats.create(["agent"], kind="group", title=title)["id"]


def say(owner, chat_id, text):
    owner.messages.send(chat_id, text, enforce_caught_up=False)


def answers(owner, chat_id):
    return [each["content"] for each in owner.messages.list(chat_id) if each["content"].startswith("echo: ")]


def dead(config):
    command = [sys.executable, "-m", "mycel_runtime", "dead", "list", "--config", str(config), "--json"]
    listed = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=True, cwd=ROOT)
    return [json.loads(line) for line in listed.stdout.splitlines()]


def test_a_message_that_kills_the_process_becomes_a_dead_letter_and_costs_the_others_little(start, mortal):
    config, owner = mortal
    bad, *good = [chat(owner, title) for title in ("bad", "one", "two", "three")]
    say(owner, bad, "boom")
    for chat_id in good:
        say(owner, chat_id, "hello")

    answered_at, deaths = {}, 0
    for number in range(1, MOST_STARTS + 1):
        agent = start("run", "--config", config)
        until(lambda agent=agent: agent.popen.poll() is not None or agent.events("delivery.buried"))
        for chat_id in good:
            if answers(owner, chat_id):
                answered_at.setdefault(chat_id, number)
        if agent.popen.poll() is None:
            break
        assert agent.popen.returncode == -signal.SIGSEGV, agent.transcript()
        deaths += 1

    # The first death tells who is suspect, the next three whose fault it is.
    assert deaths == 4, agent.transcript()
    assert set(answered_at) == set(good)
    assert max(answered_at.values()) <= 3
    assert [answers(owner, chat_id) for chat_id in good] == [["echo: hello"]] * 3
    (letter,) = dead(config)
    assert letter["chat_id"] == bad
    assert "the process died 3 times" in letter["reason"]
    assert len(letter["message_ids"]) == 1
    say(owner, bad, "better")
    assert until(lambda: answers(owner, bad)) == ["echo: better"]
    assert agent.stop() == 0


PATIENT = """
import asyncio
from mycel_runtime import MessageContext, Plugin

plugin = Plugin("mine")

@plugin.on_message
async def answer(ctx: MessageContext) -> None:
    await asyncio.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_orderly_kill_is_no_death_and_any_other_is(start, mortal, number):
    """TERM and, because the handler takes its time, KILL after it: as the unit does, and many an operator."""
    config, owner = mortal
    (config.parent / "mine.py").write_text(PATIENT)
    say(owner, chat(owner, "one"), "hello")
    agent = start("run", "--config", config)
    until(lambda: status(config)["work"]["running"])
    agent.popen.send_signal(number)
    if number == signal.SIGTERM:
        agent.wait_event("daemon.stopping")
    agent.kill()
    heir = start("run", "--config", config)
    heir.wait_event("stream.connected")

    assert bool(heir.events("delivery.suspected")) is (number == signal.SIGKILL)


def status(config):
    command = [sys.executable, "-m", "mycel_runtime", "status", "--config", str(config), "--json"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False, cwd=ROOT)
    return json.loads(told.stdout or '{"work": {"running": 0}}')
