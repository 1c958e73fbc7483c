"""The daemon tells how it is, over its own socket."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import sqlite3
import stat
import sys

import httpx
import pytest
from click.testing import CliRunner

from mycel_runtime.cli.main import cli
from mycel_runtime.daemon.control import ask_status
from mycel_runtime.sdk import Client
from tests.acceptance.conftest import ROOT, SOON_BACK, until, write_config
from tests.acceptance.terminal import Terminal

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]


def get(state_dir, path):
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(state_dir / "control.sock"))) as client:
        return client.get(f"http://control{path}", timeout=10)


def test_ready_while_hearing_is_proven_and_not_ready_while_it_is_not(
    start, backend, household, tmp_path, tmp_path_factory
):
    state = tmp_path_factory.mktemp("s")
    config = write_config(tmp_path / "a", household, extra=SOON_BACK)
    config.write_text(config.read_text().replace('"state"', f'"{state}"'))
    agent = start("run", "--config", config)
    agent.wait_event("stream.connected")
    assert until(lambda: get(state, "/readyz").status_code == 200)
    assert stat.S_IMODE((state / "control.sock").stat().st_mode) == 0o600

    told = start("status", "--config", config)
    assert told.exit_code() == 0
    assert told.out[0].startswith("agent: ready (pid ")

    backend.stop()
    agent.wait_event("stream.ended")
    answer = get(state, "/readyz")
    assert (answer.status_code, answer.json()["problems"]) == (503, ["the stream is not connected"])
    assert get(state, "/livez").status_code == 200
    told = start("status", "--config", config, "--json")
    assert told.exit_code() == 75
    report = json.loads("\n".join(told.out))
    assert (report["ready"], report["hearing"]["connected"], report["pid"]) == (False, False, agent.popen.pid)
    assert household.agent_token not in json.dumps(report)

    backend.start()
    assert until(lambda: get(state, "/readyz").status_code == 200)
    assert agent.stop() == 0
    assert not (state / "control.sock").exists()


def test_an_unreachable_backend_is_a_status_not_a_failed_start(start, backend, household, tmp_path):
    config = write_config(tmp_path / "a", household)
    backend.stop()
    agent = start("run", "--config", config)
    agent.wait_event("identity.unanswered")

    told = start("status", "--config", config)

    assert told.exit_code() == 75, told.transcript()
    assert any(
        re.match(r"  ! the backend has not answered yet: .*(refused|failed)", line) for line in told.out
    )
    assert agent.stop() == 0


def test_a_folder_with_a_long_name_does_not_matter(start, household, tmp_path):
    config = write_config(tmp_path / ("long" * 40), household)
    start("run", "--config", config).wait_event("stream.connected")
    first = start("status", "--config", config)
    assert first.exit_code() in {0, 75}, first.transcript()


def test_a_killed_process_leaves_nothing_in_the_way(start, household, tmp_path):
    config = write_config(tmp_path / "a", household)
    agent = start("run", "--config", config)
    agent.wait_event("stream.connected")
    agent.kill()
    assert (tmp_path / "a" / "state" / "control.sock").exists()

    asked = start("status", "--config", config)
    assert asked.exit_code() == 75
    assert "no daemon answers here" in asked.err[0]
    again = start("run", "--config", config)
    again.wait_event("stream.connected")
    assert start("status", "--config", config).exit_code() == 0
    assert again.stop() == 0


def typed(*args):
    """A command in this process: what it prints, and what it raises."""
    return CliRunner().invoke(cli, list(map(str, args)))


FAILING = """
from mycel_runtime import Plugin, Reject

plugin = Plugin("failing")


@plugin.on_message
async def fail(ctx):
    if ctx.chat_type == "group":
        raise Reject("not here")
    raise ValueError("the text of a message")
"""


def test_what_fails_is_named_while_it_waits_and_listed_while_nobody_runs(start, household, tmp_path):
    config = write_config(
        tmp_path / "a",
        household,
        extra="[dispatch]\nretry_base = 600.0\nretry_cap = 600.0\n",
        plugin='[plugins.failing]\npath = "failing.py"\n',
    )
    (tmp_path / "a" / "failing.py").write_text(FAILING)
    agent = start("run", "--config", config)
    with Client(base_url=household.base_url, auth_token=household.owner_token) as owner:
        waiting = owner.chats.ensure_direct(household.agent_id)["id"]
        owner.messages.send(waiting, "hello", enforce_caught_up=False)
        given_up = owner.chats.create([household.agent_id], kind="group", title="g")["id"]
        owner.messages.send(given_up, "hello", enforce_caught_up=False)

    failed = agent.wait_event("delivery.postponed")
    assert (failed["reason"], failed["trace"]) == ("ValueError", "failing.py:11 in fail")
    oldest = ask_status(tmp_path / "a" / "state").work.oldest
    assert (oldest.handler, oldest.attempts, oldest.since < oldest.due_at) == ("failing.fail", 1, True)
    assert oldest.last_error == "ValueError (failing.py:11 in fail)"

    agent.wait_event("delivery.buried")
    assert "the text of a message" not in agent.transcript()
    number = oldest.delivery_id
    (line,) = typed("work", "list", "--config", config).stdout.splitlines()
    assert line.startswith(f"{number}  failing.fail  chat:{waiting}  waits for time for ")
    assert line.endswith("  1 failed attempt  ValueError (failing.py:11 in fail)")
    assert typed("work", "retry", "--config", config, number).exit_code == 0
    agent.wait_for(lambda agent: len(agent.events("delivery.postponed")) == 2)
    dry = typed("work", "skip", "--config", config, "--older-than", "0s", "--dry-run")
    assert dry.stdout.splitlines()[-1] == "1 message in 1 chat would be skipped"
    assert (
        typed("work", "skip", "--config", config, "--older-than", "1h").stdout
        == "0 messages in 0 chats skipped\n"
    )
    skipped = typed("work", "skip", "--config", config, "--older-than", "0s").stdout.splitlines()
    assert skipped[-1] == "1 message in 1 chat skipped, dead letter 2; see: mycel-runtime dead show 2"
    whole = json.loads(typed("dead", "show", "--config", config, "2").stdout)
    assert [(part["chat_id"], part["messages"], part["handler"]) for part in whole["skipped"]] == [
        (waiting, 1, "failing.fail")
    ]
    assert "skipped" not in json.loads(typed("dead", "show", "--config", config, "1").stdout)
    assert "nothing of number" in typed("work", "skip", "--config", config, number).stderr
    assert typed("dead", "retry", "--config", config, 2).exit_code == 0
    agent.wait_for(lambda agent: len(agent.events("delivery.postponed")) == 3)

    asked = typed("dead", "list", "--config", config)
    assert (asked.exit_code, len(asked.stdout.splitlines())) == (0, 1)
    assert agent.stop() == 0

    for command in (["dead", "list"], ["dead", "list", "--json"], ["dead", "show", "1"], ["outbox", "list"]):
        listed = typed(command[0], command[1], "--config", config, *command[2:])
        assert listed.exit_code == 0
        assert "agent: read from its journal, because no daemon is at work" in listed.stderr
        if command == ["dead", "list"]:
            assert listed.stdout == asked.stdout
    (line,) = typed("work", "list", "--config", config).stdout.splitlines()
    assert "  failing.fail  " in line
    retried = typed("dead", "retry", "--config", config, "1")
    assert (retried.exit_code, typed("dead", "list", "--config", config).stdout) == (0, "")
    assert "agent: written into its journal, because no daemon is at work" in retried.stderr
    again = start("run", "--config", config)
    again.wait_event("stream.connected")
    assert again.stop() == 0


def test_a_folder_is_asked_agent_by_agent(start, household, tmp_path):
    folder = tmp_path / "agents"
    folder.mkdir()
    config = write_config(tmp_path / "one", household)
    text = config.read_text().replace('"agent.token"', f'"{tmp_path}/one/agent.token"')
    (folder / "one.toml").write_text(text.replace('"state"', f'"{tmp_path}/one/state"'))
    (folder / "two.toml").write_text(text.replace('"state"', f'"{tmp_path}/two"').replace('"agent"', '"two"'))
    (folder / "zoo.toml").write_text("nonsense")
    agent = start("run", "--config", folder / "one.toml")
    agent.wait_event("stream.connected")

    told = start("status", "--config", folder)
    assert told.exit_code() == 78
    assert [line.split()[:2] for line in told.out] == [
        ["AGENT", "STATE"],
        ["agent", "ready"],
        ["two", "no"],
        ["zoo", "no"],
    ], told.transcript()
    assert "two.toml: " in "\n".join(told.err)
    assert "zoo.toml: not valid TOML" in "\n".join(told.err)
    (folder / "zoo.toml").unlink()
    assert "agent " not in typed("status", folder, "--not-ready").stdout
    assert typed("status", folder, "--full").stdout.startswith("agent: ready")
    assert typed("dead", "list", "--config", folder).exit_code == 0
    assert "name one of them with --config" in typed("dead", "retry", "--config", folder, "1").stderr
    assert agent.stop() == 0


def test_a_watched_agent_may_be_restarted_and_the_terminal_is_as_it_was(start, household, tmp_path):
    config = write_config(tmp_path / "a", household)
    agent = start("run", "--config", config)
    agent.wait_event("stream.connected")
    command = [sys.executable, "-m", "mycel_runtime", "status", "--config", str(config), "--watch"]
    watching = Terminal(shlex.join([*command, "--interval", "0.1"]), ROOT)
    watching.read_until("agent: ready (pid ")
    agent.kill()
    watching.read_until("agent: no answer")
    again = start("run", "--config", config)
    again.wait_event("stream.connected")
    watching.read_until(f"(pid {again.popen.pid}, ")
    watching.type("\x03")

    assert watching.exit_code() == 0
    assert watching.text.startswith("\x1b[?1049h\x1b[?25l")
    assert watching.text.endswith("\x1b[?25h\x1b[?1049l")
    assert again.stop() == 0


def test_another_program_that_locks_the_journal_is_named_at_once(start, household, tmp_path):
    """A backup tool, say. Asking the one writer would wait for as long as it does."""
    config = write_config(tmp_path / "a", household, extra=SOON_BACK)
    agent = start("run", "--config", config)
    agent.wait_event("stream.connected")
    journal = sqlite3.connect(config.parent / "state/journal.sqlite3", isolation_level=None)
    with contextlib.closing(journal):
        journal.execute("BEGIN IMMEDIATE")
        with Client(base_url=household.base_url, auth_token=household.owner_token) as owner:
            chat = owner.chats.create([household.agent_id])["id"]
            owner.messages.send(chat, "hello")
        agent.wait_event("journal.locked")
        told = start("status", "--config", config)
        assert told.exit_code() == 75, told.transcript()
        journal.execute("ROLLBACK")
    assert any(
        re.fullmatch(r"  ! another program holds the journal's write lock since \d+ s: .*", line)
        for line in told.out
    )
    agent.wait_event("journal.unlocked")
    assert until(lambda: start("status", "--config", config).exit_code() == 0)
