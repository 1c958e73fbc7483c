"""
Whoever ends the set-up of an agent, at whatever step, leaves nothing half made, and can simply begin again.

Every ninth step is tried; `SETUP_STRIDE=1` tries them all.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mycel_runtime.backend.server import LocalBackend
from mycel_runtime.sdk import Client
from mycel_runtime.settings import load_settings

ROOT = Path(__file__).parents[3]
STRIDE = int(os.environ.get("SETUP_STRIDE", "9"))
LEAST_STEPS = 40
"""The owner's file, the note, the token, the secret, the configuration, each with its hidden name; four calls."""


@pytest.fixture(scope="module", params=["SIGKILL", "SIGINT"])
def lives(request, tmp_path_factory):
    """The signal; each run; their folder; everybody on the backend."""
    folder = tmp_path_factory.mktemp(request.param)
    with LocalBackend() as backend:
        arguments = [backend.base_url, folder, request.param, str(STRIDE)]
        command = [sys.executable, "-m", "tests.integration.setup.steps", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
        assert done.returncode == 0, done.stderr
        runs = [json.loads(line) for line in done.stdout.splitlines()]
        yield request.param, runs, folder, backend


def agents_on(backend):
    return {user["id"] for user in backend.ask("users") if user["type"] == "external"}


def test_a_second_run_ends_what_the_first_had_begun(lives):
    """With an agent whose token is its own, files of which none is hidden, and modes that keep secrets."""
    _, runs, folder, backend = lives
    assert runs[-1]["step"] > LEAST_STEPS
    for run in runs:
        here = folder / str(run["step"])
        assert run["again"] == 0, run
        settings = load_settings(here / "agent.toml")
        with Client(
            base_url=backend.base_url, auth_token=settings.agent.token_file.read_text().strip()
        ) as agent:
            assert agent.me.whoami()["id"] == settings.agent.user_id, run
        assert [path.name for path in here.rglob(".*")] == [], run
        private = [here / "webhook.key", settings.agent.token_file, *(here / "home").rglob("*.json")]
        assert {path.stat().st_mode & 0o777 for path in private} == {0o600}, run


def test_what_is_there_after_a_signal_is_whole(lives):
    """A configuration that can be parsed, with everything that it names beside it; or none."""
    name, runs, _, _ = lives
    for run in runs[:-1]:
        assert run["code"] in ({130} if name == "SIGINT" else {-9}), run
        visible = {path for path in run["left"] if not path.rpartition("/")[2].startswith(".")} - {"told"}
        if "agent.toml" in visible:
            assert {"webhook.key", f"agent-{run['step']}.token"} <= visible, run
        if name == "SIGINT":
            assert visible == set(run["left"]) - {"told"}, run


def test_no_agent_is_lost_without_a_word(lives):
    """Ctrl-C loses none at all; SIGKILL may, between the backend's answer and the disk, and the next run says so."""
    name, runs, folder, backend = lives
    kept = {
        tomllib.loads((folder / str(run["step"]) / "agent.toml").read_text())["agent"]["user_id"]
        for run in runs
    }
    lost = agents_on(backend) - kept
    told = {
        agent for run in runs for agent in lost if f"the id {agent} is taken by an earlier try" in run["told"]
    }

    assert lost == told
    assert not lost or name == "SIGKILL"


def test_the_owner_is_found_again_and_not_made_anew(lives):
    """One guest for each folder; only of a killed process nobody else may know the one that it was told."""
    name, runs, _, backend = lives
    guests = [user for user in backend.ask("users") if user["type"] == "human"]

    assert len(guests) >= len(runs)
    assert len(guests) == len(runs) or name == "SIGKILL"
