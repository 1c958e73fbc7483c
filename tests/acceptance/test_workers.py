"""An agent that listens in one process and has its handlers run by others, whoever of them is killed."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from mycel_runtime.journal.file_name import APPLICATION_ID, JOURNAL_NAME
from mycel_runtime.sdk import Client
from mycel_runtime.settings import load_settings
from tests.acceptance.conftest import DEADLINE, ROOT, until, write_config
from tests.engines.postgres_server import Databases, PostgresServer

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

HANDLERS = """
import asyncio, os
from mycel_runtime import Plugin

plugin = Plugin("slow")

@plugin.on_message
async def answer(ctx):
    with open(os.path.join(os.path.dirname(__file__), f"ran.{os.getpid()}"), "a") as file:
        file.write(f"{ctx.chat_id}\\n")
    for message in ctx.messages:
        count = ctx.chat_store.get("count", 0) + 1
        ctx.chat_store["count"] = count
        await asyncio.sleep(0.15)
        await ctx.reply(f"{count}: {message.content}")
"""

PLANS = """
from mycel_runtime import Plugin

plugin = Plugin("plans")

@plugin.on_message(pattern="^book")
async def book(ctx):
    await ctx.ask(ctx.chat_id, "When?", name="when", timeout=3600)

@plugin.on_answer("when")
async def booked(ctx):
    ctx.timers.set("ring", after=0.5, data=ctx.answer.content, key=ctx.chat_id)
    await ctx.reply("Booked.")

@plugin.on_timer("ring")
async def ring(ctx):
    await ctx.say(ctx.key, f"It is {ctx.data}.")
"""

CHATS = 4


@pytest.fixture(scope="module")
def server():
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def databases(server):
    return Databases(server.url)


@pytest.fixture
def config(server, databases, household, tmp_path):
    name = dict(part.split("=", 1) for part in databases.make().split())["dbname"]
    folder = tmp_path / "agent"
    extra = (
        f'[engine]\nurl = "postgresql://postgres@/{name}?host={server.host}"\nhandlers = "workers"\n'
        "[dispatch]\nsettle_grace = 0.2\nconcurrency = 2\nretry_base = 0.1\n"
    )
    config = write_config(folder, household, extra=extra, plugin='[plugins.slow]\npath = "slow.py"\n')
    (folder / "slow.py").write_text(HANDLERS)
    return config


@pytest.fixture
def chats(household):
    """A person of its own for each chat with the agent: client and chat."""
    with Client(base_url=household.base_url, auth_token=household.owner_token) as client:
        ids = [client.chats.ensure_direct(household.agent_id)["id"]]
        for number in range(CHATS - 1):
            chat = client.chats.create([household.agent_id], kind="group", title=f"group {number}")
            ids.append(chat["id"])
        yield client, ids


def answers(client, chat_id, agent_id):
    return [
        each["content"] for each in client.messages.list(chat_id, limit=200) if each["sender_id"] == agent_id
    ]


def test_workers_answer_each_message_once_and_in_order_and_one_that_is_killed_loses_nothing(
    start, config, household, chats
):
    client, ids = chats
    listener = start("run", "--config", config)
    listener.wait_event("stream.connected")
    workers = {name: start("worker", "--config", config, "--name", name) for name in ("one", "two")}
    for worker in workers.values():
        worker.wait_event("daemon.started")
    numbers = itertools.count()
    expected = {chat_id: [] for chat_id in ids}

    def ask():
        for chat_id in ids:
            text = f"message {next(numbers)}"
            client.messages.send(chat_id, text, enforce_caught_up=False)
            expected[chat_id].append(f"{len(expected[chat_id]) + 1}: {text}")

    def is_answered():
        return all(
            len(answers(client, chat_id, household.agent_id)) >= len(expected[chat_id]) for chat_id in ids
        )

    for _ in range(3):
        ask()
    until(is_answered)
    folder = config.parent
    assert not (folder / f"ran.{listener.popen.pid}").exists()
    until(lambda: len(list(folder.glob("ran.*"))) == 2)
    for _ in range(3):
        ask()
        time.sleep(0.1)
    workers["one"].kill()
    ask()
    until(is_answered, 2 * DEADLINE)

    assert {chat_id: answers(client, chat_id, household.agent_id) for chat_id in ids} == expected
    status = json.loads(status_of(config, folder / "state" / "workers" / "two"))
    assert status["ready"]
    assert status["work"]["due"] == status["work"]["running"] == 0
    assert workers["two"].stop() == 0
    ask()
    again = start("worker", "--config", config)
    until(is_answered)
    # The pause is ordered where the agent listens, and holds wherever its handlers run.
    assert run("pause", "--config", config).returncode == 0
    ask()
    until(lambda: json.loads(run("status", "--json", "--config", config).stdout)["work"]["due"] == CHATS)
    assert not is_answered()
    assert run("resume", "--config", config).returncode == 0
    until(is_answered)
    assert again.stop() == 0
    assert listener.stop() == 0
    assert {chat_id: answers(client, chat_id, household.agent_id) for chat_id in ids} == expected


def test_what_is_asked_and_planned_in_workers_is_answered_and_comes(start, config, household):
    """The answer is heard by the process that listens, which also sees to timers; it has asked nothing itself."""
    (config.parent / "slow.py").write_text(PLANS.replace('"plans"', '"slow"'))
    listener = start("run", "--config", config)
    listener.wait_event("stream.connected")
    for name in ("one", "two"):
        start("worker", "--config", config, "--name", name)
    with Client(base_url=household.base_url, auth_token=household.owner_token) as client:
        chat_id = client.chats.ensure_direct(household.agent_id)["id"]

        def say(text, answered):
            client.messages.send(chat_id, text, enforce_caught_up=False)
            until(lambda: answers(client, chat_id, household.agent_id) == answered)

        say("book", ["When?"])
        say("five", ["When?", "Booked.", "It is five."])


FREEZE = """
import asyncio, os
from mycel_runtime import Plugin

plugin = Plugin("slow")

@plugin.on_message
async def answer(ctx):
    with open(os.path.join(os.path.dirname(__file__), f"ran.{os.getpid()}"), "w"):
        pass
    await asyncio.sleep(1.0)
    for message in ctx.messages:
        await ctx.reply(f"You said: {message.content}")
"""


def test_a_worker_that_was_frozen_says_nothing_that_another_has_said_since(start, config, household):
    config.write_text(
        config.read_text().replace('handlers = "workers"', 'handlers = "workers"\nlease_seconds = 2')
    )
    (config.parent / "slow.py").write_text(FREEZE)
    listener = start("run", "--config", config)
    listener.wait_event("stream.connected")
    workers = [start("worker", "--config", config, "--name", name) for name in ("one", "two")]
    for worker in workers:
        worker.wait_event("identity.confirmed")
    with Client(base_url=household.base_url, auth_token=household.owner_token) as client:
        chat_id = client.chats.ensure_direct(household.agent_id)["id"]
        client.messages.send(chat_id, "hello", enforce_caught_up=False)
        (mark,) = until(lambda: list(config.parent.glob("ran.*")))
        (frozen,) = [each for each in workers if mark.name == f"ran.{each.popen.pid}"]
        frozen.popen.send_signal(signal.SIGSTOP)
        expected = ["You said: hello"]
        until(lambda: answers(client, chat_id, household.agent_id) == expected)
        frozen.popen.send_signal(signal.SIGCONT)
        client.messages.send(chat_id, "again", enforce_caught_up=False)
        expected.append("You said: again")
        until(lambda: len(answers(client, chat_id, household.agent_id)) >= 2)
        frozen.wait_event("lease.lost")

        assert answers(client, chat_id, household.agent_id) == expected
        assert "Traceback" not in frozen.transcript()
        # It is one of them again.
        next(each for each in workers if each is not frozen).kill()
        client.messages.send(chat_id, "you?", enforce_caught_up=False)
        expected.append("You said: you?")
        until(lambda: answers(client, chat_id, household.agent_id) == expected)
        assert frozen.stop() == 0


def run(*arguments, **environment):
    command = [sys.executable, "-m", "mycel_runtime", *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, check=False, capture_output=True, timeout=DEADLINE
    )


def status_of(config, state_dir):
    """A worker is asked in its own folder."""
    return run("status", "--json", "--config", config, MYCEL_RUNTIME_AGENT__STATE_DIR=str(state_dir)).stdout


def test_a_worker_of_an_agent_without_a_database_is_refused_in_one_sentence(start, household, tmp_path):
    config = write_config(tmp_path / "agent", household)
    worker = start("worker", "--config", config)

    assert worker.exit_code() == 78
    assert "[engine] url" in worker.transcript()
    assert "Traceback" not in worker.transcript()


def test_a_worker_leaves_out_who_has_a_journal_in_a_file_and_says_what_to_do(start, config, household):
    """Of these one names a database, and was not moved there; the other names none."""
    settings = load_settings(config)
    (settings.state_dir / JOURNAL_NAME).parent.mkdir(parents=True, exist_ok=True)
    (settings.state_dir / JOURNAL_NAME).write_bytes(bytes(68) + APPLICATION_ID.to_bytes(4, "big"))
    alone = start("worker", "--config", config)
    assert alone.exit_code() == 78
    assert f"engine move --config {config} --to postgres" in alone.transcript()

    other = write_config(config.parent.parent / "other", household)
    other.write_text(other.read_text().replace('name = "agent"', 'name = "other"'))
    (settings.state_dir / JOURNAL_NAME).unlink()
    (other.parent / "agent.token").write_text("another's")
    left = start("worker", "--config", config, "--config", other)
    left.wait_event("daemon.started")
    assert "names no database" in left.wait_event("config.refused")["problem"]
    assert left.stop() == 78
