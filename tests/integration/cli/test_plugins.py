"""`mycel-runtime plugins`: what is listed, and how."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from mycel_runtime.cli.plugins import plugins

FILES = {
    "good.py": """
from mycel_runtime import Plugin
plugin = Plugin("good")

@plugin.on_message(chat="group", mention=True, pattern="^!", quiet=2)
async def answer(ctx): ...

@plugin.on_frame("relationship.*")
async def rung(ctx): ...

@plugin.on_join_request
async def asked(ctx): ...

@plugin.on_notification
async def noticed(ctx): ...

@plugin.on_timer("tea")
async def drink(ctx): ...

@plugin.cron("0 9 * * mon-fri", timezone="UTC")
async def morning(ctx): ...
""",
    "bad.py": "import os\nos._exit(3)\n",
}

CONFIG = """
[agent]
name = "a"
base_url = "embedded"
state_dir = "state"

[plugins.echo]

[plugins.good]
path = "good.py"
isolation = "process"

[plugins.bad]
path = "bad.py"

[plugins.worse]
path = "good.py"
isolation = "jail"
"""


@pytest.fixture
def listed(tmp_path):
    """The command's output, with arguments; the configuration's name is `agent.toml`."""
    for name, text in (FILES | {"agent.toml": CONFIG}).items():
        (tmp_path / name).write_text(text)

    def run(*arguments):
        done = CliRunner().invoke(plugins, ["list", *arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    return run


@pytest.mark.slow
def test_plugins_of_an_agent_are_listed_with_what_they_hear(listed, tmp_path):
    """One that ends its process at import costs its own line only."""
    config = tmp_path / "agent.toml"
    rows = [json.loads(line) for line in listed("--config", str(config), "--json").splitlines()]
    assert [(row["name"], row["state"]) for row in rows] == [
        ("echo", "ready"),
        ("good", "isolated"),
        ("bad", "refused"),
        ("worse", "refused"),
    ]
    assert rows[0]["origin"] == "mycel-runtime (mycel_runtime.plugins: echo)"
    assert rows[0]["version"]
    assert rows[1]["origin"] == str(tmp_path / "good.py")
    assert rows[1]["handlers"] == [
        "answer: messages chat=group mention pattern='^!' quiet=2",
        "rung: frames relationship.*",
        "asked: requests to join",
        "noticed: notifications",
        "drink: timer tea",
        "morning: cron 0 9 * * mon-fri UTC",
    ]
    assert "exit status 3" in rows[2]["problem"]
    assert "isolation = 'jail' is unknown" in rows[3]["problem"]


@pytest.mark.slow
def test_without_an_agent_it_lists_what_is_installed(listed):
    lines = listed().splitlines()
    assert any(line.startswith("echo  ") and line.endswith("ready") for line in lines)
    assert "    echo: messages" in lines
