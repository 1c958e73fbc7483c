"""What the page shows is what the plugin accepts, and what it says of agents is what the plugin does."""

from __future__ import annotations

import re

import pytest

from mycel_runtime.plugin.registry import load_plugins
from mycel_runtime.settings import load_settings
from mycel_runtime_plugins.acp.known_agents import KNOWN_AGENTS
from mycel_runtime_plugins.acp.outcome import ALLOWED, ASKED, CUT, GIVEN_UP, STOPPED_BY_PERSON, TOLD, WANTS
from tests.guide import ROOT, blocks

PAGE = ROOT / "plugins/mycel_runtime_plugins/acp/README.md"


COMPLETE = [block for block in blocks(PAGE) if block.file != "local.toml"]
"""The others replace lines of another file: `tests/acceptance/test_five_lines.py` does so."""


@pytest.mark.parametrize("block", COMPLETE, ids=str)
def test_every_block_is_a_configuration_that_is_accepted(block, tmp_path):
    assert block.language == "toml"
    file = tmp_path / block.file
    file.write_text(block.text)

    [loaded] = load_plugins(load_settings(file).plugins, file)

    assert loaded.settings.program == ("claude-agent-acp",)


def test_five_lines_are_five():
    assert len(COMPLETE[0].text.splitlines()) == 5


def test_every_known_agent_has_its_row_and_mode():
    rows = dict(re.findall(r"^\| `([\w-]+)` \| (.+?) \| .+ \|$", PAGE.read_text(), re.MULTILINE))

    assert list(rows) == list(KNOWN_AGENTS)
    for name, known in KNOWN_AGENTS.items():
        assert f"`{known.mode}`" in rows[name] if known.mode else "none" in rows[name]


def test_everything_that_we_say_to_people_is_on_it():
    page = PAGE.read_text()
    for text in (*TOLD.values(), ALLOWED, ASKED, WANTS, STOPPED_BY_PERSON, CUT.strip(), GIVEN_UP):
        assert text.partition(". ")[0] in page
