"""Where the journals of a test are."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mycel_runtime.testing.journal_folder import journal_folder


def test_it_is_in_memory_and_is_gone_with_its_test(tmp_path):
    with journal_folder(tmp_path) as folder:
        assert folder.parent == tmp_path
        (folder / "agent-1").mkdir()
        (folder / "agent-1" / "journal.sqlite3").touch()
    assert list(tmp_path.iterdir()) == []


def test_without_a_place_in_memory_it_is_among_the_temporary_files(tmp_path):
    with journal_folder(tmp_path / "missing") as folder:
        assert folder.parent == Path(tempfile.gettempdir())
