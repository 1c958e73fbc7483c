"""
Status is true: whatever goes wrong is told within one interval, and no longer than that after it is over.

`faults/README.md` is the table of what goes wrong, and names the tests of the faults that are at home elsewhere.
With FAULTS=all every fault of `faults` is brought about, as by `make faults`.
"""

from __future__ import annotations

import os

import pytest

from tests.acceptance.faults import of_journal, of_road, of_speech, of_work
from tests.acceptance.faults.telling import require_told
from tests.acceptance.faults.world import world
from tests.road.gateway import Gateway

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

FAULTS = (
    *of_journal.FAULTS,
    *of_work.FAULTS,
    *of_speech.FAULTS,
    *of_road.FAULTS,
    *of_work.OVER_A_RESTART,
)

SHORT = {
    *("changed_file", "paused_agent", "paused_chat", "failing_plugin", "given_up_message", "blocked_send"),
    *("held_chat", "unknown_send", "twin", "unreachable_backend", "killed_at_work"),
}
"""The others take a minute more."""


@pytest.mark.timeout(300)
def test_each_fault_is_told_within_an_interval_and_so_is_its_end(
    start, backend, household, tmp_path, tmp_path_factory
):
    state = tmp_path_factory.mktemp("s")
    with (
        Gateway(backend.port) as gateway,
        world(start, backend, gateway, household, tmp_path / "a", state) as here,
    ):
        for fault in FAULTS:
            if fault.name in SHORT or os.environ.get("FAULTS") == "all":
                told, over = require_told(here, fault)
                print(f"{fault.name}: told after {told:.1f} s, its end after {over:.1f} s")
        assert here.agent.stop() == 0
