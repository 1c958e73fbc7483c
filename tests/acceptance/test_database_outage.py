"""
A database that is away for longer than anybody likes: it costs the wait, and nothing else.

The long form is a minute of each: `pytest -m longest tests/acceptance/test_database_outage.py`.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.acceptance.conftest import until
from tests.acceptance.household_of_database import Conversation, write_database_config
from tests.engines.database_proxy import DatabaseProxy
from tests.engines.postgres_server import as_url

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

MOST_PROCESSOR = 0.05
"""Of a processor, while there is nothing to be done but to wait."""


@pytest.fixture
def proxy(database_server):
    with DatabaseProxy(database_server.url) as proxy:
        yield proxy


@contextlib.contextmanager
def stopped(database_server, _proxy):
    database_server.stop()
    yield
    database_server.start()


@contextlib.contextmanager
def killed(database_server, _proxy):
    database_server.stop("immediate")
    yield
    database_server.start()


@contextlib.contextmanager
def vanished(_server, proxy):
    proxy.vanish()
    yield
    proxy.appear()


def processor_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


LONGEST = (pytest.mark.longest, pytest.mark.timeout(300))


@pytest.mark.parametrize(
    ("outage", "seconds"),
    [
        (stopped, 3.0),
        pytest.param(stopped, 60.0, marks=LONGEST),
        pytest.param(killed, 60.0, marks=LONGEST),
        pytest.param(vanished, 60.0, marks=LONGEST),
    ],
)
def test_an_outage_of_the_database_costs_the_wait(
    outage, seconds, start, database_server, databases, proxy, household, owner, tmp_path, capsys
):
    url = as_url(databases.make(), port=proxy.port)
    config = write_database_config(tmp_path / "agent", household, url)
    talk = Conversation(owner, household)
    agent = start("run", "--config", config)
    agent.wait_event("stream.connected")
    talk.ask(0)
    talk.wait_answers(1)

    with outage(database_server, proxy):
        talk.ask(1)
        began, used = time.monotonic(), processor_seconds(agent.popen.pid)
        lost = agent.wait_event("database.lost")
        told = start("status", "--config", config)
        assert told.exit_code() == 75
        assert "is away since" in told.transcript(), agent.transcript()
        assert "Traceback" not in told.transcript()
        until(lambda: time.monotonic() - began >= seconds, 2 * seconds)
        talk.ask(2)
        used, lasted = processor_seconds(agent.popen.pid) - used, time.monotonic() - began
        assert agent.popen.poll() is None, agent.transcript()
        back = time.monotonic()
    talk.wait_answers(3)

    with capsys.disabled():
        answered = time.monotonic() - back
        print(f"\n{outage.__name__} {seconds:.0f} s: processor {used:.2f} s of {lasted:.1f} s,", end=" ")
        print(f"told after {lost['waited']} s, all answered {answered:.1f} s after its end")
    assert used < MOST_PROCESSOR * lasted + 1.0
    assert agent.wait_event("database.regained")["waited"] > 0
    assert agent.stop() == 0


def test_a_stop_is_obeyed_while_the_database_is_away(
    start, database_server, databases, proxy, household, owner, tmp_path
):
    url = as_url(databases.make(), port=proxy.port)
    config = write_database_config(tmp_path / "agent", household, url)
    agent = start("run", "--config", config)
    agent.wait_event("stream.connected")
    talk = Conversation(owner, household)
    with stopped(database_server, proxy):
        talk.ask(0)
        agent.wait_event("database.lost")

        began = time.monotonic()
        assert agent.stop() in {0, 75}
        assert time.monotonic() - began < 30.0
    agent = start("run", "--config", config)
    talk.wait_answers(1)
    assert agent.stop() == 0


@pytest.fixture
def away(database_server, database_url):
    """The URL of a database whose server is stopped; it is started again at the end."""
    database_server.stop()
    yield database_url
    # Refused where the test has done so.
    with contextlib.suppress(subprocess.CalledProcessError):
        database_server.start()


@pytest.mark.parametrize("command", [("run",), ("worker", "--name", "w")])
def test_a_database_that_is_away_at_the_start_is_waited_for_and_told(
    command, start, database_server, away, household, owner, tmp_path
):
    """Ending, an agent would be given up by its supervisor, and be away when the database is there."""
    config = write_database_config(tmp_path / "agent", household, away)
    asked = () if command == ("run",) else ("--worker", "w")
    agent = start(*command, "--config", config)
    agent.wait_event("database.lost")
    told = start("status", "--config", config, *asked)
    assert told.exit_code() == 75
    assert "is away since" in told.transcript()
    assert "No such file or directory" in told.transcript()
    assert "Traceback" not in told.transcript()
    if command == ("run",):
        paused = start("pause", "--config", config)
        assert paused.exit_code() == 75
        assert "has not begun to work: the database PostgreSQL" in paused.transcript()

    database_server.start()
    assert agent.wait_event("database.regained")["waited"] > 0
    agent.wait_event("daemon.started")
    other = agent if command == ("run",) else start("run", "--config", config)
    other.wait_event("stream.connected")
    talk = Conversation(owner, household)
    talk.ask(0)
    talk.wait_answers(1)
    assert {each.stop() for each in (agent, other)} == {0}


def test_a_stop_is_obeyed_while_the_database_is_waited_for_at_the_start(
    start, database_server, away, household, tmp_path
):
    """And one that is there, and has no such database, is a mistake in the file."""
    config = write_database_config(tmp_path / "agent", household, away)
    agent = start("run", "--config", config)
    agent.wait_event("database.lost")
    began = time.monotonic()
    assert agent.stop() == 0
    assert time.monotonic() - began < 5.0

    unknown = write_database_config(tmp_path / "unknown", household, away.replace("?", "-unknown?"))
    agent = start("run", "--config", unknown)
    agent.wait_event("database.lost")
    database_server.start()
    assert agent.exit_code() == 78
    assert "does not exist" in agent.transcript()
    assert "[engine] url" in agent.transcript()
    assert "Traceback" not in agent.transcript()
