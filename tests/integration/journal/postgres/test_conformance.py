"""The PostgreSQL engine keeps every promise of the port."""

from __future__ import annotations

from tests.integration.journal.conformance import JournalConformance


class TestPostgresJournal(JournalConformance):
    """Every promise of the port."""
