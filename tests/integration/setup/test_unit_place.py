"""`init` where packaged units have their files: everything is put there, and the start is left to the unit."""

from __future__ import annotations

import os
import stat
import tomllib

import pytest

from mycel_runtime.daemon import state_dir
from mycel_runtime.setup.initialization import initialize
from mycel_runtime.setup.questions import Wishes
from mycel_runtime.setup.unit_place import is_left_to_unit
from mycel_runtime.units import places
from mycel_runtime.units.made import made_unit
from tests.integration.setup.conftest import AbsentAuthor


class Agreeable(AbsentAuthor):
    """A script's author, who takes every default."""

    def ask(self, question):
        if question.key in self.answers:
            return self.answers[question.key].pop(0)
        return super().ask(question) if question.default is None else question.default


@pytest.fixture
def etc(homes, monkeypatch):
    """Stands for /etc/mycel-runtime, which is not there yet; whoever makes it has a strict umask."""
    monkeypatch.setattr(places, "UNIT_CONFIG", homes / "etc" / "mycel-runtime")
    monkeypatch.setattr(state_dir, "UNIT_STATE", homes / "var" / "mycel-runtime")
    before = os.umask(0o077)
    yield homes / "etc" / "mycel-runtime"
    os.umask(before)


def mode(path):
    return oct(stat.S_IMODE(path.stat().st_mode))


def initialised(backend, config):
    return initialize(
        config, Wishes(backend=backend.base_url, way="guest", plugin="echo"), Agreeable()
    ).settings


def test_an_agent_is_made_for_its_unit_and_not_started(backend, etc, homes):
    config = etc / "codex-a.toml"
    settings = initialised(backend, config)

    assert settings.agent.name == "codex-a"
    assert [mode(path) for path in (etc, config, etc / "codex-a.token")] == ["0o755", "0o644", "0o600"]
    assert is_left_to_unit(config, settings)
    assert not (homes / "state").exists()
    unit = made_unit(config, is_for_user=False).text
    assert f"LoadCredential=agent.token:{etc}/codex-a.token" in unit
    assert "StateDirectory=mycel-runtime/codex-a" in unit
    assert "DynamicUser=yes" in unit


def test_agents_of_a_folder_have_their_tokens_where_its_unit_looks(backend, etc):
    for name in ("ada", "bob"):
        settings = initialised(backend, etc / "agents" / f"{name}.toml")
        assert settings.agent.token_file == etc / "tokens" / name

    tokens = etc / "tokens"
    assert [mode(path) for path in (etc / "agents", tokens, tokens / "ada")] == ["0o755", "0o700", "0o600"]
    unit = made_unit(etc / "agents", is_for_user=False)
    assert unit.name == "agents"
    assert [line for line in unit.text.splitlines() if "Credential=" in line] == [
        f"LoadCredential=token:{tokens}"
    ]


@pytest.mark.parametrize(
    ("plugin", "table", "key", "name"),
    [
        ("webhook", {"url": "http://127.0.0.1:9/"}, "secret_credential", "codex-a.webhook.key"),
        (
            "llm",
            {"model": "m", "base_url": "http://127.0.0.1:9/", "api_key_env": ""},
            "api_key_credential",
            "codex-a.llm.key",
        ),
    ],
)
def test_a_plugins_secret_is_a_credential_that_the_unit_hands_over(etc, plugin, table, key, name):
    config = etc / "codex-a.toml"
    person = Agreeable(answers={"plugin.api_key_file": ["typed"]})
    wishes = Wishes(backend="embedded", plugin=plugin, table=table)
    settings = initialize(config, wishes, person).settings

    assert settings.plugins[plugin][key] == name
    assert not [each for each in settings.plugins[plugin] if each.endswith("_file")]
    assert mode(etc / name) == "0o600"
    assert f"LoadCredential={name}:{etc / name}" in made_unit(config, is_for_user=False).text
    assert initialize(config, wishes, person).hears_messages


def test_what_fails_leaves_no_folder(etc, homes):
    with pytest.raises(Exception, match="no installed plugin"):
        initialize(etc / "codex-a.toml", Wishes(backend="embedded", plugin="ekko"), AbsentAuthor())

    assert list(homes.iterdir()) == []


def test_elsewhere_the_name_and_the_start_are_as_ever(backend, etc, homes):
    config = homes / "agent.toml"
    settings = initialised(backend, config)

    assert settings.agent.name == "echo"
    assert not is_left_to_unit(config, settings)
    assert tomllib.loads(config.read_text())["agent"]["token_file"] == "echo.token"
