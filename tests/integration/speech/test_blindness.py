"""With the history down nothing is sent by guessing and every doubt is listed; once it is back, one reply each."""

from __future__ import annotations

import pytest

from tests.integration.speech.blindness import perform

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("point", "failure"),
    [
        ("after intent", "refused"),
        ("before record", "silent"),
        ("stored", "refused"),
        ("torn, survived", "silent"),
    ],
)
async def test_a_doubt_is_listed_while_the_history_fails_and_settled_when_it_is_back(
    point, failure, tmp_path
):
    """Some of the points at which one arises; the long form has all of them."""
    ((outcome,),) = (await perform(tmp_path, [point], [failure], [0])).values()

    assert outcome.counts["doubts"] == 1
    assert outcome.counts["parked"] > 0
    assert outcome.is_right, (outcome.counts, outcome.expected, outcome.answers)
