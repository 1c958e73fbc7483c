"""The operator pauses and resumes: a daemon, and a journal whose daemon does not run."""

from __future__ import annotations

import json

import pytest

from tests.acceptance.conftest import until, write_config
from tests.acceptance.test_turns import answers, ask, owner

__all__ = ["owner"]

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]


def run(start, verb, config, *args):
    process = start(verb, "--config", config, *args)
    return process.exit_code(), process.out, process.err


def test_an_agent_that_is_paused_hears_and_is_silent_until_it_is_resumed(start, household, owner, tmp_path):
    """Over a restart, in which the operator changes his mind without a daemon."""
    config = write_config(tmp_path / "a", household)
    code, _, told = run(start, "resume", config)
    assert (code, "the agent has never run" in told[0]) == (75, True), told
    agent = start("run", "--config", config, "--log-level", "debug")
    agent.wait_event("stream.connected")
    assert run(start, "resume", config)[::2] == (64, ["Error: the agent is not paused"])
    assert run(start, "pause", config, "--plugin", "ecco")[0] == 64
    assert run(start, "pause", config)[:2] == (0, ["agent agent is paused"])
    assert run(start, "pause", config)[:2] == (0, ["agent agent was paused already"])
    ask(owner, "one")
    agent.wait_for(lambda daemon: daemon.events("frames.committed"))

    code, shown, _ = run(start, "status", config, "--json")
    now = json.loads("\n".join(shown))
    (paused,) = now["work"]["paused"]
    assert (code, now["ready"], paused["kind"], paused["name"]) == (0, True, "agent", "")
    assert now["started_at"] <= paused["since"] <= now["now"]
    assert agent.stop() == 0

    at_rest = "agent: written into its journal, because no daemon is at work"
    assert run(start, "pause", config, "--plugin", "echo") == (0, ["plugin echo is paused"], [at_rest])
    assert run(start, "resume", config) == (0, ["agent agent goes on"], [at_rest])
    agent = start("run", "--config", config, "--log-level", "debug")
    agent.wait_event("stream.connected")
    ask(owner, "two")
    agent.wait_for(lambda daemon: daemon.events("frames.committed"))
    assert answers(owner, household) == []

    assert run(start, "resume", config, "echo")[:2] == (0, ["plugin echo goes on"])
    assert until(lambda: answers(owner, household) == ["echo: one", "echo: two"])
    assert agent.stop() == 0


def test_an_agent_that_is_paused_before_its_first_start_is_silent_from_its_first_message_on(
    start, household, owner, tmp_path
):
    """Nobody knows whose the journal is until the backend has said so; the pause becomes that identity's."""
    config = write_config(tmp_path / "a", household)
    at_rest = "agent: written into its journal, because no daemon is at work"
    assert run(start, "pause", config) == (0, ["agent agent is paused"], [at_rest])
    assert run(start, "pause", config, "--plugin", "echo") == (0, ["plugin echo is paused"], [at_rest])
    assert run(start, "pause", config)[1] == ["agent agent was paused already"]
    assert run(start, "resume", config, "echo")[:2] == (0, ["plugin echo goes on"])

    agent = start("run", "--config", config, "--log-level", "debug")
    assert agent.wait_event("pause.kept")["kind"] == "agent"
    ask(owner, "one")
    agent.wait_for(lambda daemon: daemon.events("frames.committed"))
    assert answers(owner, household) == []
    assert run(start, "resume", config)[:2] == (0, ["agent agent goes on"])
    assert until(lambda: answers(owner, household) == ["echo: one"])
    assert agent.stop() == 0


def test_an_agent_that_waits_for_its_backend_is_paused_before_it_knows_who_it_is(
    start, backend, household, owner, tmp_path
):
    """The daemon has the journal's lock and nothing else: neither its verbs nor the journal at rest are to be had."""
    config = write_config(tmp_path / "a", household, extra="[inbox]\nbackoff_base = 0.1\nbackoff_cap = 0.3\n")
    backend.faults.refuse(503, times=10_000, path="/api/auth/me")
    agent = start("run", "--config", config, "--log-level", "debug")
    agent.wait_event("identity.unanswered")
    assert run(start, "pause", config, "--plugin", "ecco")[0] == 64
    assert run(start, "pause", config, "--plugin", "echo") == (0, ["plugin echo is paused"], [])
    assert run(start, "resume", config, "echo") == (0, ["plugin echo goes on"], [])
    assert run(start, "resume", config)[0] == 64
    assert run(start, "pause", config) == (0, ["agent agent is paused"], [])
    assert run(start, "pause", config) == (0, ["agent agent was paused already"], [])

    backend.faults.clear()
    assert agent.wait_event("pause.kept")["kind"] == "agent"
    assert [
        (each["event"], each["kind"]) for each in agent.events("pause.begun") + agent.events("pause.ended")
    ] == [
        ("pause.begun", "plugin"),
        ("pause.begun", "agent"),
        ("pause.ended", "plugin"),
    ]
    ask(owner, "one")
    agent.wait_for(lambda daemon: daemon.events("frames.committed"))
    assert answers(owner, household) == []
    assert run(start, "resume", config)[:2] == (0, ["agent agent goes on"])
    assert until(lambda: answers(owner, household) == ["echo: one"])
    assert agent.stop() == 0
