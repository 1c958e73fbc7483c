"""
Lets every journal of a run of pytest be the slow one.

    python -m pytest -p tests.engines.slow tests/integration/speech

One test of the kit fails then, `test_nothing_is_waited_for_that_cannot_come`: thirty looks at the journal must fit
between two reconciles of half a second.
"""

from __future__ import annotations

from mycel_runtime.journal import sqlite
from tests.engines.slow_journal import SlowJournal

# Before whoever imports it by name.
sqlite.SqliteJournal = SlowJournal
