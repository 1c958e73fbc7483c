"""A command on a terminal of its own, as a person has it."""

from __future__ import annotations

import os
import pty
import select
import shlex
import subprocess
import time

from tests.acceptance.conftest import DEADLINE
from tests.discretion.command_line import arguments_of, command_of
from tests.discretion.heard import HEARD, Heard


class Terminal:
    """One command, what it has printed, and a keyboard."""

    def __init__(self, command, cwd, environment=None):
        self.command, self.text = command, ""
        self._descriptor, theirs = pty.openpty()
        self._popen = subprocess.Popen(
            ["setsid", "--ctty", "sh", "-c", f"exec {command}"],
            cwd=cwd,
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)

    def read_until(self, is_there, seconds=DEADLINE):
        """Everything printed until `is_there(text)`; a text means: until it appears."""
        wanted = is_there if callable(is_there) else lambda text: is_there in text
        deadline = time.monotonic() + seconds
        while not wanted(self.text):
            assert time.monotonic() < deadline, f"$ {self.command}\n{self.text}"
            self._read(0.1)
        return self.text

    def type(self, text):
        """What a person types; `\\x03` is Ctrl-C."""
        os.write(self._descriptor, text.encode())

    def exit_code(self, seconds=DEADLINE):
        """Read to the end."""
        deadline = time.monotonic() + seconds
        while (code := self._popen.poll()) is None:
            assert time.monotonic() < deadline, f"$ {self.command}\n{self.text}"
            self._read(0.05)
        while self._read(0.0):
            pass
        return code

    def _read(self, seconds):
        if not select.select([self._descriptor], [], [], seconds)[0]:
            return False
        try:
            self.text += os.read(self._descriptor, 4096).decode(errors="replace").replace("\r\n", "\n")
        except OSError:  # what a terminal says whose last program has gone
            time.sleep(seconds)
            return False
        return True

    def close(self):
        """Nothing of it is left."""
        arguments = arguments_of(shlex.split(self.command)) or []
        HEARD.append(
            Heard(f"terminal of {self.command}", bytearray(self.text.encode()), command=command_of(arguments))
        )
        self._popen.kill()
        self._popen.wait(DEADLINE)
        os.close(self._descriptor)
