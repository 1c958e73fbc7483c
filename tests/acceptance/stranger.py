"""
A stranger's way from nothing: an empty environment, an installation of this working copy, `init` on a terminal.

    python -m tests.acceptance.stranger

Prints what he sees, and the seconds from the first command to the agent's answer; ends with 1 if that takes more than
a minute or more than two commands. Packages come from where pip is set up to take them.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.acceptance.terminal import Terminal

ROOT = Path(__file__).parents[2]
MOST_SECONDS = 60.0
ANSWER = "echo> echo: Hello, is anybody there?"


def see(command, folder, environment, answers):
    """Type a command, answer its questions, and return what stands on the terminal at the end."""
    terminal = Terminal(command, folder, environment)
    try:
        for question, answer in answers:
            terminal.read_until(lambda text, asked=question: asked in text.rpartition("\n")[2], seconds=120)
            terminal.type(answer)
        code = terminal.exit_code(300)
    finally:
        terminal.close()
    print(f"$ {command}\n{as_seen(terminal.text)}", end="")
    if code:
        sys.exit(f"exit code {code}")
    return terminal.text


def as_seen(text):
    """Without what was written over: colours, and lines that show a wait."""
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\0", text).split("\n")
    return "".join(line.rpartition("\r")[2].replace("\0", "") + "\n" for line in lines if not is_wait(line))


def is_wait(line):
    return "\0" in line and not re.sub(
        r"[\0\r\u2800-\u28ff ]|Starting the agent|Waiting for its answer", "", line
    )


def main():
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        subprocess.run([sys.executable, "-m", "venv", home / "mycel"], check=True, timeout=120)
        path = f"{home / 'mycel/bin'}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"HOME": name, "PATH": path, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "PYTHONPATH", "VIRTUAL_ENV"):
            environment.pop(variable, None)
        begun = time.monotonic()
        see(f"pip install -qq --constraint '{ROOT}/constraints.txt' '{ROOT}'", home, environment, [])
        installed = time.monotonic()
        questions = [
            ("Backend [local]: ", "\n"),
            ("Plugin [echo]: ", "\n"),
            ("Name of the agent [echo]: ", "\n"),
        ]
        text = see("mycel-runtime init", home, environment, questions)
        seconds = time.monotonic() - begun
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{seconds:.1f} s from nothing to an answer, {installed - begun:.1f} of them for the installation; "
        f"{used.ru_utime + used.ru_stime:.1f} s of processor time, with the making of the environment"
    )
    return 0 if ANSWER in text and seconds <= MOST_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
