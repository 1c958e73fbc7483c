"""Two tools and a handler never speak past each other, nor past anybody."""

from __future__ import annotations

import random

import pytest

from mycel_runtime.backend.quirks import Quirks
from tests.integration.speech.tool_races import race

pytestmark = pytest.mark.slow


@pytest.fixture
def options():
    return {"quirks": Quirks(check_then_write=False)}


@pytest.mark.parametrize("seed", range(3))
async def test_two_tools_and_a_handler_race_in_one_chat(world, seed):
    wrongs, counts = await race(world, "agent", random.Random(seed))

    assert wrongs == []
    assert counts["tool replies"] == 4
    assert counts["handler replies"] + counts["run replies"] > 0
