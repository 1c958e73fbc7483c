"""What is wrong in the table, or with the machine, is said with the fix."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from mycel_runtime_plugins.acp import plugin
from mycel_runtime_plugins.acp.known_agents import is_older
from mycel_runtime_plugins.acp.requirements import missing
from mycel_runtime_plugins.acp.settings import AcpSettings


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({}, 'set agent = "claude"'),
        ({"agent": "gemni"}, 'did you mean "gemini"'),
        ({"agent": "claude", "allow": [{"kind": "fetch", "path": "."}]}, "no path bounds"),
    ],
)
def test_a_mistake_is_named_with_its_fix(table, said):
    with pytest.raises(ValidationError, match=said):
        AcpSettings.model_validate(table)


def test_a_command_like_a_known_agents_is_known():
    assert AcpSettings(command=("/opt/bin/vibe-acp",)).known.mode == "ask"
    assert AcpSettings(command=("my-agent",)).known.mode == ""


def test_a_program_that_is_not_there_is_named_with_the_command_that_installs_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    agent, sandbox = missing(AcpSettings(agent="gemini", sandbox=("bwrap",)))

    assert "'gemini'" in agent.what
    assert agent.fix == "npm install --global @google/gemini-cli"
    assert sandbox.fix == "apt install bubblewrap"


async def test_without_its_program_the_plugin_does_not_start_and_says_why(mycel, settings):
    ada = await mycel.human("Ada")
    runtime = await mycel.agent(plugin, settings={"acp": settings | {"command": ["no-such-agent"]}})

    await ada.says("hello")
    await mycel.passes(minutes=1)

    assert "no-such-agent" in " ".join(map(str, runtime.facts))


@pytest.mark.parametrize(
    ("version", "is_old"),
    [
        ("0.49.0", True),
        ("0.101.0", False),
        ("0.101.0-beta.1", False),
        ("v1.2", False),
        ("unknown", False),
        ("", False),
    ],
)
def test_an_old_version_is_known_by_its_numbers(version, is_old):
    assert is_older(version, "0.101.0") is is_old
