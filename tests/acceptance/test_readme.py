"""The front door: every command and every snippet of README.md does what it says."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.acceptance.conftest import DEADLINE, ROOT

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

README = (ROOT / "README.md").read_text()
BIN = Path(sys.executable).parent


def commands():
    """Every command line of a console block."""
    blocks = re.findall(r"```console\n(.*?)```", README, flags=re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def snippet(language):
    """The first block of a language."""
    return re.search(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)[1]


EXECUTED = {
    "make run",
    "make test",
    ".venv/bin/mycel-runtime chat --config config/local.toml",
    '.venv/bin/mycel-runtime send --config config/local.toml --wait 10 "hello"',
    ".venv/bin/mycel-runtime read --config config/local.toml",
    ".venv/bin/mycel-runtime status --config config/local.toml",
    "mycel-runtime run --config agent.toml",
    "mycel-runtime backend --port 8042",
}


def test_every_command_of_the_readme_is_executed_here():
    assert set(commands()) == EXECUTED


class Terminal:
    """A command on a terminal of its own, as a person has it."""

    def __init__(self, command, cwd):
        self.text = ""
        self._descriptor, theirs = pty.openpty()
        self._popen = subprocess.Popen(
            ["setsid", "--ctty", "sh", "-c", f"exec {command}"],
            cwd=cwd,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)

    def read_until(self, text, seconds=DEADLINE):
        """Everything printed until `text` appears."""
        deadline = time.monotonic() + seconds
        while text not in self.text:
            assert time.monotonic() < deadline, self.text
            self._read(0.1)
        return self.text

    def type(self, text):
        """What a person types; `\\x03` is Ctrl-C."""
        os.write(self._descriptor, text.encode())

    def exit_code(self, seconds=DEADLINE):
        """Read to the end."""
        deadline = time.monotonic() + seconds
        while (code := self._popen.poll()) is None:
            assert time.monotonic() < deadline, self.text
            self._read(0.05)
        self._read(0.0)
        return code

    def _read(self, seconds):
        if select.select([self._descriptor], [], [], seconds)[0]:
            try:
                self.text += os.read(self._descriptor, 4096).decode(errors="replace").replace("\r\n", "\n")
            except OSError:
                time.sleep(seconds)

    def close(self):
        """Nothing of it is left."""
        self._popen.kill()
        self._popen.wait(DEADLINE)
        os.close(self._descriptor)


@pytest.fixture
def terminal():
    """Opens terminals."""
    opened = []

    def open_terminal(command, cwd):
        opened.append(Terminal(command, cwd))
        return opened[-1]

    yield open_terminal
    for each in opened:
        each.close()


@pytest.fixture
def clone(tmp_path):
    """The checkout as a stranger has it, in a path with a space, on an environment that is installed already."""
    folder = tmp_path / "a clone"
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True, timeout=DEADLINE
    ).stdout.split("\0")
    for name in filter(None, names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(BIN.parent)
    return folder


def test_the_two_commands_and_the_second_terminal(terminal, clone):
    (BIN.parent / "installed").touch()
    running = terminal("make run", clone)

    shown = running.read_until("Stop it with Ctrl-C.\n")
    promised = re.search(r"\$ make run\n(.*?)```", README, flags=re.DOTALL)[1].splitlines()
    assert [line for line in shown.splitlines() if line in promised] == promised

    chat = terminal(".venv/bin/mycel-runtime chat --config config/local.toml", clone)
    chat.read_until("Ctrl-D ends.")
    for word in ("one", "two"):
        chat.type(f"{word}\n")
        chat.read_until(f"echo> echo: {word}\n")
    chat.type("\x04")
    assert chat.exit_code() == 0

    send = terminal('.venv/bin/mycel-runtime send --config config/local.toml --wait 10 "hello"', clone)
    assert send.exit_code() == 0
    assert send.text == "echo: hello\n"
    read = terminal(".venv/bin/mycel-runtime read --config config/local.toml", clone)
    assert read.exit_code() == 0
    assert read.text.endswith("owner> hello\necho> echo: hello\n")

    status = terminal(".venv/bin/mycel-runtime status --config config/local.toml", clone)
    assert status.exit_code() == 0
    assert status.text.startswith("echo: ready (pid ")

    running.type("\x03")
    assert running.exit_code() == 0, running.text


def test_make_test_runs_all_checks_in_order(clone):
    """This test is run by it; here only what it would do, in the order that CI relies on."""
    plan = subprocess.run(
        ["make", "--no-print-directory", "-n", "test"],
        cwd=clone,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=True,
    ).stdout

    steps = ["ruff format --check", "ruff check", "-m mypy", "lint-imports", "-m pytest"]
    places = [plan.index(step) for step in steps]
    assert places == sorted(places)


def test_the_ten_line_plugin(start, tmp_path):
    (tmp_path / "greeter.py").write_text(snippet("python"))
    (tmp_path / "agent.toml").write_text(snippet("toml"))
    state = {"XDG_STATE_HOME": str(tmp_path / "state")}
    agent = start("run", "--config", "agent.toml", cwd=tmp_path, **state)
    agent.wait_event("stream.connected")

    asked = start("send", "--config", "agent.toml", "--wait", "10", "hello", cwd=tmp_path, **state)

    assert asked.exit_code() == 0, asked.transcript()
    assert asked.out == ["You said: hello"]
    assert agent.stop() == 0


def test_the_backend_in_a_process_of_its_own(start, tmp_path, free_tcp_port):
    backend = start("backend", "--port", free_tcp_port, "--database", tmp_path / "b.sqlite3")

    backend.wait_for(lambda process: f"listening on http://127.0.0.1:{free_tcp_port}" in process.out)
    assert backend.stop(signal.SIGINT) == 0
