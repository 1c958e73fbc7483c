"""`mycel-runtime plugins`: what is listed, and how."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from mycel_runtime.cli.plugins import plugins
from mycel_runtime.journal.changes import Changes, NewTimer
from mycel_runtime.journal.sqlite.journal import SqliteJournal

AT = datetime(2200, 1, 1, 9, tzinfo=UTC).timestamp()
CRON = "cron 0 9 * * mon-fri UTC"

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
        ("good", "ready"),
        ("bad", "refused"),
        ("worse", "refused"),
    ]
    assert rows[0]["origin"] == "mycel-runtime (mycel_runtime.plugins: echo)"
    assert rows[0]["version"]
    assert [row["is_isolated"] for row in rows] == [False, True, False, False]
    assert rows[1]["origin"] == str(tmp_path / "good.py")
    assert rows[1]["handlers"] == [
        "answer: messages chat=group mention pattern='^!' quiet=2",
        "rung: frames relationship.*",
        "asked: requests to join",
        "noticed: notifications",
        "drink: timer tea",
        "morning: cron 0 9 * * mon-fri UTC",
    ]
    assert [(each["handler"], each["is_planned"]) for each in rows[1]["next_firings"]] == [("morning", False)]
    assert "exit status 3" in rows[2]["problem"]
    assert "isolation = 'jail' is unknown" in rows[3]["problem"]


@pytest.mark.slow
async def test_what_the_journal_has_planned_is_listed_without_what_it_is_about(listed, tmp_path):
    timers = (
        NewTimer(name="@morning", key="", due_at=AT, data=json.dumps([CRON, None]), is_relative=False),
        NewTimer(name="tea", key="Ada", due_at=AT, data='"green"', is_relative=False),
    )
    (tmp_path / "state").mkdir()
    journal = SqliteJournal(tmp_path / "state")
    journal.open()
    await journal.plan("me", "good", Changes(timers=timers))
    await journal._writer.submit(
        lambda connection: connection.execute("INSERT INTO checkpoint VALUES ('me', 's', 1, 1)")
    )
    await journal.close()
    config = (tmp_path / "agent.toml").read_text()
    (tmp_path / "agent.toml").write_text(config.partition("[plugins.bad]")[0])

    lines = listed("--config", str(tmp_path / "agent.toml")).splitlines()

    assert lines[-2:] == [
        "    drink: timer tea; next 2200-01-01 09:00:00+00:00",
        f"    morning: {CRON}; next 2200-01-01 09:00:00+00:00",
    ]


@pytest.mark.slow
def test_a_journal_that_cannot_be_read_keeps_nothing_else_from_being_listed(listed, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "journal.sqlite3").write_bytes(b"a shopping list, and nothing else" * 100)

    printed = listed("--config", str(tmp_path / "agent.toml"))

    assert "journal.sqlite3" in printed
    assert "    morning: cron" in printed


@pytest.mark.slow
def test_without_an_agent_it_lists_what_is_installed(listed):
    lines = listed().splitlines()
    assert any(line.startswith("echo  ") and line.endswith("ready") for line in lines)
    assert "    echo: messages" in lines
