"""
Which engine keeps an agent's journal: the only place that names one.

There is one so far, a SQLite file in the state directory, so that nothing is chosen. The section `[engine]` of the
settings is reserved for what will choose; until then it is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.journal.sqlite_engine import SqliteEngine

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime.journal.port.engine import JournalEngine


def engine_of(state_dir: Path) -> JournalEngine:
    """
    What keeps the journal of an agent; nothing is opened, made or read.

    Args:
        state_dir: The agent's.
    """
    return SqliteEngine(state_dir)
