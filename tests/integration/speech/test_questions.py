"""What is asked is asked once, and each answer has one effect, whoever is killed and whenever."""

from __future__ import annotations

import pytest

from tests.integration.speech.questions import POINTS, perform

pytestmark = [pytest.mark.slow, pytest.mark.longest]


async def test_each_question_is_asked_once_and_has_one_outcome_though_the_process_is_killed(tmp_path):
    points = ("before record", "after answer", "before time out")
    assert set(points) <= set(POINTS)

    outcomes = await perform(tmp_path, points, range(1))

    assert [run.wrongs for runs in outcomes.values() for run in runs if run.wrongs] == []
    assert sum(run.kills for runs in outcomes.values() for run in runs) > 0
