"""Losing a log line costs a line, whatever becomes of standard output and error."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import functools
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mycel_runtime.daemon.control import ask_status
from mycel_runtime.errors import ControlError
from mycel_runtime.sdk import Client
from tests.acceptance.conftest import DEADLINE, ROOT, until, write_config

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

TALKATIVE = """
from mycel_runtime import Plugin

plugin = Plugin("talkative")


@plugin.on_message
async def answer(ctx):
    for _ in range(300):
        print("a line of a plugin " * 500)
    ctx.log.info("a line of a log")
    await ctx.reply("heard: " + ctx.messages[-1].content)
"""


@contextlib.contextmanager
def closed():
    yield {"close": True}


@contextlib.contextmanager
def full_disk():
    with Path("/dev/full").open("w") as full:
        yield {"stdout": full, "stderr": full}


@contextlib.contextmanager
def pipe_nobody_reads():
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writing, b"x" * 4095 + b"\n")
    yield {"stdout": writing, "stderr": writing, "reading": reading}
    os.close(reading)
    os.close(writing)


@contextlib.contextmanager
def pipe_whose_reader_died():
    reading, writing = os.pipe()
    os.close(reading)
    yield {"stdout": writing, "stderr": writing}
    os.close(writing)


@contextlib.contextmanager
def vanished_terminal():
    master, slave = pty.openpty()

    def gone():
        os.close(master)
        os.close(slave)

    yield {"stdout": slave, "stderr": slave, "stdin": slave, "controlling": True, "gone": gone}


TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""

KINDS = [closed, full_disk, pipe_nobody_reads, pipe_whose_reader_died, vanished_terminal]


def launch(config, *, close=False, controlling=False, reading=None, **streams):
    command = [sys.executable, "-m", "mycel_runtime", "run", "--config", str(config)]
    if close:
        command = ["sh", "-c", 'exec "$@" >&- 2>&- <&-', "sh", *command]
    elif controlling:
        command = [sys.executable, "-c", TAKE_TERMINAL, *command]
    return subprocess.Popen(command, cwd=ROOT, start_new_session=True, **streams)


def talkative(folder, household, extra=""):
    plugin = f'[plugins.talkative]\npath = "talkative.py"\n{extra}'
    config = write_config(folder, household, plugin=plugin)
    (folder / "talkative.py").write_text(TALKATIVE)
    return config


@pytest.fixture
def owner(household):
    with Client(base_url=household.base_url, auth_token=household.owner_token) as client:
        yield client


def test_agents_that_nobody_can_read_answer_and_end_in_order(household, owner, tmp_path):
    with contextlib.ExitStack() as stack:
        agents = {}
        for kind in KINDS:
            made = owner.auth.create_external_user(kind.__name__, kind.__name__)
            its = dataclasses.replace(household, agent_token=made["token"])
            how = stack.enter_context(kind())
            gone = how.pop("gone", lambda: None)
            process = launch(talkative(tmp_path / kind.__name__, its), **how)
            stack.callback(process.wait)
            stack.callback(process.kill)
            agents[kind.__name__] = process, tmp_path / kind.__name__ / "state", gone
        for _, state, gone in agents.values():
            until(functools.partial(is_ready, state))
            gone()
        for name, (process, state, _) in agents.items():
            for text in ("one", "two"):
                assert answered(owner, name, text)
            assert ask_status(state).log.dropped_lines > 0
            process.send_signal(signal.SIGTERM)
        assert {name: process.wait(DEADLINE) for name, (process, _, _) in agents.items()} == dict.fromkeys(
            agents, 0
        )


def answered(owner, agent_id, text, seconds=DEADLINE):
    chat_id = owner.chats.ensure_direct(agent_id)["id"]
    owner.messages.send(chat_id, text, enforce_caught_up=False)
    return until(
        lambda: f"heard: {text}" in [message["content"] for message in owner.messages.list(chat_id)], seconds
    )


def is_ready(state):
    try:
        return ask_status(state).ready
    except ControlError:
        return False


@pytest.mark.parametrize("kind", [closed, full_disk], ids=lambda kind: kind.__name__)
def test_a_mistake_has_its_exit_code_though_nobody_can_read_of_it(kind, tmp_path):
    with kind() as how:
        process = launch(tmp_path / "no.toml", **how)

        assert process.wait(DEADLINE) == 78


def test_what_was_dropped_is_told_once_lines_can_be_written_again(household, owner, tmp_path):
    with pipe_nobody_reads() as how:
        process = launch(talkative(tmp_path / "a", household), **how)
        try:
            assert answered(owner, household.agent_id, "one")
            with os.fdopen(os.dup(how["reading"]), "rb") as lines:
                dropped = next(line for line in lines if b"lines.dropped" in line)
            assert json.loads(dropped)["lines"] > 0
        finally:
            process.kill()
            process.wait()


def test_a_file_of_lines_is_rotated_by_cutting_it_while_the_agent_goes_on(household, owner, tmp_path):
    """As logrotate's copytruncate does it: what is opened to append goes on at the beginning, and needs no signal."""
    file = tmp_path / "a.log"
    with file.open("ab") as lines:
        process = launch(talkative(tmp_path / "a", household), stdout=lines, stderr=lines)
    try:
        assert answered(owner, household.agent_id, "one")
        until(lambda: b"a line of a log" in file.read_bytes())
        os.truncate(file, 0)
        assert answered(owner, household.agent_id, "two")
        until(lambda: b"a line of a log" in file.read_bytes())
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
    finally:
        process.kill()
        process.wait()
    text = file.read_bytes()
    assert (b"\0" in text, text.count(b"a line of a log"), b"daemon.stopped" in text) == (False, 1, True)


def test_a_plugin_in_a_process_of_its_own_loses_no_more_than_its_lines(household, owner, tmp_path):
    isolated = 'isolation = "process"\n'
    with pipe_nobody_reads() as how:
        process = launch(talkative(tmp_path / "a", household, isolated), **how)
        try:
            assert answered(
                owner, household.agent_id, "one", seconds=3 * DEADLINE
            )  # its process is a nice one
            process.send_signal(signal.SIGTERM)
            assert process.wait(DEADLINE) == 0
        finally:
            process.kill()
            process.wait()
