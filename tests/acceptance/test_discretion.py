"""What every test that starts a daemon looks for, told by one that is indiscreet, and not by one that is not."""

from __future__ import annotations

import json

import pytest

from mycel_runtime.sdk import Client
from tests.acceptance.conftest import until, write_config
from tests.discretion.watch import Watch

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

WORDS = "nobody else is to know of 4711"

BLABBER = """
import os
import sys
from pathlib import Path

from mycel_runtime import Plugin

plugin = Plugin("blabber")


@plugin.on_message
async def tell(ctx):
    print(ctx.messages[-1].content, file=sys.stderr, flush=True)
    os.write(1, Path("agent.token").read_bytes())  # past what masks the secrets that the runtime knows
    Path("state/noted").write_text(ctx.messages[-1].content)
    await ctx.reply("well")
"""


@pytest.fixture
def watch():
    """One of this test's own, which leaves nothing for the one over all tests."""
    return Watch()


@pytest.mark.indiscreet
def test_an_agent_that_tells_its_token_and_what_people_say_is_found_out(watch, start, household, tmp_path):
    config = write_config(tmp_path / "a", household, plugin='[plugins.blabber]\npath = "blabber.py"\n')
    (tmp_path / "a" / "blabber.py").write_text(BLABBER)
    agent = start("run", "--config", config, cwd=tmp_path / "a")
    with Client(base_url=household.base_url, auth_token=household.owner_token) as owner:
        chat_id = owner.chats.ensure_direct(household.agent_id)["id"]
        owner.messages.send(chat_id, WORDS)
        until(lambda: len(owner.messages.list(chat_id)) == 2)
    assert agent.stop() == 0

    assert watch.look([tmp_path]) == [
        f"stdout of run --config {config}: 'a token, {household.agent_token[-6:]}'",
        f"stderr of run --config {config}: {WORDS!r}",
        f"{tmp_path}/a/state/noted: {WORDS!r}",
    ]
    assert (watch.counts["tests"], watch.counts["texts"]) == (1, 1)


def test_a_daemon_tells_all_it_can_and_is_asked_for_all_it_answers(watch, start, household, tmp_path_factory):
    folder = tmp_path_factory.mktemp("s")
    agent = start("run", "--config", write_config(folder, household))
    agent.wait_event("stream.connected")
    assert agent.stop() == 0

    assert [event for event in map(json.loads, agent.err) if event["level"] == "debug"]
    assert watch.look([folder]) == []
    assert watch.counts["outputs"] >= len(
        ["stderr", "livez", "readyz", "status", "metrics", "dump", "nothing", "journal"]
    )
