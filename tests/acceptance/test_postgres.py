"""An agent that keeps its journal in PostgreSQL: it answers each message once, whoever is killed or restarted."""

from __future__ import annotations

import random
import time

import pytest

from mycel_runtime.sdk import Client
from tests.acceptance.conftest import until, write_config
from tests.engines.postgres_server import Databases, PostgresServer

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

LONG_DEADLINE = 180.0


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
    """Of an agent with a database of its own, whose password (which the server does not ask for) is in a file."""
    parts = dict(part.split("=", 1) for part in databases.make().split())
    password = tmp_path / "agent" / "database.password"
    password.parent.mkdir()
    password.write_text("not-for-anybody\n")
    password.chmod(0o600)
    url = f"postgresql://postgres@/{parts['dbname']}?host={server.host}"
    extra = f'[engine]\nurl = "{url}"\npassword_file = "database.password"\n[dispatch]\nsettle_grace = 0.2\n'
    return write_config(tmp_path / "agent", household, extra=extra)


@pytest.fixture
def owner(household):
    """The owner's client, and its direct chat with the agent."""
    with Client(base_url=household.base_url, auth_token=household.owner_token) as client:
        yield client, client.chats.ensure_direct(household.agent_id)["id"]


def ask(owner, number):
    client, chat_id = owner
    client.messages.send(chat_id, f"message {number}", enforce_caught_up=False)


def answers(owner, household):
    client, chat_id = owner
    messages = client.messages.list(chat_id, limit=200)
    return [each["content"] for each in messages if each["sender_id"] == household.agent_id]


def are_answered(owner, household, messages):
    expected = [f"echo: message {number}" for number in range(messages)]
    until(lambda: len(answers(owner, household)) >= messages, LONG_DEADLINE)
    assert answers(owner, household) == expected


def test_it_answers_is_killed_answers_again_and_outlives_a_restart_of_its_database(
    start, config, server, owner, household
):
    agent = start("run", "--config", config)
    agent.wait_event("stream.connected")
    ask(owner, 0)
    are_answered(owner, household, 1)
    assert not (config.parent / "state" / "journal.sqlite3").exists()
    agent.kill()

    ask(owner, 1)
    agent = start("run", "--config", config)
    are_answered(owner, household, 2)
    server.stop()
    ask(owner, 2)
    time.sleep(1.0)
    server.start()
    are_answered(owner, household, 3)
    server.stop("immediate")
    server.start()
    ask(owner, 3)
    are_answered(owner, household, 4)

    assert agent.stop() == 0
    assert "not-for-anybody" not in agent.transcript()


@pytest.mark.longest
@pytest.mark.timeout(600)
def test_every_message_is_answered_once_and_in_order_though_daemon_and_database_are_killed_again_and_again(
    start, config, server, owner, household
):
    dice = random.Random(20261130)
    messages = 0
    for round_ in range(6):
        agent = start("run", "--config", config)
        for _ in range(4):
            ask(owner, messages)
            messages += 1
        time.sleep(dice.uniform(0.5, 3.5))
        if round_ % 3 == 2:
            server.stop("immediate")
            server.start()
            time.sleep(dice.uniform(0.0, 1.0))
        agent.kill()
    agent = start("run", "--config", config)
    agent.wait_event("stream.connected")

    are_answered(owner, household, messages)
    assert agent.stop() == 0


def test_a_database_that_is_not_there_is_told_in_one_sentence(start, config):
    config.write_text(config.read_text().replace("host=/", "host=/nowhere/"))
    agent = start("run", "--config", config)

    assert agent.exit_code() == 75
    said = agent.transcript()
    assert "PostgreSQL cannot be reached" in said
    assert "Traceback" not in said


def test_what_looks_at_a_journal_at_rest_looks_into_the_database(start, config, owner, household):
    agent = start("run", "--config", config)
    agent.wait_event("stream.connected")
    ask(owner, 0)
    are_answered(owner, household, 1)
    assert agent.stop() == 0

    for command in (("dead", "list"), ("outbox", "list"), ("store", "list"), ("work", "list")):
        looking = start(*command, "--config", config)
        assert looking.exit_code() == 0, looking.transcript()
        assert "no daemon is at work" in looking.transcript()
    pausing = start("pause", "--plugin", "echo", "--config", config)
    assert pausing.exit_code() == 0, pausing.transcript()
