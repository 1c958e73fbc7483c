"""What a plugin does to its process, at import and in a handler, is not the daemon's."""

from __future__ import annotations

import pytest

from mycel_runtime.daemon.control import ask_status
from mycel_runtime.daemon.garbage import YOUNG_OBJECTS
from mycel_runtime.journal.engines import engine_of
from mycel_runtime.sdk import Client
from tests.acceptance.conftest import until, write_config

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

PLUGIN = """
import asyncio
import gc
import logging
import os
import random
import signal
import sys
import warnings

import structlog

from mycel_runtime import Plugin

plugin = Plugin("rude")


def change(where):
    os.makedirs(where, exist_ok=True)
    os.chdir(where)
    os.rmdir(where)
    random.seed(1)
    warnings.simplefilter("error")
    logging.disable(logging.CRITICAL)
    structlog.configure(processors=[])
    sys.setrecursionlimit(200)
    gc.disable()
    gc.set_threshold(1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD):
        signal.signal(number, signal.SIG_IGN)


change(os.path.join(os.path.dirname(__file__), "at_import"))


@plugin.on_message
async def answer(ctx):
    await ctx.reply(f"{gc.isenabled()} {gc.get_threshold()[0]} {gc.get_freeze_count() > 10_000}")
    change(os.path.join(os.path.dirname(__file__), "in_a_handler"))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)


@plugin.on_stop
async def stop(ctx):
    ctx.store["stopped"] = True
"""


def test_the_daemon_keeps_its_own(household, start, tmp_path):
    """The configuration is named by a relative path, and stopping is by a signal."""
    folder = tmp_path / "agent"
    write_config(folder, household, plugin='[plugins.rude]\npath = "rude.py"\n')
    (folder / "rude.py").write_text(PLUGIN)
    daemon = start("run", "--config", "agent.toml", cwd=folder)
    daemon.wait_event("stream.connected")
    importing = [event["plugin"] for event in daemon.events("plugin.importing")]

    with Client(base_url=household.base_url, auth_token=household.owner_token) as owner:
        chat_id = owner.chats.ensure_direct(household.agent_id)["id"]
        for number in range(2):
            owner.messages.send(chat_id, "x", enforce_caught_up=False)
            until(lambda count=2 * number + 2: len(owner.messages.list(chat_id)) >= count)
        answers = {each["content"] for each in owner.messages.list(chat_id)} - {"x"}

    # A signal that comes while the handler has it ignored is gone: what is kept is kept once the run is over.
    assert until(lambda: ask_status(folder / "state").work.running == 0)
    assert importing == ["rude"]
    assert answers == {f"True {YOUNG_OBJECTS} True"}
    assert daemon.stop() == 0
    assert [event["reason"] for event in daemon.events("daemon.stopping")] == ["SIGTERM"]
    reader = engine_of(folder / "state").reader
    remembered = [item for me in reader.identities() for item in reader.all_items(me)]
    assert [(item.plugin, item.key, item.value) for item in remembered] == [("rude", "stopped", "true")]
    restored = [event["aspect"] for event in daemon.events("process.state_restored")]
    assert len(restored) == len(set(restored))
    expected = {
        "working directory",
        "warnings",
        "logging",
        "structlog",
        "recursion limit",
        "garbage collection",
    }
    assert set(restored) == expected | {"signal handlers", "stop signals"}


def test_a_plugin_that_changes_nothing_is_blamed_for_nothing(start, tmp_path):
    """An embedded backend starts after the state of the process was remembered, in the same process."""
    config = tmp_path / "agent.toml"
    config.write_text(
        f'[agent]\nname = "calm"\nbase_url = "embedded"\nstate_dir = "{tmp_path / "state"}"\n[plugins.echo]\n'
    )
    daemon = start("run", "--config", config)
    daemon.wait_event("stream.connected")
    assert start("send", "--config", config, "--wait", "10", "hello").exit_code() == 0

    assert until(lambda: ask_status(tmp_path / "state").work.running == 0)
    assert daemon.stop() == 0
    assert daemon.events("process.state_restored") == []
