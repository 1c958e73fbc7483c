"""The pictures in the journal's README are drawn from the tables."""

from __future__ import annotations

from pathlib import Path

from mycel_runtime.journal.state_diagrams import state_diagrams

README = Path(__file__).parents[3] / "mycel_runtime" / "journal" / "README.md"


def test_readme_shows_the_state_machines_as_they_are():
    """`python -m mycel_runtime.journal.state_diagrams` prints what has to stand there."""
    shown = README.read_text()
    assert [picture for picture in state_diagrams() if picture not in shown] == []
