"""`make run` ends as the daemon ends, also when Ctrl-C ends it: at a real terminal, under the real make."""

from __future__ import annotations

import os
import pty
import shlex
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

FOREGROUND = Path(__file__).parents[3] / ".ci" / "foreground.py"

DAEMON = """
import signal, sys
wanted = {signal.SIGINT, signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
print("ready", flush=True)
received = signal.sigwait(wanted)
print("drained after", received.name, flush=True)
sys.exit(int(sys.argv[1]))
"""

pytestmark = pytest.mark.skipif(
    not (shutil.which("make") and shutil.which("setsid")), reason="make or setsid is not installed"
)


class Terminal:
    """A terminal with one make in it, seen from the keyboard."""

    def __init__(self, folder, recipe):
        (folder / "Makefile").write_text(f"run:\n\t@exec {recipe}\n\t@echo another line\n")
        self._keyboard, screen = pty.openpty()
        with os.fdopen(screen) as stream:
            # As the leader of a session that owns the terminal: what a login shell would be.
            self.make = subprocess.Popen(
                ["setsid", "--ctty", "make", "--no-print-directory", "run"],
                cwd=folder,
                stdin=stream,
                stdout=stream,
                stderr=stream,
            )
        self.screen = ""

    def wait_for(self, text):
        while text not in self.screen:
            self.screen += os.read(self._keyboard, 4096).decode()

    def press(self, keys):
        os.write(self._keyboard, keys)

    def close(self):
        if self.make.poll() is None:
            self.make.kill()
        self.make.wait(timeout=60)
        os.close(self._keyboard)


def start(folder, *, status=0):
    program = folder / "a daemon.py"
    program.write_text(DAEMON)
    words = [sys.executable, str(FOREGROUND), sys.executable, str(program), str(status)]
    return closing(Terminal(folder, shlex.join(words)))


def test_ctrl_c_ends_make_with_the_daemons_success(tmp_path):
    with start(tmp_path) as terminal:
        terminal.wait_for("ready")
        terminal.press(b"\x03")
        terminal.wait_for("drained after SIGINT")
        terminal.wait_for("another line")
        assert terminal.make.wait(timeout=60) == 0
    assert "***" not in terminal.screen


def test_daemons_failure_is_makes_failure(tmp_path):
    with start(tmp_path, status=70) as terminal:
        terminal.wait_for("ready")
        terminal.press(b"\x03")
        terminal.wait_for("Error 70")
        assert terminal.make.wait(timeout=60) == 2


def test_signal_to_make_reaches_the_daemon(tmp_path):
    with start(tmp_path) as terminal:
        terminal.wait_for("ready")
        terminal.make.send_signal(signal.SIGTERM)
        terminal.wait_for("drained after SIGTERM")
        assert terminal.make.wait(timeout=60) != 0


def test_ctrl_z_stops_nobody(tmp_path):
    """Stopping the daemon alone would leave a terminal that answers to nothing."""
    with start(tmp_path) as terminal:
        terminal.wait_for("ready")
        terminal.press(b"\x1a\x03")
        terminal.wait_for("drained after SIGINT")
        assert terminal.make.wait(timeout=60) == 0


def test_without_a_terminal_the_command_takes_our_place(tmp_path):
    program = tmp_path / "a daemon.py"
    program.write_text(DAEMON)
    with subprocess.Popen(
        [sys.executable, FOREGROUND, sys.executable, program, "3"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[0] == "drained after SIGINT\n"
    assert process.returncode == 3
