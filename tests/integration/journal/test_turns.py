"""The log of turns on a real file: bounded, and read beside who writes it."""

from __future__ import annotations

import sqlite3

import pytest

from mycel_runtime.errors import JournalFileError
from mycel_runtime.journal.file_name import APPLICATION_ID
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.journal.sqlite.statements import MIGRATIONS
from mycel_runtime.journal.sqlite.turn_log import SqliteTurnLog
from tests.engines.store_clock import StoreClock
from tests.integration.journal.promises.turns import end_turns
from tests.integration.journal.samples import ME


def numbers(folder):
    return [turn.turn_id for turn in SqliteTurnLog(folder / "journal.sqlite3", ME).turns()]


@pytest.mark.slow
async def test_the_newest_turns_are_kept_and_the_others_go_in_small_steps(tmp_path):
    journal = SqliteJournal(tmp_path, kept_turns=20, clock=StoreClock())
    journal.open()
    await end_turns(journal, 36)
    assert numbers(tmp_path) == list(range(13, 37))  # looked at each sixteenth time
    await journal.close()

    journal = SqliteJournal(tmp_path, kept_turns=1, clock=StoreClock())
    journal.open()
    await end_turns(journal, 12, after=36)
    assert numbers(tmp_path) == [48]
    await journal.close()


@pytest.mark.slow
async def test_many_that_are_too_many_go_in_several_commits(tmp_path):
    journal = SqliteJournal(tmp_path, clock=StoreClock())
    journal.open()
    await end_turns(journal, 79)
    await journal.close()

    journal = SqliteJournal(tmp_path, kept_turns=10, clock=StoreClock())
    journal.open()
    await end_turns(journal, 1, after=79)
    assert numbers(tmp_path) == list(range(65, 81))
    await journal.close()


async def test_no_turn_is_logged_where_none_is_to_be_kept(tmp_path):
    journal = SqliteJournal(tmp_path, kept_turns=0, clock=StoreClock())
    journal.open()
    await end_turns(journal, 3)
    assert not numbers(tmp_path)
    await journal.close()


def test_a_journal_that_has_no_log_is_named_with_the_fix(tmp_path):
    path = tmp_path / "journal.sqlite3"
    with pytest.raises(JournalFileError, match="there is no journal"):
        SqliteTurnLog(path, ME)

    connection = sqlite3.connect(path)
    for script in MIGRATIONS[:2]:
        connection.executescript(script)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(JournalFileError, match="has version 2, and turns are read from version"):
        SqliteTurnLog(path, ME)
