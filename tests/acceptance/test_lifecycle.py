"""A supervisor can trust the process: ready, stopping, draining, and no secrets in anything it leaves."""

from __future__ import annotations

import json
import signal
import socket
import stat

import pytest

from mycel_runtime.sdk import Client
from tests.acceptance.conftest import DEADLINE, until, write_config

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

SLOW_PLUGIN = """
import asyncio
import pathlib

from mycel_runtime import Plugin

plugin = Plugin("slow")


@plugin.on_message
async def slow(ctx):
    ctx.log.info("handler.began")
    await asyncio.sleep(ctx.settings["seconds"])
    await ctx.reply("done")
"""

STUBBORN_PLUGIN = """
import asyncio

from mycel_runtime import Plugin

plugin = Plugin("stubborn")
left = []


async def insist():
    while True:
        try:
            await asyncio.Event().wait()
        except BaseException:
            pass


@plugin.on_message
async def answer(ctx):
    left.append(asyncio.get_running_loop().create_task(insist()))
    await insist()
"""

UNTIDY_PLUGIN = """
import asyncio
import threading

from mycel_runtime import Plugin

plugin = Plugin("untidy")


class Finalized:
    def __init__(self, text):
        self.text = text

    def __del__(self):
        raise ValueError(self.text)


@plugin.on_message
async def leave(ctx):
    text = ctx.messages[-1].content

    async def in_task():
        raise ValueError(text)

    def in_thread():
        raise ValueError(text)

    Finalized(text)
    task = asyncio.get_running_loop().create_task(in_task())
    await asyncio.wait([task])
    del task
    asyncio.get_running_loop().call_soon(lambda: {}[text])
    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    await ctx.reply("left")
"""

CANARY = "canary-a-text-that-nobody-may-find"


@pytest.fixture
def conversation(household):
    """The owner's client and direct chat with the agent."""
    with Client(base_url=household.base_url, auth_token=household.owner_token) as owner:
        yield owner, owner.chats.ensure_direct(household.agent_id)["id"]


def slow_config(tmp_path, household, seconds):
    config = write_config(
        tmp_path / "agent", household, plugin=f'[plugins.slow]\npath = "slow.py"\nseconds = {seconds}\n'
    )
    (tmp_path / "agent" / "slow.py").write_text(SLOW_PLUGIN)
    return config


def contents(conversation):
    owner, chat_id = conversation
    return [message["content"] for message in owner.messages.list(chat_id)]


def test_a_supervisor_is_told_ready_and_stopping(start, household, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(DEADLINE)
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
        agent = start("run", "--config", write_config(tmp_path / "a", household), **environment)

        told = []
        while told.count("WATCHDOG=1") < 2:
            told.append(channel.recv(1024).decode())
        imported = [line for line in told if not line.startswith("STATUS=importing plugin ")]
        assert imported[0].startswith("READY=1\nSTATUS=asking the backend")
        assert any(line.startswith("STATUS=listening (epoch 1, seq ") for line in told)

        assert agent.stop() == 0
        rest = []
        while not rest or "STOPPING=1" not in rest[-1]:
            rest.append(channel.recv(1024).decode())


def test_a_supervisor_is_given_signs_of_life_while_the_backend_is_waited_for(
    start, backend, household, tmp_path
):
    """Else a backend that is down for a minute at the start has us killed, and ten such minutes for good."""
    config = write_config(tmp_path / "a", household)
    backend.stop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(DEADLINE)
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
        agent = start("run", "--config", config, **environment)

        told = []
        while told.count("WATCHDOG=1") < 3:
            told.append(channel.recv(1024).decode())
        assert not any("listening" in line for line in told)
        assert agent.stop() == 0


def test_running_handlers_may_end_within_the_drain_timeout(start, household, conversation, tmp_path):
    agent = start("run", "--config", slow_config(tmp_path, household, 1.0))
    agent.wait_event("stream.connected")
    owner, chat_id = conversation
    owner.messages.send(chat_id, "go")
    agent.wait_event("handler.began")

    assert agent.stop() == 0

    assert agent.events("daemon.stopped")[0]["abandoned"] == 0
    assert contents(conversation) == ["go", "done"]


def test_a_second_signal_does_not_wait_and_nothing_is_lost(start, household, conversation, tmp_path):
    config = slow_config(tmp_path, household, 600.0)
    config.write_text(f"{config.read_text()}\n[daemon]\ndrain_timeout = 600\n")
    agent = start("run", "--config", config)
    agent.wait_event("stream.connected")
    owner, chat_id = conversation
    owner.messages.send(chat_id, "go")
    agent.wait_event("handler.began")

    agent.popen.send_signal(signal.SIGTERM)
    agent.wait_event("daemon.stopping")
    assert agent.stop() == 0  # or its deadline passes, long before the handler's end and the drain's
    assert agent.events("daemon.stopped")[0]["abandoned"] == 1
    assert contents(conversation) == ["go"]

    again = start("run", "--config", slow_config(tmp_path, household, 0.0))
    assert until(lambda: contents(conversation) == ["go", "done"])
    assert again.stop() == 0


@pytest.mark.parametrize("zone", ["Nowhere/At_All", ":/nothing/there"])
def test_a_time_zone_that_nobody_knows_does_not_end_the_start(start, household, tmp_path, zone):
    config = write_config(tmp_path / "agent", household)
    process = start("run", "--config", config, TZ=zone, PYTHONTZPATH="/nothing/there")

    process.wait_event("stream.connected")
    assert process.stop() == 0, process.transcript()


def test_a_hangup_does_not_end_it(start, household, tmp_path):
    agent = start("run", "--config", write_config(tmp_path / "a", household))
    agent.wait_event("stream.connected")

    agent.popen.send_signal(signal.SIGHUP)

    assert agent.stop() == 0
    assert agent.events("daemon.stopping")[0]["reason"] == "SIGTERM"


def test_a_deadline_and_dead_letters_let_the_lane_go_on(start, household, conversation, tmp_path):
    extra = "[dispatch]\nhandler_timeout = 0.2\nmax_attempts = 2\nretry_base = 0.05\n"
    config = slow_config(tmp_path, household, 20.0)
    config.write_text(config.read_text().replace("[plugins", f"{extra}[plugins"))
    agent = start("run", "--config", config)
    owner, chat_id = conversation
    owner.messages.send(chat_id, "one")
    buried = agent.wait_event("delivery.buried")
    assert (buried["reason"], buried["attempts"]) == ("deadline passed", 2)

    owner.messages.send(chat_id, "two")

    agent.wait_for(lambda process: len(process.events("handler.began")) == 4)
    agent.wait_for(lambda process: len(process.events("delivery.buried")) == 2)
    assert agent.stop() == 0


def test_neither_token_nor_text_is_in_anything_that_is_written(start, household, conversation, tmp_path):
    config = write_config(tmp_path / "a", household)
    agent = start("run", "--config", config, "--log-level", "debug")
    agent.wait_event("stream.connected")
    owner, chat_id = conversation
    owner.messages.send(chat_id, CANARY)
    assert until(lambda: f"echo: {CANARY}" in contents(conversation))
    assert agent.stop() == 0

    written = agent.transcript().encode()
    for file in (tmp_path / "a" / "state").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file
        written += file.read_bytes()
    assert CANARY.encode() not in written
    assert household.agent_token.encode() not in written
    assert stat.S_IMODE((tmp_path / "a" / "state").stat().st_mode) == 0o700


def test_a_raising_handler_is_told_by_class_and_place_only(start, household, conversation, tmp_path):
    config = write_config(tmp_path / "a", household, plugin='[plugins.bad]\npath = "bad.py"\n')
    (tmp_path / "a" / "bad.py").write_text(
        "from mycel_runtime import Plugin\nplugin = Plugin('bad')\n@plugin.on_message\n"
        "async def bad(ctx):\n    raise ValueError(ctx.messages[-1].content)\n"
    )
    agent = start("run", "--config", config, "--log-level", "debug")
    owner, chat_id = conversation
    owner.messages.send(chat_id, CANARY)

    assert agent.wait_event("delivery.postponed")["reason"] == "ValueError"
    assert agent.stop() == 0
    assert CANARY not in agent.transcript()


@pytest.mark.parametrize("isolation", ["", 'isolation = "process"\n'], ids=["in the runtime", "isolated"])
def test_what_a_handler_leaves_behind_is_told_by_type_and_place_only(
    start, household, conversation, tmp_path, isolation
):
    plugin = f'[plugins.untidy]\npath = "untidy.py"\n{isolation}'
    config = write_config(tmp_path / "a", household, plugin=plugin)
    (tmp_path / "a" / "untidy.py").write_text(UNTIDY_PLUGIN)
    agent = start("run", "--config", config, "--log-level", "debug")
    owner, chat_id = conversation
    owner.messages.send(chat_id, CANARY)
    assert until(lambda: contents(conversation) == [CANARY, "left"])
    assert agent.stop() == 0

    assert CANARY not in agent.transcript()
    assert agent.transcript().count("unhandled_error.raised") == 4
    if not isolation:
        told = {(event["kind"], event["error"]) for event in agent.events("unhandled_error.raised")}
        callback = ("task", "KeyError")
        assert told == {
            ("task", "ValueError"),
            callback,
            ("thread", "ValueError"),
            ("finalizer", "ValueError"),
        }
        assert all("untidy.py:" in event["trace"] for event in agent.events("unhandled_error.raised"))


def test_a_handler_that_cannot_be_stopped_is_shown_and_does_not_keep_the_process(
    start, household, conversation, tmp_path
):
    extra = "[dispatch]\nhandler_timeout = 0.2\nmax_attempts = 1\n[daemon]\ndrain_timeout = 0.2\n"
    config = write_config(
        tmp_path / "a", household, extra=extra, plugin='[plugins.stubborn]\npath = "stubborn.py"\n'
    )
    (tmp_path / "a" / "stubborn.py").write_text(STUBBORN_PLUGIN)
    agent = start("run", "--config", config)
    owner, chat_id = conversation
    owner.messages.send(chat_id, "one")
    assert agent.wait_event("delivery.buried")["reason"] == "deadline passed"

    status = start("status", "--config", config, "--json")
    status.exit_code()
    assert json.loads("\n".join(status.out))["work"]["abandoned_tasks"] == 1

    assert agent.stop() == 0
    assert agent.events("daemon.stopped")[0]["abandoned"] == 0


ENDLESS_PLUGIN = """
import atexit
import os
import sys
import time

from mycel_runtime import Plugin

plugin = Plugin("endless")

class Witness:
    def __del__(self, mkdir=os.mkdir, here=os.path.dirname(__file__)):
        mkdir(here + "/wound-up")

sys.witness = Witness()
atexit.register(os.mkdir, os.path.dirname(__file__) + "/goodbye")

@plugin.on_message
def answer(ctx):
    os.mkdir(os.path.dirname(__file__) + "/began")
    while True:
        time.sleep(0.01)
"""


def test_the_interpreter_is_not_wound_up_while_a_call_goes_on_that_cannot_be_stopped(
    start, household, conversation, tmp_path
):
    """It would end the thread in the midst of what it calls, which aborts the process if that is written in Rust."""
    config = write_config(
        tmp_path / "a",
        household,
        extra="[daemon]\ndrain_timeout = 0.2\n",
        plugin='[plugins.endless]\npath = "endless.py"\n',
    )
    (tmp_path / "a" / "endless.py").write_text(ENDLESS_PLUGIN)
    agent = start("run", "--config", config)
    agent.wait_event("stream.connected")
    owner, chat_id = conversation
    owner.messages.send(chat_id, "one")
    until((tmp_path / "a" / "began").exists)

    assert agent.stop() == 0, agent.transcript()
    assert agent.events("daemon.stopped")[0]["abandoned"] == 1
    assert (tmp_path / "a" / "goodbye").exists()
    assert not (tmp_path / "a" / "wound-up").exists()
