"""
Guides followed from top to bottom, by somebody who does what stands there.

`…` in what a command prints stands for anything, on a line of its own for any number of lines.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Final

from mycel_runtime.daemon.control import ask_status
from mycel_runtime.errors import ControlError
from mycel_runtime.settings import load_settings
from tests.acceptance.conftest import DEADLINE, ROOT
from tests.guide import commands

STAYS: Final = re.compile(r"make run|(\S*/)?mycel-runtime (run|backend(?! .*fault)) ")
"""Commands that run until Ctrl-C."""

NEVER_HERE: Final = {f"make {name}": f"make -n {name}" for name in ("test", "chaos", "first-light")}
"""What would run these tests again, or a quarter of an hour; their plan must do."""


def is_as_shown(printed, shown):
    """Whether the lines are the promised ones."""
    pattern = "".join(
        r"(?:.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*") + r"\n" for line in shown
    )
    return re.fullmatch(pattern, printed.rstrip("\n") + "\n" if printed.strip() else "") is not None


def contains_shown(printed, shown):
    """Whether the promised lines are among the printed ones, in their order."""
    lines = iter(printed.split("\n")[:-1])
    return all(
        any(re.fullmatch(re.escape(line).replace("…", ".*"), each) for each in lines) for line in shown
    )


def is_ready(state_dir):
    """Whether the daemon that lives there hears."""
    try:
        return ask_status(state_dir).ready
    except ControlError:
        return False


def make_clone(folder):
    """The checkout as a stranger has it, but for an environment that is installed already."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True, timeout=DEADLINE)
    for name in filter(None, names.stdout.split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


class Walk:
    """
    Somebody who reads a guide and does what stands there.

    Args:
        folder: Where he is.
        open_terminal: Makes a `Terminal`.
        environment: Of his commands.
        names: What is called otherwise on this machine, for example ports.
    """

    def __init__(self, folder, open_terminal, environment, names=()):
        self._folder, self._open, self._names = folder, open_terminal, dict(names)
        self._environment = os.environ | environment
        self._running = []
        self.done = set()
        """Commands that somebody else has run before him."""

    def follow(self, found):
        """Write what is a file, run what is a command, and compare what it prints."""
        for block in found:
            if block.language == "console":
                for command, shown in commands(block):
                    self._run(self._real(command), [self._real(line) for line in shown], block)
            elif block.file is not None:
                (self._folder / block.file).write_text(self._real(block.text))

    def stop(self):
        """Ctrl-C for all that still runs, the last one first; each ends well."""
        for terminal in reversed(self._running):
            terminal.type("\x03")
            assert terminal.exit_code() == 0, f"$ {terminal.command}\n{terminal.text}"
        self._running.clear()

    def _run(self, command, shown, block):
        command = NEVER_HERE.get(command, command)
        if command in self.done:
            return
        if STAYS.match(command + " "):
            self.start(command, shown)
        elif " chat " in command:
            self._chat(command)
        else:
            done = self.do(command)
            assert done.returncode == 0, f"{block}: $ {command}\n{done.stdout}{done.stderr}"
            assert command.startswith("make -n") or is_as_shown(done.stdout, shown), (
                f"{block}: $ {command}\n{done.stdout}{done.stderr}"
            )

    def start(self, command, shown):
        """Run a command that stays until `stop`."""
        terminal = self._open(command, self._folder, self._environment)
        self._running.append(terminal)
        terminal.read_until(lambda text: contains_shown(text, shown))
        if config := re.search(r"mycel-runtime run --config (\S+)", command):
            self._wait_ready(load_settings(self._folder / config[1]))
        return terminal

    def _wait_ready(self, settings):
        """Asks as `status` does, without starting a program for each question."""
        home = Path(self._environment["XDG_STATE_HOME"])
        state_dir = settings.agent.state_dir or home / "mycel-runtime" / settings.agent.name
        deadline = time.monotonic() + DEADLINE
        while not is_ready(state_dir):
            assert time.monotonic() < deadline, self._running[-1].text
            time.sleep(0.1)

    def _chat(self, command):
        terminal = self._open(command, self._folder, self._environment)
        terminal.read_until("Ctrl-D ends.")
        for word in ("one", "two"):
            terminal.type(f"{word}\n")
            terminal.read_until(f"echo> echo: {word}\n")
        terminal.type("\x04")
        assert terminal.exit_code() == 0, terminal.text

    def do(self, command):
        """Run a command that ends."""
        return subprocess.run(
            ["sh", "-c", command],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE * 2,
            check=False,
        )

    def _real(self, text):
        for name, here in self._names.items():
            text = text.replace(name, here)
        return text
