"""Real programs: what they get, what they leave behind, and how they end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from typing import Final

import pytest

from mycel_runtime_plugins.child_process import (
    ChildProcess,
    ChildSpec,
    ExitStatus,
    OutputTooLargeError,
    ProgramUnavailableError,
    read_bounded,
    running,
)

pytestmark = pytest.mark.slow

DEADLINE: Final = 60.0

PATH: Final = {"PATH": os.environ["PATH"]}

FAR: Final = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork():
    time.sleep(600)
os.setsid()
if os.fork():
    os._exit(0)
print(os.getpid(), flush=True)
time.sleep(600)
"""
"""Leaves its parent and its session, and ignores SIGTERM, before it says who it is."""


@pytest.fixture
def spec(tmp_path):
    """Makes what is to be started, of a shell script or a whole command."""

    def make(script, **more):
        command = ("sh", "-c", script) if isinstance(script, str) else tuple(script)
        return ChildSpec(**{"command": command, "folder": tmp_path, "environment": PATH, **more})

    return make


@pytest.fixture(autouse=True)
async def within_the_deadline():
    """Whatever a program does."""
    async with asyncio.timeout(DEADLINE):
        yield


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def until_dead(pid):
    deadline = time.monotonic() + DEADLINE
    while is_alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


async def test_a_program_gets_what_was_said_and_nothing_else(spec, tmp_path):
    code = (
        "import json, os, signal, sys; print(json.dumps([dict(os.environ), os.getcwd(), sys.stdin.read()]))"
    )
    isolated = (sys.executable, "-I", "-S", "-c", code)
    variables = {"LC_ALL": "C.UTF-8", "KEY": "a \udcff"}

    async with running(spec(isolated, environment=variables)) as child:
        await child.feed("Grüße".encode())
        output = await read_bounded(child.stdout, 10_000)

        assert json.loads(output) == [variables, str(tmp_path), "Grüße"]
        assert await child.wait() == ExitStatus(code=0)
        assert "KEY" not in repr(child.spec)


@pytest.mark.parametrize(
    ("script", "status"),
    [("exit 75", ExitStatus(code=75)), ("kill -KILL $$", ExitStatus(signal=signal.SIGKILL))],
)
async def test_its_end_is_told_as_it_was(spec, script, status):
    async with running(spec(script, has_input=False)) as child:
        assert await child.wait() == status
        assert not child.is_running
        assert await child.end() == status


async def test_a_pipe_does_not_outlive_its_writer_as_it_does_without_us(spec):
    """`SIGPIPE` is ignored in Python, and would be in the program."""
    async with running(spec("yes | head -c 2", has_input=False)) as child:
        assert await read_bounded(child.stdout, 10) == b"y\n"
        assert await child.wait() == ExitStatus(code=0)


async def test_what_it_leaves_in_the_background_holds_nothing_up(spec):
    async with running(spec("sleep 600 & echo $!")) as child:
        left = int(await read_bounded(child.stdout, 100))

        assert await child.wait() == ExitStatus(code=0)
    assert not is_alive(left)


async def test_what_has_left_its_session_and_ignores_sigterm_is_ended(spec):
    async with running(spec((sys.executable, "-I", "-S", "-c", FAR), term_seconds=0.1)) as child:
        far = int(await child.stdout.readline())
        assert is_alive(far)
        assert os.getsid(far) != os.getsid(child.pid)

        assert await child.end() == ExitStatus(signal=signal.SIGKILL)
        assert not is_alive(far)
        assert not is_alive(child.pid)


async def test_who_hears_sigterm_may_finish_though_he_is_stopped(spec):
    script = "trap 'echo bye; exit 3' TERM; echo ready; kill -STOP $$; while :; do sleep 0.01; done"
    async with running(spec(script, term_seconds=DEADLINE)) as child:
        assert await child.stdout.readline() == b"ready\n"

        assert await child.end() == ExitStatus(code=3)


async def test_a_handler_that_is_cancelled_leaves_nothing(spec):
    started = asyncio.get_running_loop().create_future()

    async def handle():
        async with running(spec("sleep 600 & echo $!; wait")) as child:
            started.set_result((child.pid, int(await child.stdout.readline())))
            await child.wait()

    async with asyncio.TaskGroup() as tasks:
        handling = tasks.create_task(handle(), name="handler")
        pids = await started
        handling.cancel()
    assert [pid for pid in pids if is_alive(pid)] == []


async def test_more_than_the_bound_is_not_held(spec):
    async with running(spec("head -c 10485760 /dev/zero", has_input=False)) as child:
        with pytest.raises(OutputTooLargeError, match="1,000,000 bytes"):
            await read_bounded(child.stdout, 1_000_000)
    async with running(spec("head -c 10485760 /dev/zero", has_input=False)) as child:
        assert len(await read_bounded(child.stdout, 10_485_760)) == 10_485_760


async def test_input_that_nobody_reads_is_no_error(spec):
    async with running(spec("exit 0")) as child:
        await child.feed(bytes(1_000_000))
        assert await child.wait() == ExitStatus(code=0)


async def test_standard_error_is_kept_in_files_of_bounded_size(spec, tmp_path):
    file = tmp_path / "errors" / "program.log"
    script = "i=0; while [ $i -lt 400 ]; do printf '%0100d' $i; i=$((i+1)); done >&2; printf newest >&2"
    async with running(spec(script, stderr_file=file, stderr_bytes=10_000, has_input=False)) as child:
        await child.wait()

    parts = list(file.parent.iterdir())
    assert {part.name for part in parts} <= {"program.log", "program.log.1"}
    assert all(part.stat().st_size <= 10_000 and part.stat().st_mode & 0o777 == 0o600 for part in parts)
    # What is read at once decides where one file ends: after the last number, too.
    assert "".join(part.read_text() for part in sorted(parts, reverse=True)).endswith("0399newest")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("no-such-program",), "cannot be started: No such file or directory. Install it"),
        (("./plain.txt",), "cannot be started: Permission denied. Make it executable"),
        (("./shapeless",), "cannot be started: Exec format error. It is neither"),
        (("sh", "\0"), "cannot be started: Invalid argument. See whether"),
    ],
)
async def test_what_cannot_be_started_is_told_with_a_fix(spec, tmp_path, command, said):
    (tmp_path / "plain.txt").touch(mode=0o600)
    (tmp_path / "shapeless").touch(mode=0o700)
    (tmp_path / "shapeless").write_text("no program\n")

    with pytest.raises(ProgramUnavailableError) as raised:
        await ChildProcess.start(spec(command))
    assert said in str(raised.value)


async def test_a_folder_that_is_not_there_is_told(spec, tmp_path):
    with pytest.raises(ProgramUnavailableError, match=r"folder '.*nowhere' cannot be entered"):
        await ChildProcess.start(spec("exit 0", folder=tmp_path / "nowhere"))


RUNTIME: Final = """
import asyncio, os, sys, time
from pathlib import Path
from mycel_runtime_plugins.child_process import ChildSpec, running

async def live():
    command = (sys.executable, "-I", "-S", "-c", sys.argv[1])
    spec = ChildSpec(command=command, folder=Path("/"), environment={})
    async with running(spec) as child:
        # As a handler does that forks: the copy keeps all that this process has open.
        if (copy := os.fork()) == 0:
            time.sleep(600)
        far = int(await child.stdout.readline())
        print(copy, child.pid, far, flush=True)
        await child.wait()

asyncio.run(live())
"""


def test_nothing_is_left_after_the_runtime_was_killed(tmp_path):
    """Though somebody holds a copy of its end of the line, and though the program ignores SIGTERM."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", RUNTIME, FAR]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as runtime:
        copy, *programs = map(int, runtime.stdout.readline().split())
        try:
            assert all(map(is_alive, programs))
            runtime.kill()
            for pid in programs:
                until_dead(pid)
            assert sys.platform != "linux" or is_alive(copy)
        finally:
            os.kill(copy, signal.SIGKILL)


class Listener(asyncio.Protocol):
    def __init__(self):
        self.heard = b""
        self.ended = asyncio.get_running_loop().create_future()

    def data_received(self, data):
        self.heard += data

    def connection_lost(self, _):
        self.ended.set_result(None)


async def test_a_listener_is_called_back_and_an_end_that_nobody_waits_for_comes(tmp_path):
    listener = Listener()
    child = await ChildProcess.start(
        ChildSpec(
            command=("sh", "-c", "echo hello; sleep 60"), folder=tmp_path, environment={"PATH": os.defpath}
        ),
        listener=listener,
    )

    child.end_soon()
    child.end_soon()

    async with asyncio.timeout(30):
        await listener.ended
        status = await child.end()
    assert listener.heard in (b"hello\n", b"")
    assert status.signal == signal.SIGTERM


async def test_what_it_works_is_told_with_all_that_it_has_started(spec):
    async with running(spec("(while :; do :; done) & wait")) as child, running(spec("sleep 600")) as idle:
        while (worked := await child.processor_seconds()) < 0.3:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.02)
        assert await idle.processor_seconds() < worked
