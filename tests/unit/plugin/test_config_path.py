"""Paths in settings begin where the configuration lies, and nobody looks whether anything is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from mycel_runtime import ConfigPath, Plugin
from mycel_runtime.errors import PluginError
from mycel_runtime.plugin.loading import checked_settings


class Inner(BaseModel):
    key_file: ConfigPath | None = None


class Settings(BaseModel):
    folder: ConfigPath = ConfigPath("data")
    files: list[ConfigPath] = []
    inner: Inner = Inner()


plugin = Plugin("mine", settings=Settings)


def checked(config, **table):
    return checked_settings(plugin, "mine", table, config)


def test_a_relative_path_begins_at_the_configurations_folder(tmp_path):
    settings = checked(tmp_path / "agent.toml", folder="notes", files=["a", "/b"], inner={"key_file": "k"})

    assert settings.folder == tmp_path / "notes"
    assert settings.files == [tmp_path / "a", Path("/b")]
    assert settings.inner.key_file == tmp_path / "k"


def test_a_configuration_is_named_relative_to_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert checked(Path("agent.toml"), folder="notes").folder == tmp_path / "notes"


def test_the_home_of_the_user_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/you")

    assert checked(tmp_path / "agent.toml", folder="~/notes").folder == Path("/home/you/notes")


def test_without_a_configuration_it_is_as_written():
    assert Settings.model_validate({"folder": "notes"}).folder == Path("notes")


@pytest.mark.parametrize("value", [5, "", "a\0b"])
def test_what_is_no_path_is_refused(tmp_path, value):
    with pytest.raises(PluginError, match="a path is a text that is not empty"):
        checked(tmp_path / "agent.toml", folder=value)
