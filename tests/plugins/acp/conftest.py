"""What tests of the plugin `acp` share: a scripted agent each, and nothing left of it behind."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from mycel_runtime_plugins.acp.hosts import close_hosts

PROGRAM: Final = Path(__file__).with_name("plain_agent.py")

PATIENCE: Final = 90.0
"""Seconds for whatever takes processes that have to start first, on a machine that is busy."""


@dataclass(frozen=True)
class PlainAgent:
    """The folder of one agent, which outlives its process."""

    folder: Path

    @property
    def command(self):
        return [sys.executable, "-I", "-S", str(PROGRAM), str(self.folder)]

    def play(self, *turns, **script):
        """From its next request on: one turn after the other, the last one again and again."""
        if turns:
            script["turns"] = turns
        fresh = self.folder / "script.json.new"
        fresh.write_text(json.dumps(script))
        fresh.replace(self.folder / "script.json")

    def record(self, *events):
        """What has happened to it, in order."""
        file = self.folder / "record.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        found = [json.loads(line) for line in lines]
        return [line for line in found if line["event"] in events]

    @property
    def prompts(self):
        """The texts of all prompts."""
        return [line["params"]["prompt"][0]["text"] for line in self.record("session/prompt")]

    async def happened(self, event, *, times=1, within=PATIENCE):
        """Return when that has happened to it so often."""
        deadline = time.monotonic() + within
        while len(self.record(event)) < times:
            assert time.monotonic() < deadline, f"{event} has happened {len(self.record(event))} times"
            await asyncio.sleep(0.005)

    def allow(self, name):
        """End a turn's `until`."""
        (self.folder / name).touch()


@pytest.fixture
def agent(tmp_path):
    """Of the test's own; it says hello until it plays something else."""
    made = PlainAgent(tmp_path / "agent")
    made.folder.mkdir()
    made.play()
    return made


@pytest.fixture
def settings(agent, tmp_path):
    """Of `[plugins.acp]`."""
    return {"command": agent.command, "folder": str(tmp_path / "chats"), "mode": "default"}


@pytest.fixture(autouse=True)
async def no_process_is_left():
    """Set up before everything else, and so torn down when nobody can start one any more."""
    yield
    await close_hosts()
