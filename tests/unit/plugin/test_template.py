"""A new plugin: whole or not at all, under a name that works."""

from __future__ import annotations

import os
import tomllib

import pytest

from mycel_runtime.errors import ArgumentError
from mycel_runtime.plugin import template
from mycel_runtime.plugin.template import module_of, template_folder, write_distribution

WRITTEN = {
    "README.md",
    "agent.toml",
    "pyproject.toml",
    "tests/test_handlers.py",
    "weather_bot/__init__.py",
    "weather_bot/handlers.py",
    "weather_bot/py.typed",
}


def files(folder):
    return {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}


def test_it_is_the_template_under_another_name(tmp_path):
    write_distribution("Weather-bot", tmp_path / "new")

    written = files(tmp_path / "new")
    assert written.keys() == WRITTEN
    for path in written.values():
        assert not {"my-plugin", "my_plugin", "MyPlugin"} & set(path.read_text().replace('"', " ").split())
    project = tomllib.loads(written["pyproject.toml"].read_text())["project"]
    assert project["name"] == "Weather-bot"
    assert project["entry-points"]["mycel_runtime.plugins"] == {"Weather-bot": "weather_bot:plugin"}
    assert (
        'Plugin("Weather-bot", settings=WeatherBotSettings)' in written["weather_bot/handlers.py"].read_text()
    )


def test_the_template_is_a_distribution_that_works_by_itself():
    """So that checks of this checkout are checks of what is written."""
    assert {name.replace("weather_bot", "my_plugin") for name in WRITTEN} <= files(template_folder()).keys()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "is no name"),
        ("2x", "is no name"),
        ("a b", "is no name"),
        ("a/b", "is no name"),
        ("..", "is no name"),
        ("x-", "is no name"),
        ("x--y", "is no name"),
        ("ü", "is no name"),
        ("x" * 31, "is no name"),
        ("json", "Python's own"),
        ("Class", "Python's own"),
        ("tests", "Python's own"),
        ("click", "installed already"),
        ("mycel-runtime", "installed already"),
    ],
)
def test_name_that_would_not_work_is_refused_with_the_reason(tmp_path, name, why):
    with pytest.raises(ArgumentError, match=why) as refused:
        write_distribution(name, tmp_path / "new")
    assert refused.value.exit_code == 64
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["x", "x" * 30, "weather_bot", "Weather-Bot-2"])
def test_names_that_work(name):
    assert module_of(name).isidentifier()


def test_what_is_there_is_left_alone(tmp_path):
    for make in (
        lambda path: path.mkdir(),
        lambda path: path.touch(),
        lambda path: path.symlink_to("nowhere"),
    ):
        place = tmp_path / make.__code__.co_names[0]
        make(place)
        with pytest.raises(ArgumentError, match="is there already"):
            write_distribution("weather", place)
        assert place.is_symlink() or place.exists()


def test_nothing_half_made_is_left_behind(tmp_path, monkeypatch):
    """A full disk, for example."""

    def fail(words, folder):
        (folder / "README.md").write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(template, "_write", fail)
    with pytest.raises(ArgumentError, match="No space left"):
        write_distribution("weather", tmp_path / "new")
    assert not list(tmp_path.iterdir())


def test_place_that_does_not_exist_is_told(tmp_path):
    with pytest.raises(ArgumentError, match="--folder"):
        write_distribution("weather", tmp_path / "nowhere" / "new")


def test_others_may_read_it_as_the_umask_says(tmp_path):
    umask = os.umask(0o027)
    try:
        write_distribution("weather", tmp_path / "new")
    finally:
        os.umask(umask)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o750
