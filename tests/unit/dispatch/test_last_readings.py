"""Whose reading of a chat serves its other handlers, and for how long."""

from __future__ import annotations

import asyncio

import pytest

from mycel_runtime.dispatch import last_readings
from mycel_runtime.dispatch.last_readings import LastReadings
from mycel_runtime.journal.delivery import LetterDelivery
from mycel_runtime.journal.hole import Hole
from tests.unit.dispatch.test_briefing import api, reading
from tests.unit.speech.test_ledger import delivery

READ = reading([api(3), api(4), api(5, "me")], handled_seq=2)


def wanted(wanted_seq=4, handled_seq=2, **values):
    return delivery(wanted_seq=wanted_seq, handled_seq=handled_seq, **values)


@pytest.mark.parametrize(
    "other",
    [
        wanted(5),  # our own words are no news that anybody was told of
        wanted(4, None),
        wanted(holes=(Hole(seq=1, noticed_at=0.0),)),
        wanted(kind=LetterDelivery),
    ],
)
async def test_a_reading_serves_nobody_who_was_told_more_never_began_or_looks_for_numbers_of_his_own(other):
    readings = LastReadings()

    readings.keep(READ, 2)
    assert readings.take(wanted(), 2) is READ
    readings.keep(READ, 2)
    assert readings.take(other, 2) is None


async def test_a_reading_serves_nobody_who_is_behind_where_it_began():
    readings = LastReadings()
    readings.keep(READ, 2)
    assert readings.take(wanted(handled_seq=1), 1) is None


async def test_a_reading_is_for_whoever_is_next_alone():
    readings = LastReadings()
    readings.keep(READ, 2)

    readings.take(wanted(9), 2)

    assert readings.take(wanted(), 2) is None


async def test_a_reading_is_forgotten_soon_and_its_successor_is_not(monkeypatch):
    monkeypatch.setattr(last_readings, "KEPT_SECONDS", 0.01)
    readings, newer = LastReadings(), reading([api(3), api(4), api(6)], handled_seq=2)
    readings.keep(READ, 2)
    await asyncio.sleep(0.05)
    assert readings.take(wanted(), 2) is None

    readings.keep(READ, 2)
    monkeypatch.setattr(last_readings, "KEPT_SECONDS", 10.0)
    readings.keep(newer, 2)
    await asyncio.sleep(0.05)
    assert readings.take(wanted(), 2) is newer
