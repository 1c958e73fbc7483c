"""Replayed beside the living agent: nothing is sent, and what was changed is what differs."""

from __future__ import annotations

import pytest

from tests.integration.replay.replays import perform

pytestmark = pytest.mark.slow


async def test_what_was_changed_is_what_differs_and_nothing_is_sent(tmp_path):
    """`python -m tests.integration.replay.replays 10000` is the same with as many as are kept."""
    outcome = await perform(tmp_path, 80)

    assert set(outcome.methods) == {"GET"}
    assert outcome.is_same_twice
    assert outcome.is_same_offline
    assert outcome.offline == outcome.changed | {"captured": 80}
    assert outcome.unchanged == {"turns": 80, "same": 80, "differs": 0, "skipped": 0}
    assert outcome.changed == {"turns": 80, "same": 73, "differs": 7, "skipped": 0}
    assert sorted(tuple(each["what"] for each in row) for row in outcome.shown.values()) == [
        ("end", "reply", "chat_store", "chat_store", "timer"),
        ("reply",),
        ("reply",),
        ("reply",),
        ("reply", "chat_store"),
        ("timer",),
        ("timer", "timer"),
    ]
