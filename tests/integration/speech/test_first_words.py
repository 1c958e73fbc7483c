"""What is said first is said once, whoever is killed and whenever."""

from __future__ import annotations

import pytest

from tests.integration.speech.first_words import POINTS, perform

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("points", "is_isolated"),
    [
        (("after utterance", "before cursors", "after read", "after record"), False),
        (("after intent", "before send", "after send", "before finish"), False),
        (("after utterance",), True),
    ],
)
async def test_each_is_said_once_and_in_order_though_the_process_is_killed(points, is_isolated, tmp_path):
    assert set(points) <= set(POINTS)

    outcomes = await perform(tmp_path, points, range(1), is_isolated=is_isolated)

    assert [run.wrongs for runs in outcomes.values() for run in runs if run.wrongs] == []
    assert sum(run.kills for runs in outcomes.values() for run in runs) > 0
