"""A daemon's state is found by whoever asks it, and another user's is left alone."""

from __future__ import annotations

import os

import pytest

from mycel_runtime.daemon import state_dir
from mycel_runtime.daemon.state_dir import find_state_dir, make_state_dir
from mycel_runtime.errors import StateDirectoryError
from mycel_runtime.settings import load_settings

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's files")


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Of an agent whose state is wherever it is put by default."""
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(state_dir, "UNIT_STATE", tmp_path / "var")
    path = tmp_path / "instance.toml"
    path.write_text('[agent]\nname = "codex"\nbase_url = "http://127.0.0.1:1"\n[plugins.echo]\n')
    return path


def there(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def found(config):
    return find_state_dir(load_settings(config), config)


@pytest.mark.parametrize("name", ["instance", "codex"])
def test_a_daemon_of_the_unit_is_found_by_the_names_of_file_and_agent(config, tmp_path, name):
    there(tmp_path / "home" / "mycel-runtime" / "codex", "journal.sqlite3")
    unit = there(tmp_path / "var" / name, "journal.sqlite3", "control.sock")

    assert found(config) == unit


def test_a_daemon_of_the_unit_of_a_folder_is_found_by_the_folder_and_the_agent(config, tmp_path):
    agents = tmp_path / "crew"
    agents.mkdir()
    config = config.rename(agents / config.name)
    unit = there(tmp_path / "var-crew" / "var" / "codex", "control.sock")

    assert found(config) == unit
    assert found(config.rename(tmp_path / "b.toml")) != unit


def test_without_a_daemon_a_journal_is_found(config, tmp_path):
    assert found(config) == tmp_path / "home" / "mycel-runtime" / "codex"

    unit = there(tmp_path / "var" / "instance", "journal.sqlite3")

    assert found(config) == unit


def test_what_a_move_into_a_database_has_left_is_the_last_sign_of_an_agent(config, tmp_path):
    left = there(tmp_path / "home" / "mycel-runtime" / "codex", "journal.sqlite3")
    config.write_text(config.read_text() + '[engine]\nurl = "postgresql://agents@db.example/agents"\n')
    assert found(config) == left

    unit = there(tmp_path / "var" / "instance", "journal.identity")
    assert found(config) == unit


def test_a_folder_that_is_set_is_the_one(config, tmp_path):
    there(tmp_path / "var" / "instance", "control.sock")
    config.write_text(config.read_text().replace("[plugins", 'state_dir = "s"\n[plugins'))

    assert found(config) == tmp_path / "s"


@only_root
def test_another_users_files_are_refused_by_name(tmp_path):
    foreign = there(tmp_path / "s", "journal.sqlite3") / "journal.sqlite3"
    os.chown(foreign, 65534, 65534)

    with pytest.raises(StateDirectoryError, match="belongs to user nobody, and this is user root"):
        make_state_dir(tmp_path / "s")


@only_root
def test_what_a_plugin_keeps_there_is_its_own_affair(tmp_path):
    foreign = there(tmp_path / "s", "cache") / "cache"
    os.chown(foreign, 65534, 65534)

    make_state_dir(tmp_path / "s")

    assert foreign.stat().st_uid == 65534


def test_a_new_folder_is_its_owners_only(tmp_path):
    make_state_dir(tmp_path / "a" / "s")

    assert (tmp_path / "a" / "s").stat().st_mode & 0o777 == 0o700
