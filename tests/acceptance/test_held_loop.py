"""A handler that never awaits is named while it keeps everybody waiting, and by `status` afterwards."""

from __future__ import annotations

import pytest

from mycel_runtime.sdk import Client
from tests.acceptance.conftest import until, write_config

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

TEXT = "canary-that-no-line-may-show"

SPINNER = """
import time
from pathlib import Path

from mycel_runtime import Plugin

plugin = Plugin("spinner")
GO_ON = Path(__file__).with_name("go_on")


@plugin.on_message
async def compute(ctx):
    ends_at = time.monotonic() + 120
    while not GO_ON.exists() and time.monotonic() < ends_at:
        pass
    await ctx.reply("done")
"""


def test_who_keeps_the_loop_is_told_by_the_log_at_once_and_by_status_later(start, household, tmp_path):
    folder = tmp_path / "a"
    config = write_config(folder, household, plugin='[plugins.spinner]\npath = "spinner.py"\n')
    (folder / "spinner.py").write_text(SPINNER)
    agent = start("run", "--config", config)
    agent.wait_event("stream.connected")
    with Client(base_url=household.base_url, auth_token=household.owner_token) as owner:
        chat_id = owner.chats.ensure_direct(household.agent_id)["id"]
        owner.messages.send(chat_id, TEXT)
        held = agent.wait_event("loop.held")
        assert not agent.events("loop.freed")
        (folder / "go_on").touch()
        freed = agent.wait_event("loop.freed")
        assert until(lambda: "done" in [each["content"] for each in owner.messages.list(chat_id)])

    assert (held["agent"], held["handler"]) == ("agent", "spinner.compute")
    assert held["seconds"] >= 2.0
    assert "spinner.py" in held["trace"]
    assert " in compute" in held["trace"]
    assert freed["handler"] == "spinner.compute"
    status = start("status", "--config", config)
    status.exit_code()
    (line,) = [line for line in status.out if "kept the event loop" in line]
    assert "handler spinner.compute" in line
    assert "1 time since the start" in line
    assert TEXT not in agent.transcript()
