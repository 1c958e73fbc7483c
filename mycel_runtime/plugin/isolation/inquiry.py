"""
A plugin's process is asked to describe it, when the runtime starts.

An import that raises, exits, prints or never ends costs nothing but itself.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from typing import TYPE_CHECKING, Self

from mycel_runtime.errors import PluginImportError
from mycel_runtime.plugin.isolation.description import require_described
from mycel_runtime.plugin.isolation.messages import DESCRIPTION, ProtocolError, decode, encode
from mycel_runtime.plugin.isolation.process import END_SECONDS, start

if TYPE_CHECKING:
    from types import TracebackType

    from mycel_runtime.plugin.isolation.messages import Described
    from mycel_runtime.plugin.isolation.process import WorkerSpec


class Inquiry:
    """
    A process that is asked to describe a plugin; started at once, so that several are asked side by side.

    Used as a context manager it leaves nothing behind.

    Args:
        writes_bytecode: As Python does beside what it imports; who only looks leaves no file.

    Attributes:
        spec: What is asked about.
    """

    def __init__(self, spec: WorkerSpec, *, writes_bytecode: bool = True) -> None:
        self.spec = spec
        self._deadline = time.monotonic() + spec.import_timeout
        starting = start(writes_bytecode=writes_bytecode)
        self._line = starting.ours
        with starting.theirs:
            self._process = subprocess.Popen(starting.command, **starting.options)  # noqa: S603 - our own module
        self._line.settimeout(spec.import_timeout)
        with contextlib.suppress(OSError):
            self._line.sendall(encode(spec.load))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._line.close()
        self._process.terminate()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def answer(self, where: str) -> Described:
        """
        Wait for the description.

        Args:
            where: For error texts.

        Raises:
            PluginImportError: The plugin's code failed, ended the process, or took too long.
            PluginError: The configuration is wrong.
        """
        try:
            return require_described(decode(self._first_line(), DESCRIPTION))
        except TimeoutError:
            problem = f"was not imported within {self.spec.import_timeout:g} s"
            raise self._failed(problem, where, "Mend it, or raise import_timeout.") from None
        except (OSError, ProtocolError):
            problem = f"ended its process at import (exit status {self._exit_status()})"
            raise self._failed(problem, where, "Mend it, or remove its table.") from None

    def _first_line(self) -> bytes:
        """
        What it says first; empty if it ends before it says anything.

        Raises:
            TimeoutError: It says nothing in time.
        """
        said = b""
        while not said.endswith(b"\n"):
            self._line.settimeout(max(0.001, self._deadline - time.monotonic()))
            more = self._line.recv(65_536)
            if not more:
                break
            said += more
        return said

    def _exit_status(self) -> int:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        return self._process.poll() or 0

    def _failed(self, problem: str, where: str, fix: str) -> PluginImportError:
        return PluginImportError(f"plugin {self.spec.name!r} {problem}", where=where, fix=fix)
