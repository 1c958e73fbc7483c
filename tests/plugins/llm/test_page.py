"""What the page shows is what the runtime accepts, and answers."""

from __future__ import annotations

import pytest

from mycel_runtime.plugin.registry import load_plugins
from mycel_runtime.settings import load_settings
from mycel_runtime_plugins.llm import plugin
from tests.guide import ROOT, blocks

PAGE = blocks(ROOT / "plugins/mycel_runtime_plugins/llm/README.md")


@pytest.fixture
def folder(tmp_path):
    """With the files of the page, and the one that it describes."""
    for block in PAGE:
        (tmp_path / block.file).write_text(block.text)
    (tmp_path / "llm.key").touch(mode=0o600)
    (tmp_path / "llm.key").write_text("sk-secret\n")
    return tmp_path


def settings_of(config):
    (loaded,) = load_plugins(load_settings(config).plugins, config)
    return loaded.settings


def test_every_block_is_looked_at_here():
    assert [block.file for block in PAGE] == ["agent.toml", "own.toml", "tools.py"]


def test_the_first_example_asks_the_vendor(folder):
    settings = settings_of(folder / "agent.toml")

    assert (settings.url, settings.api_key_file) == ("https://api.openai.com/v1", folder / "llm.key")


@pytest.mark.slow
@pytest.mark.parametrize("api", ["openai"])
async def test_the_second_example_answers_by_its_tool(folder, mycel, endpoint):
    settings = settings_of(folder / "own.toml").model_dump(mode="python") | {"base_url": endpoint.url}
    ada = await mycel.human("Ada")
    await mycel.agent(plugin, settings={"llm": settings})
    endpoint.will(
        endpoint.says(stop="tools", calls=[("temperature", '{"city": "Rome"}')]),
        endpoint.says("21.5 degrees"),
    )

    await ada.says("How warm is it in Rome?")

    await ada.hears("21.5 degrees")
    assert endpoint.asked[-1].body["messages"][-1] == {
        "role": "tool",
        "tool_call_id": "t0",
        "content": "21.5",
    }
    assert endpoint.asked[0].body["temperature"] == 0.2
