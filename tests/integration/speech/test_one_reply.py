"""One reply, not two, and not none: whatever dies and whenever."""

from __future__ import annotations

import pytest

from tests.integration.speech.lives import POINTS, perform

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("point", POINTS)
async def test_every_message_is_answered_once_though_the_process_is_killed(point, tmp_path):
    outcomes = await perform(tmp_path, [point], range(2))

    for outcome in outcomes[point]:
        assert outcome.expected == outcome.answers
    assert sum(outcome.kills for outcome in outcomes[point]) > 0
