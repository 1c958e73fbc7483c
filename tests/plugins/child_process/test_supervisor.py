"""What the kernel tells a supervisor of the thread that has started it is not the runtime's end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

import pytest

from mycel_runtime_plugins.child_process import supervisor

pytestmark = pytest.mark.slow

DEADLINE: Final = 60

TASK: Final = {
    "command": ["cat"],
    "folder": "/",
    "environment": {"PATH": os.environ["PATH"]},
    "stderr_file": None,
    "stderr_bytes": 1,
    "term_seconds": 1.0,
}


@pytest.fixture
def started():
    """A supervisor of `cat`, started by a thread that has ended since, and the line to it."""
    ours, theirs = socket.socketpair()
    made = []

    def start():
        number = str(theirs.fileno())
        command = [sys.executable, "-I", "-S", supervisor.__file__, str(os.getpid()), number]
        pipe = subprocess.PIPE
        made.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, pass_fds=(theirs.fileno(),)))

    ours.settimeout(DEADLINE)
    with contextlib.closing(ours):
        thread = threading.Thread(target=start)
        thread.start()
        thread.join(DEADLINE)
        theirs.close()
        (process,) = made
        with process:
            yield process, ours
            ours.close()
            process.stdin.close()
            assert process.wait(DEADLINE) == 0


def test_the_end_of_the_thread_that_has_started_it_is_not_the_runtimes_end(started):
    process, line = started
    line.sendall(json.dumps(TASK).encode() + b"\n")
    assert "started" in json.loads(line.recv(1000))

    # What the kernel sends, as it may have done already.
    os.kill(process.pid, signal.SIGTERM)
    process.stdin.write(b"alive\n")
    process.stdin.flush()

    assert process.stdout.readline() == b"alive\n"


@pytest.mark.parametrize("said", ["", json.dumps(TASK)[:-5], json.dumps(TASK) + "\ne"])
def test_a_start_that_is_not_wanted_any_more_is_none(started, said):
    process, line = started
    line.sendall(said.encode())
    line.shutdown(socket.SHUT_WR)

    assert process.wait(DEADLINE) == 0
    assert process.stdout.read() == b""


def test_only_what_is_below_is_seen():
    with subprocess.Popen(["sleep", "600"]) as below:
        try:
            seen = supervisor._descendants(os.getpid())
            assert sys.platform != "linux" or seen[below.pid] == os.getpgid(below.pid)
            assert os.getppid() not in seen
        finally:
            below.kill()


def test_a_full_disk_costs_the_lines_only(tmp_path):
    file = supervisor.StderrFile(str(tmp_path / "a-file" / "log"), 10)
    (tmp_path / "a-file").touch()

    file.write(b"lost")

    assert list(tmp_path.rglob("log")) == []
    assert Path(tmp_path / "a-file").read_text() == ""


def test_standard_error_is_begun_anew_before_it_exceeds_its_bound(tmp_path):
    file = supervisor.StderrFile(str(tmp_path / "log"), 10)
    for text in (b"first six", b"second", b"third", b"more than ten at once"):
        file.write(text)

    assert (tmp_path / "log").read_bytes() == b"ten at once"[-10:]
    assert (tmp_path / "log.1").read_bytes() == b"third"
