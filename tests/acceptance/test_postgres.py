"""An agent that keeps its journal in PostgreSQL: it answers each message once, whoever is killed or restarted."""

from __future__ import annotations

import random
import re
import time

import pytest

from tests.acceptance.household_of_database import Conversation, write_database_config

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]


@pytest.fixture
def config(database_url, household, tmp_path):
    """Of an agent with a database of its own."""
    return write_database_config(tmp_path / "agent", household, database_url)


@pytest.fixture
def talk(owner, household):
    return Conversation(owner, household)


def test_it_answers_is_killed_answers_again_and_outlives_a_restart_of_its_database(
    start, config, database_server, talk
):
    agent = start("run", "--config", config)
    agent.wait_event("stream.connected")
    talk.ask(0)
    talk.wait_answers(1)
    assert not (config.parent / "state" / "journal.sqlite3").exists()
    agent.kill()

    talk.ask(1)
    agent = start("run", "--config", config)
    talk.wait_answers(2)
    database_server.stop()
    talk.ask(2)
    time.sleep(1.0)
    database_server.start()
    talk.wait_answers(3)
    database_server.stop("immediate")
    database_server.start()
    talk.ask(3)
    talk.wait_answers(4)

    assert agent.stop() == 0
    assert "not-for-anybody" not in agent.transcript()


@pytest.mark.longest
@pytest.mark.timeout(600)
def test_every_message_is_answered_once_and_in_order_though_daemon_and_database_are_killed_again_and_again(
    start, config, database_server, talk
):
    dice = random.Random(20261130)
    messages = 0
    for round_ in range(6):
        agent = start("run", "--config", config)
        for _ in range(4):
            talk.ask(messages)
            messages += 1
        time.sleep(dice.uniform(0.5, 3.5))
        if round_ % 3 == 2:
            database_server.stop("immediate")
            database_server.start()
            time.sleep(dice.uniform(0.0, 1.0))
        agent.kill()
    agent = start("run", "--config", config)
    agent.wait_event("stream.connected")

    talk.wait_answers(messages)
    assert agent.stop() == 0


def test_a_database_that_is_not_there_is_told_in_one_sentence(start, config):
    """By whoever asks once; a daemon tells it and waits (`test_database_outage.py`)."""
    config.write_text(config.read_text().replace("host=/", "host=/nowhere/"))
    asking = start("engine", "status", "--config", config)

    assert asking.exit_code() == 75
    said = asking.transcript()
    assert "PostgreSQL cannot be reached" in said
    assert "Traceback" not in said


def test_what_looks_at_a_journal_at_rest_looks_into_the_database(start, config, talk):
    agent = start("run", "--config", config)
    agent.wait_event("stream.connected")
    talk.ask(0)
    talk.wait_answers(1)
    assert agent.stop() == 0

    for command in (("dead", "list"), ("outbox", "list"), ("store", "list"), ("work", "list")):
        looking = start(*command, "--config", config)
        assert looking.exit_code() == 0, looking.transcript()
        assert "no daemon is at work" in looking.transcript()
    pausing = start("pause", "--plugin", "echo", "--config", config)
    assert pausing.exit_code() == 0, pausing.transcript()


def test_an_agent_moves_from_its_file_into_the_database_and_back_and_answers_each_message_once(
    start, config, talk
):
    """Killed before each move, with what it had begun; where it was, it does not start any more."""
    with_database = config.read_text()
    in_file = re.sub(r"(?m)^(url|password_file) = .*$", "", with_database)
    address = [
        *("--url", re.search(r'(?m)^url = "(.*)"$', with_database)[1]),
        *("--password-file", config.parent / "database.password"),
    ]
    messages = 0
    for kept, before, aim in (
        (in_file, with_database, None),
        (with_database, in_file, "postgres"),
        (in_file, with_database, "sqlite"),
    ):
        if aim is not None:
            moving = start("engine", "move", "--config", config, "--to", aim, *address)
            assert moving.exit_code() == 0, moving.transcript()
            config.write_text(before)
            refused = start("run", "--config", config)
            assert refused.exit_code() == 78, refused.transcript()
            assert re.search(r"its journal was moved to|which was not moved", refused.transcript())
            assert "Traceback" not in refused.transcript()
        config.write_text(kept)
        agent = start("run", "--config", config)
        talk.ask(messages)
        talk.wait_answers(messages + 1)
        talk.ask(messages + 1)
        messages += 2
        agent.kill()
    agent = start("run", "--config", config)
    talk.wait_answers(messages)
    assert agent.stop() == 0
