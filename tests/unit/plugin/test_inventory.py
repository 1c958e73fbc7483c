"""Which plugins there are is found out side by side, and not all at once."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from mycel_runtime.errors import PluginError
from mycel_runtime.plugin import inventory


class Asked:
    """Counts how many are asked at the same time."""

    now = 0
    most = 0

    def __init__(self, spec, *, writes_bytecode):
        assert not writes_bytecode
        Asked.now += 1
        Asked.most = max(Asked.most, Asked.now)
        self._name = spec.name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        Asked.now -= 1

    def answer(self, where):
        raise PluginError(f"of {self._name}", where=where, fix="")


def test_many_plugins_are_imported_a_few_at_a_time(monkeypatch):
    monkeypatch.setattr(inventory, "Inquiry", Asked)
    tables = {f"p{number}": {"path": "p.py"} for number in range(11)}

    rows = inventory.plugins_of(tables, Path("agent.toml"))

    assert [(row.name, row.problem) for row in rows] == [(name, f"of {name}") for name in tables]
    assert (Asked.now, Asked.most) == (0, inventory.SIDE_BY_SIDE)


def test_what_agents_of_a_folder_have_in_common_is_asked_once(tmp_path):
    """A refusal is each one's own: it names the file that is to be mended."""
    (tmp_path / "p.py").write_text(
        "from pathlib import Path\nfrom mycel_runtime import Plugin\nplugin = Plugin('p')\n"
        "with Path(__file__).with_name('asked').open('a') as asked:\n    asked.write('.')\n"
        "@plugin.on_message\nasync def hear(ctx):\n    pass\n"
    )
    descriptions = inventory.Descriptions()

    def rows(file, **table):
        return inventory.plugins_of({"p": table}, tmp_path / file, descriptions=descriptions)

    same = [rows(file, path="p.py") for file in ("a.toml", "b.toml", "c.toml")]
    rows("d.toml", path="p.py", word="another")

    assert same[0] == same[1] == same[2]
    assert [row.handlers for row in same[0]] == [("hear: messages",)]
    assert (tmp_path / "asked").read_text() == ".."
    refused = [row for file in ("e.toml", "f.toml") for row in rows(file, path="missing.py")]
    assert [row.where.partition(":")[0] for row in refused] == [
        str(tmp_path / "e.toml"),
        str(tmp_path / "f.toml"),
    ]
