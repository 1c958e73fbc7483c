"""The embedded engine: what it promises before it is open, and what it does to its files."""

from __future__ import annotations

import pytest

from mycel_runtime.journal.engines import engine_of
from tests.integration.journal.promises.engine import EngineConformance


class TestSqliteEngine(EngineConformance):
    """Every promise of the port."""


@pytest.fixture
def engine(tmp_path):
    return engine_of(tmp_path)


def test_looking_at_what_was_never_made_leaves_no_file(engine, tmp_path):
    assert engine.inspect() is None
    assert list(engine.reader.identities()) == []
    assert not engine.exists()
    assert list(tmp_path.iterdir()) == []


async def test_the_sizes_of_its_files_are_told_while_it_is_open_and_after(engine, tmp_path):
    assert engine.files.sizes() == {"journal": 0, "log": 0}
    async with engine.opened():
        opened = engine.files.sizes()
        assert opened["journal"] == (tmp_path / "journal.sqlite3").stat().st_size > 0
        assert opened["log"] == (tmp_path / "journal.sqlite3-wal").stat().st_size
    closed = engine.files.sizes()

    assert (closed["journal"] > 0, closed["log"]) == (True, 0)
