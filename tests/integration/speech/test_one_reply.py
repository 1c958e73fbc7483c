"""One reply, not two, and not none: whatever dies and whenever."""

from __future__ import annotations

import asyncio

import pytest

from mycel_runtime.speech.caught_up import content_hash
from tests.integration.company import database
from tests.integration.speech.lives import POINTS, perform
from tests.integration.speech.lives_in_company import judge, perform_in_company, perform_in_workers

TOGETHER = {perform_in_company: ("before send",), perform_in_workers: ("after intent",)}

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("point", POINTS)
async def test_every_message_is_answered_once_though_the_process_is_killed(point, tmp_path):
    outcomes = await perform(tmp_path, [point], range(2))

    for outcome in outcomes[point]:
        assert outcome.expected == outcome.answers
    assert sum(outcome.kills for outcome in outcomes[point]) > 0


@pytest.mark.longest
async def test_every_message_is_answered_once_or_parked_though_one_of_two_processes_dies_or_stands_still(
    tmp_path,
):
    """They are as one to whoever is answered: where one waits for the other, and where both run handlers."""
    with database() as url:
        async with asyncio.TaskGroup() as tasks:
            telling = [
                tasks.create_task(perform(tmp_path, points, range(1), url=url, at_once=1), name=f"{points}")
                for perform, points in TOGETHER.items()
            ]

    runs = [run for each in telling for runs in each.result().values() for run in runs]
    assert [run.wrongs for run in runs if run.wrongs] == []
    assert sum(run.kills for run in runs) > 0


@pytest.mark.parametrize(
    ("answers", "parked", "seen"),
    [
        (["0: 1", "1: 1", "0: 2"], [], (0, 0, 0)),
        (["0: 1", "1: 1", "1: 1", "0: 2"], [], (1, 0, 0)),
        (["0: 1", "0: 2"], [], (0, 1, 0)),
        (["1: 1", "0: 1", "0: 2"], [], (0, 0, 1)),
        (["0: 1", "1: 1", "0: 2", "0: 3"], [], (0, 0, 1)),
        (["0: 1", "0: 2"], ["1: 1"], (0, 0, 0)),
        (["0: 1", "0: 2", "1: 1"], ["1: 1"], (0, 0, 0)),
        (["0: 1", "1: 1", "0: 2", "1: 1"], ["1: 1"], (1, 0, 0)),
    ],
)
def test_what_is_parked_may_be_said_or_not_and_late_but_not_twice(answers, parked, seen):
    hashes = {content_hash(words, mentions=()) for words in parked}

    assert tuple(judge(["0: 1", "1: 1", "0: 2"], answers, hashes).values()) == seen
