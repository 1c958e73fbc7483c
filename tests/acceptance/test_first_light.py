"""The main job, end to end: hear over a real WebSocket, answer over real HTTP."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mycel_runtime.sdk import Client
from tests.acceptance.conftest import DEADLINE, ROOT, SOON_BACK, until, write_config

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

KILLS = int(os.environ.get("FIRST_LIGHT_KILLS", "15"))
"""`make first-light` is the long form, of 50 kills while 500 messages arrive."""

HUMAN = Path(__file__).parent / "human.py"


@pytest.fixture
def local_config(tmp_path):
    """The shipped configuration of the first five minutes, in a folder of its own."""
    folder = tmp_path / "config"
    folder.mkdir()
    config = folder / "local.toml"
    config.write_text((ROOT / "config" / "local.toml").read_text())
    return config


def cli(*args, stdin=""):
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "mycel_runtime", *map(str, args)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
        cwd=ROOT,
    )


def test_first_run_shows_a_conversation_and_ctrl_c_ends_it_cleanly(start, local_config):
    agent = start("run", "--config", local_config)

    agent.wait_event("plugin.loaded")
    agent.wait_for(lambda run: any("chat --config" in line for line in run.out))
    assert agent.out[:2] == ["owner> Hello, is anybody there?", "echo> echo: Hello, is anybody there?"]

    talk = cli("chat", "--config", local_config, stdin="one\ntwo\n")
    assert (talk.returncode, talk.stdout.splitlines()) == (0, ["echo> echo: one", "echo> echo: two"])
    sent = cli("send", "--config", local_config, "--wait", "10", "three")
    assert (sent.returncode, sent.stdout) == (0, "echo: three\n")
    history = cli("read", "--config", local_config, "--json", "-n", "2")
    assert [json.loads(line)["content"] for line in history.stdout.splitlines()] == ["three", "echo: three"]

    assert agent.stop(signal.SIGINT) == 0, agent.transcript()
    assert agent.events("daemon.stopped")[0]["abandoned"] == 0


def test_second_start_goes_on_with_the_same_conversation(start, local_config):
    for _ in range(2):
        agent = start("run", "--config", local_config)
        agent.wait_for(lambda run: len(run.out) >= 3)
        assert agent.stop() == 0
    agent = start("run", "--config", local_config)
    agent.wait_for(lambda run: len(run.out) >= 3)

    history = cli("read", "--config", local_config).stdout.splitlines()

    assert history == ["owner> Hello, is anybody there?", "echo> echo: Hello, is anybody there?"] * 3


class Humans:
    """`human.py` in the genuine client's environment."""

    def __init__(self, python, *args):
        self.popen = subprocess.Popen(
            [python, HUMAN, *map(str, args)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def read(self):
        """The next thing said."""
        return json.loads(self.popen.stdout.readline())

    def go_on(self):
        """The agent is up."""
        self.popen.stdin.write("\n")
        self.popen.stdin.flush()

    def close(self):
        """Nothing of it is left."""
        self.popen.kill()
        self.popen.wait(DEADLINE)
        self.popen.stdin.close()
        self.popen.stdout.close()


@pytest.fixture
def humans(sdk_0_1_83, backend):
    """Starts humans; at most one lot per test."""
    started = []

    def launch(command, *args):
        started.append(Humans(sdk_0_1_83, command, backend.base_url, *args))
        return started[0]

    yield launch
    for lot in started:
        lot.close()


def config_for(tmp_path, backend, agent, **options):
    """The configuration of an agent that the humans have made."""
    household = type("Made", (), {"base_url": backend.base_url, "agent_token": agent["agent_token"]})
    return write_config(tmp_path / "agent", household, **options)


def test_genuine_client_gets_the_echo(start, humans, backend, tmp_path):
    hannah = humans("converse")
    agent = start("run", "--config", config_for(tmp_path, backend, hannah.read()))
    agent.wait_event("stream.connected")
    hannah.go_on()

    for number in range(3):
        assert hannah.read()["answers"] == [f"echo: question {number}"]
    assert agent.stop() == 0


@pytest.mark.longest
@pytest.mark.timeout(300 + 6 * KILLS)
def test_every_message_is_answered_once_and_in_order_though_the_daemon_is_killed_again_and_again(
    start, humans, backend, tmp_path
):
    chats, messages, kills = 10, 10 * KILLS, KILLS
    crowd = humans("flood", chats, messages)
    config = config_for(tmp_path, backend, crowd.read(), extra="[dispatch]\nsettle_grace = 0.2\n")
    crowd.go_on()
    dice = random.Random(20261124)

    for _ in range(kills):
        agent = start("run", "--config", config)
        time.sleep(dice.uniform(0.3, 1.6))
        agent.kill()
    agent = start("run", "--config", config)

    assert crowd.read() == {"flooded": messages}
    for chat in range(chats):
        history = crowd.read()["history"]
        asked = [text for sender, text in history if sender != "agent"]
        answered = [text for sender, text in history if sender == "agent"]
        assert asked == [f"message {number}" for number in range(chat, messages, chats)]
        assert answered == [f"echo: {text}" for text in asked]
    assert agent.stop() == 0


def contents(client, chat_id):
    return [message["content"] for message in client.messages.list(chat_id, limit=200)]


@pytest.fixture
def owner(household):
    """The owner's client and direct chat with the agent."""
    with Client(base_url=household.base_url, auth_token=household.owner_token) as client:
        yield client, client.chats.ensure_direct(household.agent_id)["id"]


def ask(owner, text):
    client, chat_id = owner
    client.messages.send(chat_id, text, enforce_caught_up=False)


def is_answered(owner, text):
    client, chat_id = owner
    return until(lambda: f"echo: {text}" in contents(client, chat_id))


def test_a_backend_that_is_not_up_yet_costs_nothing_but_the_wait(start, backend, household, owner, tmp_path):
    ask(owner, "early")
    config = write_config(tmp_path / "agent", household)
    backend.stop()
    agent = start("run", "--config", config)
    agent.wait_event("identity.unanswered")
    assert agent.events("daemon.started")

    backend.start()

    assert is_answered(owner, "early")
    assert agent.stop() == 0


def test_a_backend_that_goes_away_for_ten_seconds_costs_nothing_but_the_wait(
    start, backend, household, owner, tmp_path
):
    """Before the stream is back, the looks at the server carry the service."""
    agent = start("run", "--config", write_config(tmp_path / "agent", household))
    ask(owner, "before")
    assert is_answered(owner, "before")

    backend.stop()
    agent.wait_event("stream.ended")
    time.sleep(10)
    backend.start()
    ask(owner, "after")

    assert is_answered(owner, "after")
    assert contents(*owner) == ["before", "echo: before", "after", "echo: after"]
    assert agent.stop() == 0


def test_q1_a_restarted_backend_that_counts_from_one_again_loses_nothing(
    start, backend, household, owner, tmp_path
):
    agent = start("run", "--config", write_config(tmp_path / "agent", household, extra=SOON_BACK))
    expected = []
    for life in range(3):
        for number in range(3):
            ask(owner, f"{life}.{number}")
            assert is_answered(owner, f"{life}.{number}")
            expected += [f"{life}.{number}", f"echo: {life}.{number}"]
        backend.restart()

    ask(owner, "last")
    assert is_answered(owner, "last")
    assert contents(*owner) == [*expected, "last", "echo: last"]
    assert agent.stop() == 0


def test_a_lost_answer_is_looked_for_before_anything_is_sent_again(
    start, backend, household, owner, tmp_path
):
    config = write_config(tmp_path / "agent", household, extra="[dispatch]\nsettle_grace = 0.2\n")
    agent = start("run", "--config", config)
    agent.wait_event("stream.connected")
    backend.faults.lose_answer(nth=2)

    ask(owner, "once")

    assert is_answered(owner, "once")
    agent.wait_event("send.unresolved")
    assert until(lambda: any(event["recovered"] for event in agent.events("message.sent")))
    assert contents(*owner) == ["once", "echo: once"]
    assert agent.stop() == 0


def test_a_refused_send_asks_the_handler_again(start, backend, household, owner, tmp_path):
    agent = start("run", "--config", write_config(tmp_path / "agent", household))
    agent.wait_event("stream.connected")
    client, chat_id = owner
    client.messages.send(chat_id, "hello", enforce_caught_up=False)
    backend.faults.conflict_once()

    assert is_answered(owner, "hello")
    assert contents(client, chat_id) == ["hello", "echo: hello"]
    assert agent.stop() == 0
