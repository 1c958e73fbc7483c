"""
Status is true: whatever goes wrong is told within one interval, and no longer than that after it is over.

`faults/README.md` is the table of what goes wrong, and names the tests of the faults that are at home elsewhere.
With FAULTS=all every fault of `faults` is brought about, as by `make faults`.
"""

from __future__ import annotations

import contextlib
import os
import subprocess

import pytest

from mycel_runtime.cli.status_lines import lines_of
from tests.acceptance.conftest import until
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
    *(
        "held_chat",
        "unknown_send",
        "twin",
        "unreachable_backend",
        "killed_at_work",
        "lost_traces",
        "locked_capture",
    ),
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


@pytest.mark.skipif(os.environ.get("FAULTS") != "all", reason="FAULTS=all: it takes its time, and root")
@pytest.mark.timeout(300)
def test_a_full_disk_ends_the_daemon_and_room_is_asked_for_until_there_is_some(
    start, backend, household, tmp_path
):
    state = tmp_path / "s"
    with (
        small_disk(state),
        Gateway(backend.port) as gateway,
        world(start, backend, gateway, household, tmp_path / "a", state) as here,
    ):
        assert here.status().journal.free == pytest.approx(here.metric(("journal_free_bytes", {})), abs=2**20)
        assert any("! only " in line and "make room" in line for line in lines_of(here.status()))
        with contextlib.suppress(OSError), (state / "fill").open("wb", buffering=0) as fill:
            while True:
                fill.write(b"x" * 4096)
        while here.agent.popen.poll() is None:
            here.say("hello")
        assert here.agent.exit_code() == 75
        assert "SQLITE_FULL" in here.agent.transcript()
        asked = start("status", "--config", here.config)
        assert asked.exit_code() == 75
        assert "Make room in" in asked.transcript()

        (state / "fill").unlink()
        here.start()
        until(lambda: here.status().ready and not here.status().work.due)
        assert here.status().work.dead_letters == 0
        assert here.agent.stop() == 0


@contextlib.contextmanager
def small_disk(folder):
    """Of three megabytes, in memory."""
    folder.mkdir(mode=0o700)
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3M,mode=700", "none", folder], check=False
    ).returncode:
        pytest.skip("nothing can be mounted here: be root")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
