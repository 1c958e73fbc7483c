"""An agent that listens in one process and has its handlers run by others, whoever of them is killed."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import psycopg
import pytest

from mycel_runtime.journal.file_name import APPLICATION_ID, JOURNAL_NAME
from mycel_runtime.settings import load_settings
from tests.acceptance.conftest import DEADLINE, ROOT, until, write_config
from tests.acceptance.household_of_database import Conversation
from tests.guide import blocks

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


@pytest.fixture
def config(database_url, household, tmp_path):
    folder = tmp_path / "agent"
    extra = (
        f'[engine]\nurl = "{database_url}"\nhandlers = "workers"\n'
        "[dispatch]\nsettle_grace = 0.2\nconcurrency = 2\nretry_base = 0.1\n"
    )
    config = write_config(folder, household, extra=extra, plugin='[plugins.slow]\npath = "slow.py"\n')
    (folder / "slow.py").write_text(HANDLERS)
    return config


@pytest.fixture
def talk(owner, household):
    return Conversation(owner, household)


@pytest.fixture
def talks(owner, talk, household):
    """In several chats of the same owner."""
    client, _ = owner
    groups = [
        client.chats.create([household.agent_id], kind="group", title=f"group {number}")
        for number in range(CHATS - 1)
    ]
    return [talk, *(Conversation((client, group["id"]), household) for group in groups)]


def test_workers_answer_each_message_once_and_in_order_and_one_that_is_killed_loses_nothing(
    start, config, talks
):
    listener = start("run", "--config", config)
    listener.wait_event("stream.connected")
    workers = {name: start("worker", "--config", config, "--name", name) for name in ("one", "two")}
    for worker in workers.values():
        worker.wait_event("daemon.started")
    numbers = itertools.count()
    expected = {talk: [] for talk in talks}

    def ask():
        for talk, answers in expected.items():
            text = f"message {next(numbers)}"
            talk.say(text)
            answers.append(f"{len(answers) + 1}: {text}")

    def is_answered():
        return all(len(talk.answers()) >= len(answers) for talk, answers in expected.items())

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

    assert {talk: talk.answers() for talk in talks} == expected
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
    assert {talk: talk.answers() for talk in talks} == expected


def test_what_is_asked_and_planned_in_workers_is_answered_and_comes(start, config, talk):
    """The answer is heard by the process that listens, which also sees to timers; it has asked nothing itself."""
    (config.parent / "slow.py").write_text(PLANS.replace('"plans"', '"slow"'))
    listener = start("run", "--config", config)
    listener.wait_event("stream.connected")
    for name in ("one", "two"):
        start("worker", "--config", config, "--name", name)
    talk.say("book")
    talk.wait_said(["When?"])
    talk.say("five")
    talk.wait_said(["When?", "Booked.", "It is five."])


FAILING = """
import os
from mycel_runtime import Plugin, Reject

plugin = Plugin("slow")

@plugin.on_message
async def answer(ctx):
    if os.path.exists(os.path.join(os.path.dirname(__file__), "is-broken")):
        raise Reject("broken")
    for message in ctx.messages:
        await ctx.reply(f"You said: {message.content}")
"""


def test_the_operators_commands_reach_workers_from_a_host_on_which_nothing_of_the_agent_runs(
    start, config, household, talk, tmp_path
):
    """They are told the journal, and its file says whose that is: nobody was ever at work there."""
    (config.parent / "slow.py").write_text(FAILING)
    (config.parent / "is-broken").touch()
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(config.parent, elsewhere)
    (elsewhere / config.name).write_text(
        config.read_text().replace("[agent]", f'[agent]\nuser_id = "{household.agent_id}"')
    )

    def told(*command):
        done = run(*command, "--config", elsewhere / config.name)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode()

    listener = start("run", "--config", config)
    listener.wait_event("stream.connected")
    worker = start("worker", "--config", config)
    talk.say("hello")
    worker.wait_event("delivery.buried")
    (config.parent / "is-broken").unlink()
    told("dead", "retry", told("dead", "list").split()[0])
    talk.wait_said(["You said: hello"])

    told("pause")
    talk.say("again")
    until(lambda: "waits for resume" in told("work", "list"), every=0.5)
    assert talk.answers() == ["You said: hello"]
    told("resume")
    talk.wait_said(["You said: hello", "You said: again"])
    assert {worker.stop(), listener.stop()} == {0}


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


def test_a_worker_that_was_frozen_says_nothing_that_another_has_said_since(start, config, talk):
    config.write_text(
        config.read_text().replace('handlers = "workers"', 'handlers = "workers"\nlease_seconds = 2')
    )
    (config.parent / "slow.py").write_text(FREEZE)
    listener = start("run", "--config", config)
    listener.wait_event("stream.connected")
    workers = [start("worker", "--config", config, "--name", name) for name in ("one", "two")]
    for worker in workers:
        worker.wait_event("identity.confirmed")
    talk.say("hello")
    (mark,) = until(lambda: list(config.parent.glob("ran.*")))
    (frozen,) = [each for each in workers if mark.name == f"ran.{each.popen.pid}"]
    frozen.popen.send_signal(signal.SIGSTOP)
    talk.wait_said(["You said: hello"])
    frozen.popen.send_signal(signal.SIGCONT)
    talk.say("again")
    expected = ["You said: hello", "You said: again"]
    talk.wait_said(expected)
    frozen.wait_event("lease.lost")

    assert talk.answers() == expected
    assert "Traceback" not in frozen.transcript()
    # It is one of them again.
    next(each for each in workers if each is not frozen).kill()
    talk.say("you?")
    talk.wait_said([*expected, "You said: you?"])
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


def test_a_user_with_the_rights_of_the_guide_runs_agents_and_workers_and_looks_into_them(
    start, config, database_url, talk
):
    """The tables are another user's, who has made them and gives no more than the guide says."""
    (grants,) = [each.text for each in blocks(ROOT / "systemd" / "README.md") if each.language == "sql"]
    assert run("engine", "init", "--config", config).returncode == 0
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute("CREATE ROLE agents LOGIN")
        owner.execute(grants)
        try:
            config.write_text(config.read_text().replace("//postgres@", "//agents@"))
            _work_as_limited_user(start, config, talk)
        finally:
            owner.execute("DROP OWNED BY agents")
            owner.execute("DROP ROLE agents")


def _work_as_limited_user(start, config, talk):
    checked = json.loads(run("engine", "check", "--config", config, "--json").stdout)
    levels = {each["name"]: each["level"] for each in checked["findings"]}
    assert (levels["database.rights"], levels["database.workers"]) == ("warning", "ok")
    processes = [start("run", "--config", config), start("worker", "--config", config)]
    processes[0].wait_event("stream.connected")
    talk.say("hello")
    talk.wait_said(["1: hello"])
    for each in processes:
        assert each.stop() == 0, each.transcript()
        assert "InsufficientPrivilege" not in each.transcript()
    for command in (["pause"], ["dead", "list"], ["engine", "status"]):
        assert run(*command, "--config", config).returncode == 0, command
