"""Two hosts that share an agent: one is at work, and the other stands by until it is its turn."""

from __future__ import annotations

import json
import re

import pytest

from tests.acceptance.conftest import until, write_config
from tests.acceptance.household_of_database import Conversation

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

SOON_SECONDS = 20.0
"""Less than a lease lasts, and what a loaded machine needs."""


@pytest.fixture
def configs(database_url, household, tmp_path):
    """Of the same agent on two hosts."""
    extra = f'[engine]\nurl = "{database_url}"\nlease_seconds = 60\n[dispatch]\nsettle_grace = 0.2\n'
    return [write_config(tmp_path / host, household, extra=extra) for host in ("here", "there")]


@pytest.fixture
def talk(owner, household):
    return Conversation(owner, household)


def test_one_is_at_work_and_the_other_takes_over_as_soon_as_it_has_stopped(start, configs, talk):
    here = start("run", "--config", configs[0])
    here.wait_event("stream.connected")
    there = start("run", "--config", configs[1])
    holder = there.wait_event("standby.begun")["holder"]

    assert holder.endswith(f"process {here.popen.pid}")
    looking = start("status", "--config", configs[1])
    assert looking.exit_code() == 0, looking.transcript()
    assert f"ready, standby: {holder}, is at work" in "\n".join(looking.out)
    looking = start("status", "--json", "--config", configs[1])
    assert looking.exit_code() == 0
    status = json.loads("\n".join(looking.out))
    assert (status["ready"], status["problems"], status["standby"]["holder"]) == (True, [], holder)
    talk.say("hello")
    talk.wait_said(["echo: hello"])
    assert there.events("stream.connected") == []

    assert here.stop() == 0
    there.wait_event("stream.connected", SOON_SECONDS)
    talk.say("again")
    talk.wait_said(["echo: hello", "echo: again"])
    assert there.wait_event("lease.taken")["waited"] > 0
    assert there.stop() == 0


def test_the_operators_commands_work_from_the_host_that_stands_by(start, configs, talk):
    """They go to the journal, where whoever is at work finds them."""
    here = start("run", "--config", configs[0])
    here.wait_event("stream.connected")
    there = start("run", "--config", configs[1])
    there.wait_event("standby.begun")

    def told(*command):
        asked = start(*command, "--config", configs[1])
        assert asked.exit_code() == 0, asked.transcript()
        return "\n".join(asked.out)

    assert "agent agent is paused" in told("pause")
    talk.say("hello")
    until(lambda: "chat:" in told("work", "list"))
    assert talk.answers() == []
    status = told("status")
    assert "! agent agent is paused since" in status
    assert "work      1 due" in status
    for verb in ("dead", "outbox", "store", "plugins"):
        told(verb, "list")
    told("resume")
    talk.wait_said(["echo: hello"])

    old = start("work", "skip", "--older-than", "1h", "--config", configs[1])
    assert old.exit_code() == 75, old.transcript()
    assert "another host is at work on it" in old.transcript()
    assert there.stop() == 0
    assert here.stop() == 0


def test_whoever_stands_by_says_why_the_database_is_away(start, configs, database_server):
    """And a command that waits for it says so, and until when."""
    here = start("run", "--config", configs[0])
    here.wait_event("lease.taken")
    there = start("run", "--config", configs[1])
    there.wait_event("standby.begun")
    database_server.stop()
    try:
        asked = until(lambda: not_ready(start, configs[1]))
        assert re.search(
            r"the database (is away since \d+ s|cannot be asked): .*: No such file or directory", asked
        )
        paused = start("pause", "--config", configs[0])
        assert paused.exit_code() == 75
        assert re.search(
            r"agent: the database PostgreSQL .* away since .*; waiting until \d\d:", paused.transcript()
        )
    finally:
        database_server.start()
    assert {each.stop() for each in (there, here)} == {0}


def not_ready(start, config):
    """What its status is then."""
    asked = start("status", "--config", config)
    return asked.exit_code() == 75 and asked.transcript()


def test_one_that_stands_by_ends_at_once(start, configs):
    here = start("run", "--config", configs[0])
    here.wait_event("lease.taken")
    there = start("run", "--config", configs[1])
    there.wait_event("standby.begun")

    assert there.stop() == 0
    assert here.stop() == 0
