"""An answer that is not the backend's own decides nothing; the long form is in `statuses`."""

from __future__ import annotations

import itertools

import pytest

from tests.integration.speech.statuses import BODIES, PLACES, perform

STATUSES = (200, 204, 302, 401, 403, 404, 405, 409, 413, 422, 429, 500, 503)


@pytest.mark.slow
async def test_no_status_in_the_place_of_an_answer_loses_or_doubles_a_reply(tmp_path):
    """Before or after it was stored, as a page or as a gateway's JSON; `dead retry` says nothing twice."""
    bodies = itertools.cycle(BODIES)
    wanted = [(status, next(bodies), place) for place in PLACES for status in STATUSES]
    trials = await perform(tmp_path, wanted)
    assert {key: trial for key, trial in trials.items() if not trial.is_right} == {}
