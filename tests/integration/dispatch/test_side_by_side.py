"""A real daemon with plugins that misbehave in every way, side by side with one that does not."""

from __future__ import annotations

import pytest

from tests.benchmarks.isolation import BAD, GOOD_CHATS, backend, live

MESSAGES = 40


@pytest.fixture(scope="module")
def base_url():
    with backend() as address:
        yield address


@pytest.mark.slow
async def test_plugins_that_misbehave_together_cost_the_others_no_answer_no_ping_and_no_sign_of_life(
    base_url, tmp_path
):
    seen = await live(base_url, tmp_path / "agent", tuple(BAD), MESSAGES, pause=0.05)

    assert len(seen.delays) == MESSAGES
    assert seen.answers == MESSAGES + 2 * GOOD_CHATS
    assert (seen.connections, seen.lost_connections) == (1, 0)
    # The unit allows 60 seconds.
    assert seen.longest_silence < 20
    assert seen.exit_code == 0
    assert seen.events["delivery.postponed"] > 0
