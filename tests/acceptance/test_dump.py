"""Where a process is that does not go on: told by a command while its loop turns, by a signal when it is stuck."""

from __future__ import annotations

import signal

import pytest

from mycel_runtime.sdk import Client
from tests.acceptance.conftest import write_config

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

TEXT = "canary-that-no-dump-may-show"

STUCK_PLUGIN = """
import asyncio
import threading

from mycel_runtime import Plugin

plugin = Plugin("stuck")
never = threading.Lock()
never.acquire()


async def patiently():
    await asyncio.Event().wait()


@plugin.on_message
async def answer(ctx):
    text = ctx.messages[-1].content
    ctx.log.info("handler.began")
    await patiently() if text == "wait" else never.acquire()
"""


@pytest.fixture
def stuck(start, household, tmp_path):
    """A daemon, and how to have a handler of it wait, or keep the loop for ever."""
    config = write_config(tmp_path / "a", household, plugin='[plugins.stuck]\npath = "stuck.py"\n')
    (tmp_path / "a" / "stuck.py").write_text(STUCK_PLUGIN)
    agent = start("run", "--config", config)
    agent.wait_event("stream.connected")
    with Client(base_url=household.base_url, auth_token=household.owner_token) as owner:
        direct = owner.chats.ensure_direct(household.agent_id)["id"]
        group = owner.chats.create([household.agent_id], title="g", kind="group")["id"]
        owner.messages.send(direct, "wait")
        agent.wait_event("handler.began")
        yield agent, config, lambda: owner.messages.send(group, TEXT)


def test_where_everything_waits_is_told_though_a_handler_keeps_the_loop_for_ever(start, stuck):
    agent, config, get_stuck = stuck
    asked = start("dump", "--config", config)
    assert asked.exit_code() == 0, asked.transcript()
    text = "\n".join(asked.out)
    assert "task handler-stuck.answer: waiting for" in text
    assert "stuck.py:13 in patiently" in text
    assert "thread MainThread: running" in text

    get_stuck()
    assert agent.wait_event("loop.held")["handler"] == "stuck.answer"
    agent.wait_for(lambda process: len(process.events("handler.began")) == 2)
    asked = start("dump", "--config", config)
    assert asked.exit_code() == 75
    assert f"kill -USR1 {agent.popen.pid}" in asked.transcript()
    agent.popen.send_signal(signal.SIGUSR1)
    dumped = agent.wait_event("process.dumped")

    # The interpreter itself, which needs no Python to run.
    assert any(line.endswith("in answer") and "stuck.py" in line for line in agent.err)
    (main,) = [each for each in agent.events("thread.dumped") if "MainThread" in each["names"]]
    assert "stuck.py:20 in answer" in main["trace"].splitlines()[-1]
    tasks = agent.events("task.dumped")
    (running,) = [each for each in tasks if each["state"] == "running"]
    assert running["names"] == "handler-stuck.answer"
    assert any("stuck.py:13 in patiently" in each["trace"] for each in tasks)
    assert dumped["tasks"] == sum(each["count"] for each in tasks)
    assert TEXT not in agent.transcript()
    agent.kill()
