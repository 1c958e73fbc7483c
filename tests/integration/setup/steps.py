"""
An agent is set up again and again, and each time ended at another step.

    python -m tests.integration.setup.steps BASE_URL FOLDER SIGNAL STRIDE

A step is whatever changes the file system or reaches for the backend: Python's own audit events tell. Run number n is
ended by SIGNAL at its n-th step, n being 1, 1 + STRIDE and so on; the last one is not ended. Each has a folder and a
config home of its own, and is followed by a run that nobody ends. Prints a JSON line for each: the step, exit codes,
and what was told.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from unittest import mock

from mycel_runtime.errors import MycelError
from mycel_runtime.setup import initialization
from mycel_runtime.setup.interrupts import ending_alike
from mycel_runtime.setup.plugin_check import CheckedPlugin
from mycel_runtime.setup.questions import Wishes

STEPS = {"socket.connect", "os.link", "os.rename", "os.remove", "os.mkdir", "os.truncate", "os.chmod"}

INTERRUPTED = 130


class Listener:
    """A script's author, who gives everything and keeps what he is told."""

    is_there = False

    def __init__(self, told):
        self._told = told

    def ask(self, question):
        return question.default

    def tell(self, text):
        with self._told.open("a") as file:
            file.write(text + "\n")


def is_step(event, arguments):
    if event == "open":
        path, _, flags = arguments
        return isinstance(flags, int) and bool(flags & os.O_CREAT) and not str(path).endswith("told")
    return event in STEPS


def run(number, base_url, folder, signal_number, end_at):
    """In a forked process: set up, and be ended at that step; 0 is never."""
    done = 0

    def count(event, arguments):
        nonlocal done
        if is_step(event, arguments):
            done += 1
            if done == end_at:
                os.kill(os.getpid(), signal_number)

    told = folder / "told"
    (folder / "home").mkdir(parents=True, exist_ok=True)
    os.environ["XDG_CONFIG_HOME"] = os.environ["XDG_STATE_HOME"] = str(folder / "home")
    wishes = Wishes(
        backend=base_url,
        way="guest",
        plugin="webhook",
        table={"url": "http://127.0.0.1/"},
        name=f"agent-{number}",
    )
    sys.addaudithook(count)
    # It starts a process of its own, which writes nothing here.
    checked = mock.patch.object(
        initialization, "check_plugin", return_value=CheckedPlugin(hears_messages=True)
    )
    try:
        with ending_alike(), checked:
            initialization.initialize(folder / "agent.toml", wishes, Listener(told))
    except KeyboardInterrupt:
        return INTERRUPTED
    except MycelError as exc:
        with told.open("a") as file:
            file.write(f"error: {exc}\n")
        return exc.exit_code
    return 0


def lived(*arguments):
    """The wait status's exit code, or minus the signal."""
    if (pid := os.fork()) == 0:
        code = 70
        try:
            code = run(*arguments)
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main(base_url, root, signal_number, stride):
    number, code = 1 - stride, None
    while code != 0:
        number += stride
        folder = root / str(number)
        folder.mkdir(parents=True)
        code = lived(number, base_url, folder, signal_number, number)
        left = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
        again = lived(number, base_url, folder, signal_number, 0)
        told = (folder / "told").read_text()
        print(
            json.dumps({"step": number, "code": code, "left": left, "again": again, "told": told}), flush=True
        )


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(getattr(signal, sys.argv[3])), int(sys.argv[4]))
