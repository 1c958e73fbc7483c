"""An agent that keeps sessions, in a chat: it is told what it was not shown, and a lost session costs nothing."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Final

import pytest

from mycel_runtime_plugins.command import plugin

if TYPE_CHECKING:
    from mycel_runtime.testing import Mycel

pytestmark = pytest.mark.slow

CLAUDE: Final = """
import json, os, pathlib, sys

here = pathlib.Path(".")
runs = sorted(here.glob("run-*"))
prompt = sys.stdin.read()
(here / f"run-{len(runs):02}").write_text(json.dumps([sys.argv[1:], prompt]))
session = sys.argv[sys.argv.index("--resume") + 1] if "--resume" in sys.argv else None
if session and (here / "forgotten").exists():
    sys.exit(1)
is_bad = "fail" in prompt.rpartition("Now:")[2] and not (here / "mended").exists()
if is_bad:
    (here / "mended").touch()
answer = {
    "type": "result",
    "subtype": "success",
    "is_error": is_bad,
    "result": "an error of the vendor" if is_bad else f"answer {len(runs)}",
    "session_id": session or f"session-{len(runs)}",
}
if "flood" in prompt:
    answer["result"] *= 10_000
is_loud = "work" in prompt.rpartition("Now:")[2]
print(json.dumps([{"type": "user", "content": "x" * 200_000}, answer] if is_loud else answer))
"""
"""Keeps its sessions and forgets them as the genuine one does; writes down how it was run."""


@pytest.fixture
async def claude(mycel: Mycel, tmp_path):
    """Somebody who talks to it, the folder of his chat, and what it was run with."""
    ada = await mycel.human("Ada")
    (tmp_path / "claude.py").write_text(CLAUDE)
    command = [sys.executable, "-I", "-S", str(tmp_path / "claude.py")]
    table = {"command": command, "recipe": "claude", "folder": str(tmp_path)}
    await mycel.agent(plugin, settings={"command": table})
    await ada.says("hello")
    await ada.hears("answer 0")
    (folder,) = (tmp_path / "chats").iterdir()

    def run(number):
        return json.loads((folder / f"run-{number:02}").read_text())

    return ada, folder, run


async def test_a_session_goes_on_with_what_is_new(claude):
    ada, _, run = claude
    await ada.says("/and @now?")
    await ada.hears("answer 1")

    arguments, prompt = run(1)
    assert arguments[-2:] == ["--resume", "session-0"]
    assert prompt == "Now:\n  Ada: /and \uff20now?\n"
    assert run(0)[1].endswith("Now:\n  Ada: hello\n")


async def test_a_forgotten_session_is_begun_anew_with_the_history_at_once(claude):
    ada, folder, run = claude
    (folder / "forgotten").touch()
    await ada.says("again")
    await ada.hears("answer 2")
    await ada.hears_nothing()

    assert run(1)[0][-2:] == ["--resume", "session-0"]
    arguments, prompt = run(2)
    assert "--resume" not in arguments
    assert prompt.endswith("Before:\n  Ada: hello\n  You: answer 0\n\nNow:\n  Ada: again\n")


async def test_an_error_in_the_place_of_an_answer_is_not_said_and_the_next_run_begins_anew(claude):
    ada, _, run = claude
    await ada.says("fail")
    await ada.hears("answer 2")
    await ada.hears_nothing()

    assert "--resume" in run(1)[0]
    assert "--resume" not in run(2)[0]


async def test_what_its_tools_print_is_no_answer_and_costs_none(claude):
    ada, _, _ = claude
    await ada.says("work")
    await ada.hears("answer 1")


async def test_an_answer_that_is_a_flood_is_not_said(claude):
    ada, folder, _ = claude
    await ada.says("flood")
    await ada.hears_nothing()

    assert (folder / "run-01").exists()
