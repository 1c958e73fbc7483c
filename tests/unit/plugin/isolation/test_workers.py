"""The processes of isolated plugins: as many as are needed, and none that nobody needs any more."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mycel_runtime.plugin.frame_context import FrameContext
from mycel_runtime.plugin.isolation import workers
from mycel_runtime.plugin.isolation.process import WorkerSpec
from mycel_runtime.plugin.isolation.workers import Workers
from mycel_runtime.plugin.plugin import Plugin

pytestmark = pytest.mark.slow

PLUGIN = """
import os, subprocess, time
from pathlib import Path
from mycel_runtime import Plugin

plugin = Plugin("p")
here = Path(__file__).parent

def note(pid):
    (here / "pids" / str(pid)).touch()

@plugin.on_frame("meet")
def meet(ctx):
    note(os.getpid())
    while len(os.listdir(here / "pids")) < ctx.metadata["number"]:
        time.sleep(0.01)

@plugin.on_frame("leave")
def leave(ctx):
    note(os.getpid())
    note(subprocess.Popen(["sleep", "300"]).pid)
    note(subprocess.Popen(["sleep", "300"], start_new_session=True).pid)
    if os.fork() == 0:
        os.setsid()
        if orphan := os.fork():
            note(orphan)
            os._exit(0)
        time.sleep(300)
    os.wait()
    note(os.getppid())
    (here / "left").touch()
    if ctx.metadata["exits"]:
        os._exit(3)
    time.sleep(300)
"""

RUNTIME = """
import asyncio, sys
from tests.unit.plugin.isolation.test_workers import run
asyncio.run(run(sys.argv[1], "leave", exits=False))
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "p.py").write_text(PLUGIN)
    (tmp_path / "pids").mkdir()
    return tmp_path


async def run(folder, name, *, pool=None, **metadata):
    """One run of a handler."""
    spec = WorkerSpec(name="p", table={"path": "p.py"}, config=Path(folder) / "agent.toml", import_timeout=60)
    plugin = Plugin("p")

    def handler(ctx): ...

    handler.__name__ = name
    plugin.on_frame(name)(handler)
    context = FrameContext(
        event_type=name,
        metadata=metadata,
        me="me",
        settings=None,
        log=None,
        deadline=asyncio.get_running_loop().time() + 100,
        attempt=1,
    )
    async with (pool or Workers()).lend(spec) as loan:
        await loan.run(plugin.handlers[0], context, note_late=[].append)


def runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def pids(folder):
    return [int(path.name) for path in (folder / "pids").iterdir()]


async def test_what_a_burst_needed_is_ended_but_for_one(folder, monkeypatch):
    monkeypatch.setattr(workers, "IDLE_SECONDS", 0.3)
    pool = Workers()
    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(3):
                tasks.create_task(run(folder, "meet", pool=pool, number=3))

        async with asyncio.timeout(60):
            while sum(map(runs, pids(folder))) > 1:  # noqa: ASYNC110 - it is the kernel that is waited for
                await asyncio.sleep(0.02)
        (kept,) = pool.idle("p")
        assert kept.is_alive()
    finally:
        await pool.close()
    assert not any(map(runs, pids(folder)))


async def test_nothing_that_a_plugin_has_started_survives_its_process(folder):
    with pytest.raises(workers.HandlerDiedError):
        await run(folder, "leave", exits=True)

    assert len(pids(folder)) == 5
    wait_until(lambda: not any(map(runs, pids(folder))))


def test_nothing_that_a_plugin_has_started_survives_a_runtime_that_was_killed(folder):
    root = Path(__file__).parents[4]
    runtime = subprocess.Popen([sys.executable, "-c", RUNTIME, str(folder)], cwd=root)
    try:
        wait_until((folder / "left").exists)
        assert all(map(runs, pids(folder)))
    finally:
        os.kill(runtime.pid, signal.SIGKILL)
        runtime.wait()

    assert len(pids(folder)) == 5
    wait_until(lambda: not any(map(runs, pids(folder))))
