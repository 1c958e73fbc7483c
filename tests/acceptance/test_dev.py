"""What a developer sees on a terminal, and nobody else anywhere."""

from __future__ import annotations

import os
import shlex
import sys

import pytest

from mycel_runtime.sdk import Client
from tests.acceptance.conftest import ROOT, write_config
from tests.acceptance.terminal import Terminal

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

PLUGIN = """
from mycel_runtime import Plugin

plugin = Plugin("failing")


@plugin.on_message
async def fail(ctx):
    raise ValueError("raised: " + ctx.messages[-1].content)
"""


@pytest.mark.parametrize("option", ["--dev", ""])
def test_the_whole_traceback_is_shown_to_who_asks_for_it(household, tmp_path, option):
    config = write_config(
        tmp_path / "a",
        household,
        extra="[log]\nlevel = 'warning'\n[dispatch]\nmax_attempts = 1\n",
        plugin='[plugins.failing]\npath = "failing.py"\n',
    )
    (tmp_path / "a" / "failing.py").write_text(PLUGIN)
    command = [sys.executable, "-m", "mycel_runtime", "run", "--config", config]
    terminal = Terminal(f"{shlex.join(map(str, command))} {option}", ROOT, os.environ.copy())
    try:
        with Client(base_url=household.base_url, auth_token=household.owner_token) as owner:
            chat_id = owner.chats.ensure_direct(household.agent_id)["id"]
            owner.messages.send(chat_id, "private words", enforce_caught_up=False)
        terminal.read_until("delivery.buried")
        terminal.type("\x03")
        assert terminal.exit_code() == 0
    finally:
        terminal.close()

    assert ("ValueError: raised: private words" in terminal.text) is bool(option)
    assert ("private words" in terminal.text) is bool(option)
    assert terminal.text.count("Traceback (most recent call last)") == bool(option)
