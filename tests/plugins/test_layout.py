"""What every bundled plugin has: a table in `config/plugins`, a row in the guide, and a page that a test follows."""

from __future__ import annotations

import importlib
import re
from typing import Final

import pytest
from pydantic import BaseModel, Field

from tests.guide import blocks
from tests.plugins.layout import ROOT, entry_points, mistakes

GUIDE: Final = ROOT / "plugins/README.md"
PACKAGE: Final = ROOT / "plugins/mycel_runtime_plugins"

NAMES: Final = sorted(entry_points())


@pytest.mark.parametrize("name", NAMES)
def test_every_key_stands_with_its_true_default_and_a_reason_in_its_table(name):
    module, _, attribute = entry_points()[name].partition(":")
    plugin = getattr(importlib.import_module(module), attribute)
    text = (ROOT / f"config/plugins/{name}.toml").read_text()

    assert plugin.name == name
    assert mistakes(plugin.settings_model or BaseModel, text, name) == []


def test_every_bundled_plugin_has_a_row_in_the_guide_and_every_row_a_plugin():
    section = GUIDE.read_text().partition("\n## Bundled plugins\n")[2].partition("\n## ")[0]
    rows = re.findall(
        r"^\| \[([\w-]+)\]\(mycel_runtime_plugins/([\w./-]+)\) \| .+ \| `([\w./-]+)` \|$",
        section,
        re.MULTILINE,
    )
    pages = {name: f"{name}/README.md" if (PACKAGE / name).is_dir() else f"{name}.py" for name in NAMES}
    assert {name: (page, table) for name, page, table in rows} == {
        name: (page, f"config/plugins/{name}.toml") for name, page in pages.items()
    }


@pytest.mark.parametrize("name", [name for name in NAMES if (PACKAGE / name).is_dir()])
def test_a_page_with_blocks_has_a_test_that_follows_it(name):
    if [block for block in blocks(PACKAGE / name / "README.md") if block.language != "mermaid"]:
        assert (ROOT / f"tests/plugins/{name}/test_page.py").is_file()


class Inner(BaseModel):
    limit: int = 3


class Settings(BaseModel):
    folder: str
    command: list[str] = []
    seconds: float = Field(default=2.0, gt=0)
    owner: str | None = None
    inner: Inner = Inner()


GOOD: Final = """# What it does: a sentence = no key.
[plugins.x]
folder = "."      # required; where
# command = ["sh"]  # the program; default: none
# seconds = 2.0   # of patience
# owner = "ada"   # who; default: nobody

[plugins.x.inner]
# limit = 3       # at most
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "", []),
        ("# seconds = 2.0   # of patience\n", "", ["seconds: missing"]),
        ("# limit = 3       # at most\n", "", ["inner.limit: missing"]),
        ("seconds = 2.0", "seconds = 3.0", ["seconds: the default is 2.0"]),
        ("   # of patience", "", ["seconds: no reason"]),
        ("# seconds", "seconds", ["seconds: the default is 2.0"]),
        ("; default: nobody", "", ["owner: an example, and no default is told"]),
        ("required; ", "", ["folder: is required, and that is not said"]),
        ("# limit = 3", "# limits = 3", ["limits: unknown", "inner.limit: missing"]),
    ],
)
def test_a_table_that_is_wrong_would_be_noticed(old, new, said):
    assert mistakes(Settings, GOOD.replace(old, new) if old else GOOD, "x") == said
