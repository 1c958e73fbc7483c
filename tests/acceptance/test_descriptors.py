"""A process that has no file descriptor left says so in a few lines, and goes on when it has some again."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections import Counter

import pytest

from mycel_runtime.daemon.control import ask_status
from tests.acceptance.conftest import ROOT, Process, _reap, until, write_config

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

DESCRIPTORS = 70


def test_a_lack_of_descriptors_is_no_storm_of_lines(household, tmp_path_factory, tmp_path):
    """On the control socket alone each look at the backlog was 2,048 lines."""
    state = tmp_path_factory.mktemp("s")
    config = write_config(tmp_path / "a", household)
    config.write_text(config.read_text().replace('"state"', f'"{state}"'))
    command = [sys.executable, "-m", "mycel_runtime", "run", "--config", config]
    agent = Process(
        subprocess.Popen(
            ["sh", "-c", f'ulimit -n {DESCRIPTORS}; exec "$@"', "sh", *command],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    )
    with contextlib.ExitStack() as stack:
        stack.callback(_reap, agent)
        agent.wait_event("stream.connected")
        with contextlib.ExitStack() as crowd:
            for _ in range(DESCRIPTORS):
                crowd.enter_context(socket.socket(socket.AF_UNIX)).connect(str(state / "control.sock"))
            first = agent.wait_event("unhandled_error.raised")
            assert "accept" in first["trace"]
            until(lambda: any(event.get("repeated") for event in agent.events("unhandled_error.raised")))
        assert until(lambda: ask_status(state).ready)
        assert agent.stop() == 0
    per_second = Counter(event["timestamp"][:19] for event in agent.events("unhandled_error.raised"))
    assert max(per_second.values()) <= 2
