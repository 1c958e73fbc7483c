"""What a handler forks is not the runtime: it keeps neither its lock nor its end, and is no second one."""

from __future__ import annotations

import os
import signal

import pytest

from mycel_runtime.sdk import Client
from tests.acceptance.conftest import until, write_config

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

PLUGIN = """
import multiprocessing
import os
import sys
import time
import warnings

from mycel_runtime import Plugin

warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*fork.*")
plugin = Plugin("forks")
fork = multiprocessing.get_context("fork")


@plugin.on_message
async def answer(ctx):
    match ctx.messages[-1].content:
        case "leave":
            child = fork.Process(target=time.sleep, args=(600,))
            child.start()
            await ctx.reply(str(child.pid))
        case "abandon":
            runs, says_so = os.pipe()
            if (pid := os.fork()) == 0:
                os.write(says_so, b".")
                time.sleep(600)
            os.read(runs, 1)
            await ctx.reply(str(pid))
        case "terminate":
            child = fork.Process(target=time.sleep, args=(600,))
            child.start()
            child.terminate()
            child.join(30)
            await ctx.reply(f"ended by {child.exitcode}")
        case "exit":
            if (pid := os.fork()) == 0:
                sys.exit(3)
            await ctx.reply(f"exited with {os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}")


@plugin.on_message(pattern="^plain")
def plain(ctx):
    if (pid := os.fork()) == 0:
        raise ValueError
    ctx.reply(f"raised, {os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}")
"""


@pytest.fixture
def ask(household):
    """Says something to the agent and waits for its answer."""
    with Client(base_url=household.base_url, auth_token=household.owner_token) as owner:
        chat_id = owner.chats.ensure_direct(household.agent_id)["id"]

        def said(text):
            seq = owner.messages.send(chat_id, text, enforce_caught_up=False)["seq"]
            newer = until(lambda: [m for m in owner.messages.list(chat_id) if m["seq"] > seq])
            return newer[0]["content"]

        yield said


@pytest.fixture
def config(household, tmp_path):
    config = write_config(tmp_path / "agent", household, plugin='[plugins.forks]\npath = "forks.py"\n')
    (config.parent / "forks.py").write_text(PLUGIN)
    return config


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_child_keeps_neither_the_end_nor_the_next_start_waiting(config, start, ask):
    daemon = start("run", "--log-level", "debug", "--config", config)
    daemon.wait_event("daemon.started")
    child = int(ask("leave"))

    assert daemon.stop() == 0
    assert not is_alive(child)

    daemon = start("run", "--log-level", "debug", "--config", config)
    daemon.wait_event("daemon.started")
    orphan = int(ask("abandon"))
    try:
        daemon.wait_event("delivery.finished")
        daemon.kill()
        assert is_alive(orphan)
        successor = start("run", "--log-level", "debug", "--config", config)
        successor.wait_event("daemon.started")
        assert ask("exit") == "exited with 3"
        assert ask("plain") == "raised, 1"
        assert ask("terminate") == f"ended by {-signal.SIGTERM}"
        assert ask("exit") == "exited with 3"
        assert successor.stop() == 0
        assert [event["reason"] for event in successor.events("daemon.stopping")] == ["SIGTERM"]
    finally:
        os.kill(orphan, signal.SIGKILL)


def test_a_lock_file_that_was_removed_lets_nobody_else_in(config, start):
    daemon = start("run", "--log-level", "debug", "--config", config)
    daemon.wait_event("daemon.started")
    (config.parent / "state" / "journal.lock").unlink()

    second = start("run", "--log-level", "debug", "--config", config)

    assert second.exit_code() == 69
    assert daemon.stop() == 0
