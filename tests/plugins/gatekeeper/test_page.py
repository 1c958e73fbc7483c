"""What the page shows is what the runtime accepts, and means what it says."""

from __future__ import annotations

import pytest

from mycel_runtime.plugin.registry import load_plugins
from mycel_runtime.settings import load_settings
from mycel_runtime_plugins.gatekeeper.rules import Asker, way_of
from tests.guide import ROOT, blocks

PAGE = blocks(ROOT / "plugins/mycel_runtime_plugins/gatekeeper/README.md")


def settings_of(file, folder):
    (block,) = [block for block in PAGE if block.file == file]
    (folder / file).write_text(block.text)
    (loaded,) = load_plugins(load_settings(folder / file).plugins, folder / file)
    return loaded.settings


def test_every_block_is_looked_at_here():
    assert [block.file for block in PAGE] == ["agent.toml", "rules.toml"]


def test_the_first_example_asks(tmp_path):
    assert way_of(Asker(user_id="bob", name="Bob", message=""), settings_of("agent.toml", tmp_path)) == "ask"


@pytest.mark.parametrize(
    ("user", "message", "chat", "expected"),
    [
        ("mallory", "please", "chat-of-the-round-table", "deny"),
        ("bob", "Please!", "chat-of-the-round-table", "allow"),
        ("bob", "pleased", "chat-of-the-round-table", "leave"),
        ("bob", "please", "another", "leave"),
        ("bob", "please", None, "ask"),
    ],
)
def test_the_second_example_decides_by_rules(tmp_path, user, message, chat, expected):
    asker = Asker(user_id=user, name="", message=message, chat_id=chat)
    assert way_of(asker, settings_of("rules.toml", tmp_path)) == expected
