"""What an operator changes in a journal while no daemon runs: as in a running one, under its lock."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from click.testing import CliRunner

from mycel_runtime.cli import progress
from mycel_runtime.cli.dead import dead
from mycel_runtime.cli.outbox import outbox
from mycel_runtime.cli.store import store
from mycel_runtime.cli.work import work
from mycel_runtime.daemon.admin import VERBS
from mycel_runtime.daemon.upkeep.at_rest import CHANGING, change_at_rest, list_at_rest
from mycel_runtime.daemon.upkeep.journal_admin import JournalAdmin
from mycel_runtime.errors import IdentityHeldError, JournalAwayError, NoDaemonError
from mycel_runtime.journal.engines import engine_of
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from tests.engines.store_clock import StoreClock
from tests.integration.journal.journal_file import modes
from tests.integration.journal.released.make import fill
from tests.integration.journal.samples import ME, bury, claim, claim_any

DONE = "a: written into its journal, because no daemon is at work"


async def filled(state):
    journal = SqliteJournal(state, clock=StoreClock())
    journal.open()
    await fill(journal)
    (event,) = [each for each in await claim(journal, now=5.0) if each.lane == "inbox"]
    await bury(journal, event, now=5.0)
    await journal.close()


@pytest.fixture
def config(tmp_path):
    """Of an agent with two dead letters, an unknown send and a store, which does not run."""
    state = tmp_path / "state"
    state.mkdir()
    path = tmp_path / "agent.toml"
    path.write_text(f'[agent]\nname = "a"\nbase_url = "embedded"\nstate_dir = "{state}"\n[plugins.echo]\n')
    asyncio.run(filled(state))
    return path


def run(group, *arguments, code=0):
    result = CliRunner().invoke(group, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


def listed(group, config):
    return [json.loads(line) for line in run(group, "list", "-c", config, "--json").stdout.splitlines()]


def test_dead_letters_are_retried_and_dropped(config, tmp_path):
    first, second = (letter["dead_letter_id"] for letter in listed(dead, config))
    assert DONE in run(dead, "retry", "-c", config, first).stderr
    assert DONE in run(dead, "drop", "-c", config, second).stderr

    assert listed(dead, config) == []
    assert "there is no dead letter 9" in run(dead, "drop", "-c", config, 9, code=1).stderr
    assert set(modes(tmp_path / "state")) == {"journal.lock", "journal.sqlite3"}

    async def due():
        journal = SqliteJournal(tmp_path / "state")
        journal.open()
        await journal.recover(ME)
        lanes = {each.lane for each in await claim_any(journal)}
        await journal.close()
        return lanes

    assert "chat:d" in asyncio.run(due())


def test_an_unknown_send_is_settled_and_a_store_cleared(config):
    (send,) = listed(outbox, config)
    assert DONE in run(outbox, "settle", "-c", config, send["send"], "--sent").stderr
    assert listed(outbox, config) == []
    assert run(store, "clear", "-c", config, "p", "--yes").stdout == "1 item cleared\n"
    assert listed(store, config) == []


async def _dead_letters(state):
    journal = SqliteJournal(state)
    journal.open()
    letters, suspects = await journal.dead_letters(ME), await journal.recover(ME)
    await journal.close()
    return letters, suspects


def test_what_waits_for_its_time_is_hastened_and_what_is_due_is_skipped(config, tmp_path):
    run(dead, "retry", "-c", config, 1)
    number = max(row["delivery_id"] for row in listed(work, config) if row["lane"] == "chat:d")
    asyncio.run(_postpone(tmp_path / "state", number))
    (row,) = [row for row in listed(work, config) if row["delivery_id"] == number]
    assert (row["waits_for"], row["due_at"] > row["read_at"]) == ("time", True)

    assert DONE in run(work, "retry", "-c", config, number).stderr
    assert [row["waits_for"] for row in listed(work, config) if row["delivery_id"] == number] == ["turn"]

    told = run(work, "skip", "-c", config, number)
    letter = max(letter["dead_letter_id"] for letter in listed(dead, config))
    assert told.stdout == (
        f"p.messages  chat:d  messages skipped, dead letter {letter}; see: mycel-runtime dead show {letter}\n"
    )
    assert DONE in told.stderr
    for verb in ("retry", "skip"):
        assert f"nothing of number {number}" in run(work, verb, "-c", config, number, code=1).stderr
    older = CliRunner().invoke(work, ["skip", "-c", str(config), "--older-than", "1h"])
    assert isinstance(older.exception, NoDaemonError), "the chats cannot be read"


async def _postpone(state, number):
    journal = SqliteJournal(state)
    journal.open()
    (delivery,) = [each for each in await claim_any(journal) if each.delivery_id == number]
    assert await journal.postpone(delivery, after=1e9, spend=True)
    await journal.close()


def test_what_killed_its_process_is_skipped_before_the_next_start(config, tmp_path):
    """It ran when the process died, and nobody has recovered it since: it is due, suspect, and no more at work."""
    killed = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "state"], timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    (row,) = [row for row in listed(work, config) if row["lane"] == "chat:fatal"]
    assert (row["state"], row["waits_for"]) == ("due", "turn")

    run(work, "skip", "-c", config, row["delivery_id"])
    letters, suspects = asyncio.run(_dead_letters(tmp_path / "state"))
    assert letters[-1].lane == "chat:fatal"
    assert {suspect.lane for suspect in suspects} == {"chat:e", "chat:f"}, "what ran beside it"


KILLED = """
import asyncio, os, pathlib, signal, sys
from mycel_runtime.journal.engines import engine_of
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from tests.integration.journal.samples import ME, claim, want

async def main(state):
    journal = SqliteJournal(state)
    journal.open()
    await journal.recover(ME)
    await want(journal, 1, chat="fatal")
    assert any(each.lane == "chat:fatal" for each in await claim(journal))
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main(pathlib.Path(sys.argv[1])))
"""


@pytest.mark.parametrize("command", [(dead, "retry", 1), (store, "clear", "p", "--yes"), (work, "skip", 1)])
def test_while_a_process_has_the_lock_nothing_is_changed(config, tmp_path, command):
    """A daemon that waits for its backend answers on its socket that it has not begun; here it does not even that."""
    journal = SqliteJournal(tmp_path / "state")
    journal.open()
    group, verb, *arguments = command
    refused = CliRunner().invoke(group, [verb, "-c", str(config), *map(str, arguments)])
    with pytest.raises(IdentityHeldError, match=f"pid {os.getpid()}"):
        change_at_rest(engine_of(tmp_path / "state"), "retry", dead_letter_id=1)
    asyncio.run(journal.close())

    assert isinstance(refused.exception, NoDaemonError)
    assert len(listed(dead, config)) == 2


def test_a_journal_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(NoDaemonError, match="has never heard anything"):
        change_at_rest(engine_of(tmp_path), "drop", dead_letter_id=1)
    assert list(tmp_path.iterdir()) == []


def test_each_verb_of_a_journal_is_one_of_a_daemon_and_lists_or_changes_at_rest(config, tmp_path):
    verbs = {name for name in vars(JournalAdmin) if not name.startswith("_")}
    assert verbs <= VERBS
    for verb in verbs - CHANGING:
        assert isinstance(list_at_rest(engine_of(tmp_path / "state"), verb), list)


@contextlib.contextmanager
def silent_server(seconds):
    """At a port of loopback: who connects hears nothing for so long, and then that it is over."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up():
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                time.sleep(seconds)

        thread = threading.Thread(target=hang_up)
        thread.start()
        yield server.getsockname()[1]
        thread.join(60)


def test_who_waits_for_a_database_is_told_which_and_until_when(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "_SOON_SECONDS", 0.05)
    config = tmp_path / "agent.toml"
    with silent_server(1.0) as port:
        config.write_text(
            f'[agent]\nname = "a"\nbase_url = "embedded"\nstate_dir = "{tmp_path}/state"\n[plugins.echo]\n'
            f'[engine]\nurl = "postgresql://agents@127.0.0.1:{port}/agents?sslmode=disable&gssencmode=disable"\n'
        )
        result = CliRunner().invoke(dead, ["list", "-c", str(config)])
    assert isinstance(result.exception, JournalAwayError)
    assert re.fullmatch(
        r"a: PostgreSQL 127\.0\.0\.1/agents does not answer; waiting until \d\d:\d\d:\d\d\n", result.output
    )
