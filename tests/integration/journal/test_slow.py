"""The slow engine keeps the port's promises: what fails on it elsewhere relies on more."""

from __future__ import annotations

import contextlib

import pytest

from tests.engines.slow_journal import SlowJournal, Weather
from tests.integration.journal.conformance import JournalConformance


class TestSlowJournal(JournalConformance):
    """Every promise of the port."""


@pytest.fixture
async def open_journal(tmp_path):
    async with contextlib.AsyncExitStack() as stack:

        def open_(folder=tmp_path):
            journal = SlowJournal(folder, weather=Weather(1))
            journal.open()
            stack.push_async_callback(journal.close)
            return journal

        yield open_
