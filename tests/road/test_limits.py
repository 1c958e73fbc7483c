"""Behind a limit of requests everything is answered, once, with few refusals; `limits` measures the time."""

from __future__ import annotations

import pytest

from tests.road import limits
from tests.road.message import html


@pytest.mark.slow
@pytest.mark.parametrize("row", [limits.Row(20, 5, 429, None), limits.Row(50, 0, 503, None)], ids=str)
async def test_behind_a_limit_everything_is_answered_once_and_no_delivery_is_put_off(row, tmp_path):
    outcome = await limits.measure(row, tmp_path, is_timed=False)

    assert (outcome.answered, outcome.doubled) == (limits.MESSAGES, 0)
    assert outcome.refused_share <= limits.MOST_REFUSED
    assert outcome.calls <= 5 * limits.MESSAGES
    assert outcome.put_off == 0


@pytest.mark.slow
@pytest.mark.parametrize("is_carried_out", [True, False])
async def test_a_limiters_503_to_the_proof_of_being_caught_up_asks_no_handler_again(is_carried_out, tmp_path):
    """Whether it was read all the same, nobody knows; what it may have hidden is in the history."""

    def refuse_one(gateway):
        replace = gateway.replace_after if is_carried_out else gateway.replace
        replace(html(503, "Slow down"), "POST", "/messages/read$", count=1)

    outcome = await limits.measure(
        limits.Row(1000, 1000, 503, None), tmp_path, is_timed=False, order=refuse_one
    )

    assert (outcome.answered, outcome.doubled, outcome.refused + is_carried_out) == (limits.MESSAGES, 0, 1)
    assert outcome.put_off == 0
