"""What a plugin reads of other chats it is shown once, whoever is killed."""

from __future__ import annotations

import pytest

from tests.integration.dispatch.readings import POINTS, compare, perform

pytestmark = pytest.mark.slow


@pytest.mark.longest
@pytest.mark.parametrize(
    ("points", "is_isolated"),
    [(POINTS[::4], False), (POINTS[2::4], False), (("after finish",), True)],
)
async def test_each_message_is_read_once_and_in_order_though_the_process_is_killed(
    points, is_isolated, tmp_path
):
    outcomes = await perform(tmp_path, points, range(1), is_isolated=is_isolated)

    assert [run.wrongs for runs in outcomes.values() for run in runs if run.wrongs] == []
    assert sum(run.kills for runs in outcomes.values() for run in runs) > 0


def test_what_is_shown_twice_or_never_would_be_seen():
    right = {"order": ["m1", "m2"], "m1": ["read"], "m2": ["read"]}

    assert list(compare(2, right)) == []
    assert len(list(compare(2, right | {"m2": ["read", "read"]}))) == 1
    assert len(list(compare(2, right | {"order": ["m2", "m1"]}))) == 1
    assert len(list(compare(3, right))) == 2
