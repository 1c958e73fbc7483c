"""What `mycel-runtime store` prints, and what clearing does to a running agent."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from mycel_runtime.cli.store import _line, store
from mycel_runtime.journal.changes import Changes, ItemChange
from mycel_runtime.journal.cursor import STAY
from mycel_runtime.journal.ids import HandlerId, Lane
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.journal.work import ChatWork


@pytest.fixture
async def config(tmp_path):
    """Of an agent that has remembered something and does not run."""
    state = tmp_path / "state"
    state.mkdir()
    path = tmp_path / "agent.toml"
    path.write_text(f'[agent]\nname = "a"\nbase_url = "embedded"\nstate_dir = "{state}"\n[plugins.echo]\n')
    journal = SqliteJournal(state)
    journal.open()
    work = ChatWork(handler=HandlerId("p.h"), lane=Lane("chat:c"), chat_id="c", wanted_seq=1)
    await journal.hint("me", (work,))
    (delivery,) = await journal.claim("me", limit=1)
    items = (
        ItemChange(chat_id=None, key="a", value='{"b": "\\u00e4"}', made_from=None),
        ItemChange(chat_id="c", key="n", value="1", made_from=None),
    )
    await journal.finish(delivery, STAY, changes=Changes(items=items))
    await journal._writer.submit(
        lambda connection: connection.execute("INSERT INTO checkpoint VALUES ('me', 's', 1, 1)")
    )
    await journal.close()
    return path


def run(*arguments):
    result = CliRunner().invoke(store, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_the_list_says_how_much_and_never_what(config):
    assert run("list", "-c", config) == [
        "p  of its own  1 item  16 characters",
        "p  chat c  1 item  2 characters",
    ]
    assert [json.loads(line)["chat_id"] for line in run("list", "-c", config, "--json")] == ["", "c"]


def test_the_export_is_a_line_of_json_for_each_item(config):
    assert [json.loads(line) for line in run("export", "-c", config)] == [
        {"plugin": "p", "chat_id": "", "key": "a", "value": {"b": "ä"}},
        {"plugin": "p", "chat_id": "c", "key": "n", "value": 1},
    ]
    assert run("export", "-c", config, "--plugin", "q") == []


def test_what_a_plugin_is_called_steers_no_terminal():
    row = {"plugin": "p", "chat_id": "\x1b[2J", "items": 1, "size": 2}

    assert _line(row) == r"p  chat \x1b[2J  1 item  2 characters"
