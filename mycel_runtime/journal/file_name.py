"""How the embedded engine's file is called in a state directory; by it a folder is found in which an agent lives."""

from __future__ import annotations

from typing import Final

JOURNAL_NAME: Final = "journal.sqlite3"
