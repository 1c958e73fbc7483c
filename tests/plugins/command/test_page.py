"""What the page shows works as it stands there."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from mycel_runtime.plugin.registry import load_plugins
from mycel_runtime.settings import load_settings
from mycel_runtime_plugins.command import plugin
from tests.guide import ROOT, blocks

if TYPE_CHECKING:
    from mycel_runtime.testing import Mycel

PAGE = ROOT / "plugins/mycel_runtime_plugins/command/README.md"

BLOCKS = {block.file: block.text for block in blocks(PAGE)}


def settings_of(file, folder):
    (folder / file).write_text(BLOCKS[file])
    (loaded,) = load_plugins(load_settings(folder / file).plugins, folder / file)
    return loaded.settings


def test_every_block_is_looked_at_here():
    assert list(BLOCKS) == ["agent.toml", "count.py", "coder.toml"]


@pytest.mark.slow
async def test_the_first_example_counts_words(mycel: Mycel, tmp_path):
    settings = settings_of("agent.toml", tmp_path)
    (tmp_path / "count.py").write_text(BLOCKS["count.py"])
    assert settings.command == ["python3", "count.py"]
    assert settings.folder == tmp_path
    ada = await mycel.human("Ada")
    table = {"command": [sys.executable, "count.py"], "folder": str(tmp_path)}
    await mycel.agent(plugin, settings={"command": table})

    await ada.says("one two three")
    await ada.hears("Ada, that were 3 words.")


def test_the_second_example_is_a_recipe(tmp_path):
    settings = settings_of("coder.toml", tmp_path)

    assert settings.recipe == "claude"
    assert settings.has_folder_per_chat
