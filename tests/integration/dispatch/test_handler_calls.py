"""When a run of an isolated plugin begins: not before its process has loaded it."""

from __future__ import annotations

import time

import pytest

from mycel_runtime.dispatch.handler_calls import HandlerCalls
from mycel_runtime.plugin.frame_context import FrameContext
from mycel_runtime.plugin.isolation import workers
from mycel_runtime.plugin.registry import bound_handlers, load_plugins

pytestmark = pytest.mark.slow

PLUGIN = """
import time
from pathlib import Path
from mycel_runtime import Plugin

plugin = Plugin("p")
here = Path(__file__).parent
while time.monotonic() < float((here / "busy_until").read_text()):
    time.sleep(0.01)

@plugin.on_frame("look")
def look(ctx):
    (here / "left").write_text(str(ctx.deadline - time.monotonic()))

@plugin.on_frame("stay")
def stay(ctx):
    time.sleep(300)
"""

TIMEOUT = 2.0
"""Seconds that a run may take; an import is longer."""


@pytest.fixture
def bound(tmp_path):
    """By handler."""
    (tmp_path / "p.py").write_text(PLUGIN)
    be_busy(tmp_path, 0.0)
    (tmp_path / "agent.toml").touch()
    table = {"p": {"path": "p.py", "isolation": "process", "import_timeout": 60}}
    return {each.handler.id: each for each in bound_handlers(load_plugins(table, tmp_path / "agent.toml"))}


@pytest.fixture
async def calls():
    made = HandlerCalls()
    yield made
    await made.close()


def be_busy(folder, until):
    """At import, until `time.monotonic()` is that."""
    (folder / "busy_until").write_text(str(until))


def context():
    return FrameContext(
        event_type="look",
        metadata={},
        me="me",
        settings=None,
        log=None,
        deadline=time.monotonic() + TIMEOUT,
        attempt=1,
    )


async def test_a_plugin_whose_import_takes_longer_than_a_handler_may_is_run_all_the_same(
    bound, calls, tmp_path
):
    """Else each run would be killed at its import, the next one begin it anew, and the message be a dead letter."""
    shown = context()
    be_busy(tmp_path, shown.deadline)

    assert await calls.run(bound["p.look"], shown) is None
    assert 0 < float((tmp_path / "left").read_text()) <= TIMEOUT


async def test_the_deadline_counts_from_there(bound, calls, tmp_path):
    shown = context()
    be_busy(tmp_path, shown.deadline)
    ended = await calls.run(bound["p.stay"], shown)

    assert time.monotonic() >= shown.deadline
    assert ended.letter.reason == "deadline passed"
    assert calls.workers.idle("p") == ()


async def test_an_import_that_never_ends_is_a_failed_run(bound, calls, tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "NICE_PATIENCE", 0.001)
    be_busy(tmp_path, "inf")

    ended = await calls.run(bound["p.look"], context())

    assert ended.letter.reason == "PluginImportError"
    assert "was not imported within 0.06 s" in ended.letter.trace
