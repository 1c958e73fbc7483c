"""Backups into a folder: of one agent or of all of a folder, named by time, the oldest removed."""

from __future__ import annotations

import asyncio
import os
import stat
import time

import pytest
from click.testing import CliRunner

from mycel_runtime.cli.backup import backup
from mycel_runtime.cli.dead import dead
from mycel_runtime.cli.restore import restore
from mycel_runtime.daemon.upkeep.backup_folder import BackupFolder, surplus_of
from mycel_runtime.errors import BackupError
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from tests.integration.cli.test_at_rest import filled


@pytest.fixture
def agents(tmp_path):
    """A folder of two agents, whose journals are at rest."""
    made = tmp_path / "agents"
    made.mkdir()
    for name in ("one", "two"):
        state = tmp_path / name
        state.mkdir()
        (made / f"{name}.toml").write_text(
            f'[agent]\nname = "{name}"\nbase_url = "embedded"\nstate_dir = "{state}"\n[plugins.echo]\n'
        )
        asyncio.run(filled(state))
    return made


def run(command, *arguments, code=0):
    result = CliRunner().invoke(command, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


def backups(folder):
    return sorted(path.name for path in folder.iterdir() if path.suffix == ".backup")


def at(monkeypatch, seconds):
    monkeypatch.setattr(time, "time", lambda: seconds)


def test_the_newest_backups_of_an_agent_stay_and_nothing_else_is_touched(agents, tmp_path, monkeypatch):
    into = tmp_path / "made" / "backups"
    for day in range(5):
        at(monkeypatch, day * 86_400.0)
        told = run(backup, "-c", agents / "one.toml", "--into", into, "--keep", 3).stdout.splitlines()
        if day == 1:
            for name in ("mine.txt", "two-19700101T000000Z.backup", "one-19700101T000000Z.backup.old"):
                (into / name).touch()
    assert told[0].endswith(f"checked: {into}/one-19700105T000000Z.backup")
    assert told[1:] == ["one: 1 older backup removed"]
    kept = [f"one-1970010{day}T000000Z.backup" for day in (3, 4, 5)]
    assert sorted(path.name for path in into.iterdir()) == sorted(
        [
            *kept,
            *(f"{name}.manifest.json" for name in kept),
            "mine.txt",
            "one-19700101T000000Z.backup.old",
            "two-19700101T000000Z.backup",
        ]
    )
    assert stat.S_IMODE(into.stat().st_mode) == 0o700
    assert {stat.S_IMODE((into / name).stat().st_mode) for name in kept} == {0o600}


def test_each_agent_of_a_folder_is_backed_up_beside_one_that_cannot_be(agents, tmp_path):
    """One that runs as well; and what was made can be put back."""
    (agents / "bad.toml").write_text("[agent]\nname = 3\n")
    (agents / "new.toml").write_text(
        f'[agent]\nname = "new"\nbase_url = "embedded"\nstate_dir = "{tmp_path}/new"\n[plugins.echo]\n'
    )
    into = tmp_path / "backups"
    running = SqliteJournal(tmp_path / "two")
    running.open()
    result = run(backup, "-c", agents, "--into", into, "--keep", 1, code=78)
    asyncio.run(running.close())

    assert [line.split(": ")[0] for line in result.stdout.splitlines()] == ["one", "two"]
    assert "bad: " in result.stderr
    assert "there is no journal" in result.stderr
    (one, two) = backups(into)
    assert (one[:4], two[:4]) == ("one-", "two-")

    run(dead, "drop", "-c", agents / "one.toml", 1)
    before = run(dead, "list", "-c", agents / "one.toml").stdout.splitlines()
    run(restore, "-c", agents / "one.toml", into / one)
    after = run(dead, "list", "-c", agents / "one.toml").stdout.splitlines()
    assert [line.split("  ")[0] for line in before] == ["2"]
    assert {line.split("  ")[0] for line in after} >= {"1", "2"}


def test_no_old_backup_goes_unless_the_new_one_is_there(agents, tmp_path, monkeypatch):
    into = tmp_path / "backups"
    at(monkeypatch, 0.0)
    run(backup, "-c", agents / "one.toml", "--into", into)
    (tmp_path / "one" / "journal.sqlite3").unlink()
    at(monkeypatch, 1.0)
    failed = CliRunner().invoke(backup, ["-c", str(agents / "one.toml"), "--into", str(into), "--keep", "1"])
    assert isinstance(failed.exception, BackupError)
    assert backups(into) == ["one-19700101T000000Z.backup"]


def test_names_of_other_agents_are_not_taken_for_its_own():
    stamp = "20260101T000000Z"
    names = [
        f"a-{stamp}.backup",
        f"a-b-{stamp}.backup",
        f"b-{stamp}.backup",
        f"a-{stamp}.backup.manifest.json",
    ]
    assert surplus_of([*names, "a-20270101T000000Z.backup"], "a", 1) == [f"a-{stamp}.backup"]
    assert surplus_of(names, "a.b", 1) == []
    assert surplus_of(names, "a", 5) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "give a FILE, or a folder with --into"),
        (("f", "--into", "d"), "give a FILE, or a folder with --into"),
        (("f", "--keep", "3"), "--keep goes with --into"),
        (("--into", "d", "--keep", "0"), "0 is not in the range"),
    ],
)
def test_a_wrong_command_line_says_what_is_right(agents, arguments, told):
    assert told in run(backup, "-c", agents / "one.toml", *arguments, code=2).output


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BackupError, match=f"the folder cannot be made: {os.strerror(20)}"):
        BackupFolder(path=tmp_path / "file" / "in", agent="a").make()
