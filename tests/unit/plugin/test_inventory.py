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
