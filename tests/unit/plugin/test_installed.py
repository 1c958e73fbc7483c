"""Entry points are looked for once, and again when a package has come or gone."""

from __future__ import annotations

import importlib.metadata

from mycel_runtime.plugin import loading


def install(folder, name):
    """A distribution with one plugin, as pip leaves it in a folder."""
    made = folder / f"{name}-1.5.dist-info"
    made.mkdir()
    (made / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n")
    (made / "entry_points.txt").write_text(f"[{loading.GROUP}]\n{name} = {name}:plugin\n")


def test_a_package_that_comes_is_seen_and_nothing_is_read_twice(tmp_path, monkeypatch):
    read = []

    def counted(**arguments):
        read.append(arguments)
        return importlib.metadata.entry_points(**arguments)

    monkeypatch.setattr(loading, "entry_points", counted)
    monkeypatch.syspath_prepend(tmp_path)
    install(tmp_path, "first")
    before = [loading.installed() for _ in range(1000)][-1]
    install(tmp_path, "second")
    after = [loading.installed() for _ in range(1000)][-1]

    assert ("first" in before, "second" in before, "first" in after, "second" in after) == (
        True,
        False,
        True,
        True,
    )
    assert after["second"].distribution == ("second", "1.5")
    assert len(read) == 2
