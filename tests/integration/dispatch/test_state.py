"""What a handler remembers, plans and finishes is one commit, whoever is killed."""

from __future__ import annotations

import pytest

from tests.integration.company import database
from tests.integration.dispatch.state import POINTS, perform, perform_in_company

pytestmark = [pytest.mark.slow, pytest.mark.longest]


@pytest.mark.parametrize(
    ("points", "is_isolated"),
    [
        (POINTS[::3], False),
        (POINTS[1::3], False),
        (POINTS[2::3], False),
        (("after finish", "any time"), True),
    ],
)
async def test_state_and_timers_are_as_if_each_delivery_had_run_once_though_the_process_is_killed(
    points, is_isolated, tmp_path
):
    outcomes = await perform(tmp_path, points, range(1), is_isolated=is_isolated)

    assert [run.wrongs for runs in outcomes.values() for run in runs if run.wrongs] == []
    assert sum(run.kills for runs in outcomes.values() for run in runs) > 0


async def test_two_processes_of_one_database_are_as_one_though_the_first_dies_or_stands_still(tmp_path):
    """Nothing is said twice; what a silent one may yet say is parked."""
    with database() as url:
        outcomes = await perform_in_company(
            tmp_path, ("after intent", "before send", "before finish"), range(1), url=url, at_once=3
        )

    assert [run.wrongs for runs in outcomes.values() for run in runs if run.wrongs] == []
    assert sum(run.kills for runs in outcomes.values() for run in runs) > 0
