"""A program that runs below its supervisor: its streams, its end, and how to end it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from typing_extensions import override

from mycel_runtime_plugins.child_process.exit_status import ExitStatus
from mycel_runtime_plugins.child_process.processor_time import processor_seconds
from mycel_runtime_plugins.child_process.program import (
    ProgramUnavailableError,
    folder_unavailable,
    program_unavailable,
    supervisor_lost,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mycel_runtime_plugins.child_process.spec import ChildSpec

_SUPERVISOR: Final = Path(__file__).with_name("supervisor.py")

_START_SECONDS: Final = 30.0
"""Until a supervisor must have started its program, on a machine that is busy."""

_CLEARING_SECONDS: Final = 10.0
"""Beyond the time of SIGTERM, for a supervisor to have cleared away; then it is killed."""

_READ_BYTES: Final = 65_536
"""Of standard output that are held before the program must wait, twice."""

_SUPERVISORS_ENVIRONMENT: Final = {"LC_ALL": "C.UTF-8"}


class _Report(asyncio.Protocol):
    """
    What the supervisor tells.

    Attributes:
        started: The program's process id.
        ended: How the program has ended; also when the supervisor is gone without a word.
    """

    def __init__(self, spec: ChildSpec) -> None:
        loop = asyncio.get_running_loop()
        self.started: asyncio.Future[int] = loop.create_future()
        self.ended: asyncio.Future[ExitStatus] = loop.create_future()
        self._spec = spec
        self._said = b""

    @override
    def data_received(self, data: bytes) -> None:
        *lines, self._said = (self._said + data).split(b"\n")
        for line in lines:
            self._take(json.loads(line))

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(supervisor_lost(self._spec.command[0]))
        if not self.ended.done():
            self.ended.set_result(ExitStatus())

    def _take(self, said: dict[str, Any]) -> None:
        if "failed" in said:
            self._fail(self._failure(said["failed"], said["errno"]))
        elif "started" not in said:
            self.ended.set_result(ExitStatus(**said))
        elif not self.started.done():
            self.started.set_result(said["started"])

    def _failure(self, what: str, number: int) -> ProgramUnavailableError:
        if what == "folder":
            return folder_unavailable(self._spec.folder, number)
        return program_unavailable(self._spec.command[0], number)

    def _fail(self, why: ProgramUnavailableError) -> None:
        """Unless it has started, or nobody waits for it any more."""
        if not self.started.done():
            self.started.set_exception(why)


class ChildProcess:
    """
    A running program. `ChildProcess.start` makes one, `end` must be called; `running` does both.

    Attributes:
        stdout: What it writes to standard output. It waits when nobody reads. The end comes when the program has
            exited and all that it has left behind was ended.
        spec: As it was started.
    """

    def __init__(
        self,
        spec: ChildSpec,
        process: asyncio.subprocess.Process,
        report: _Report,
        control: asyncio.WriteTransport,
        output: tuple[asyncio.StreamReader, asyncio.BaseTransport],
    ) -> None:
        self.spec = spec
        self._process, self._report, self._control = process, report, control
        self.stdout, self._output = output

    @override
    def __repr__(self) -> str:
        return f"<ChildProcess {self.spec.command[0]!r}>"

    @classmethod
    async def start(cls, spec: ChildSpec, *, listener: asyncio.Protocol | None = None) -> Self:
        """
        Return when it runs.

        Args:
            spec: What is to be started.
            listener: Called back with its standard output, in the place of `stdout`: for a program that may speak at
                any time, and is listened to without a task.

        Raises:
            ProgramUnavailableError: There is no such program or folder, or it may not be run; says what to do.
            OSError: The system has no more processes, or descriptors.

        Cancelling: nothing of it is left.
        """
        ours, theirs = socket.socketpair()
        read, written = os.pipe()
        with (
            contextlib.closing(theirs),
            os.fdopen(written, "wb", buffering=0) as sink,
            contextlib.ExitStack() as undo,
        ):
            report, control = await _listen(spec, ours, read)
            undo.callback(control.close)
            stdout = asyncio.StreamReader(limit=_READ_BYTES)
            output = await _reading(listener or asyncio.StreamReaderProtocol(stdout), read)
            undo.callback(output.close)
            process = await _start_supervisor(spec, theirs, sink)
            undo.pop_all()
        child = cls(spec, process, report, control, (stdout, output))
        try:
            await child._await_started()
        except BaseException:
            await child.end()
            raise
        return child

    async def _await_started(self) -> None:
        self._control.write(_order(self.spec))
        async with asyncio.timeout(_START_SECONDS):
            await self._report.started

    @property
    def pid(self) -> int:
        """The program's process id, which is its process group and its session as well."""
        return self._report.started.result()

    @property
    def stdin(self) -> asyncio.StreamWriter:
        """Its standard input, if its spec says that it has one."""
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def is_running(self) -> bool:
        """Whether the program has not exited yet."""
        return not self._report.ended.done()

    async def processor_seconds(self) -> float:
        """
        Processor time of the program and all that it has started, as of `processor_seconds`.

        Cancelling: loses nothing.
        """
        return await asyncio.to_thread(processor_seconds, self._process.pid)

    async def wait(self) -> ExitStatus:
        """
        How the program has ended, when it has.

        Cancelling: it goes on.
        """
        return await asyncio.shield(self._report.ended)

    async def feed(self, text: bytes) -> None:
        """
        Write to its standard input, and close it. A program that does not read it is no error.

        Cancelling: a part of it was written.
        """
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.stdin.write(text)
            await self.stdin.drain()
        self._close_input()

    async def end(self) -> ExitStatus:
        """
        End it and everything below it: SIGTERM, and SIGKILL after `term_seconds`. Return when nothing is left.

        May be called again, and when it has exited long since.

        Cancelling: the end goes on without us.
        """
        self._close_input()
        try:
            if not self._control.is_closing():
                self._control.write(b"e")
            async with asyncio.timeout(self.spec.term_seconds + _CLEARING_SECONDS):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        finally:
            self._control.close()
            self._output.close()
        return self._report.ended.result() if self._report.ended.done() else ExitStatus()

    def end_soon(self) -> None:
        """
        Begin its end, as of `end`, and return: the supervisor sees to it.

        Whoever has a loop that is about to end calls `end` after all: else what belongs to the loop stays open.
        """
        self._close_input()
        if not self._control.is_closing():
            self._control.write(b"e")

    def _close_input(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()


@contextlib.asynccontextmanager
async def running(spec: ChildSpec) -> AsyncIterator[ChildProcess]:
    """
    The program runs in this block, and nothing of it afterwards; as `ChildProcess.start` and `end`.

    Cancelling: its end begins at once and is waited for; cancelled again, it goes on without us.
    """
    child = await ChildProcess.start(spec)
    try:
        yield child
    finally:
        await child.end()


async def _listen(spec: ChildSpec, ours: socket.socket, read: int) -> tuple[_Report, asyncio.WriteTransport]:
    """The line to the supervisor; if it cannot be had, nobody will read the output."""
    try:
        control, report = await asyncio.get_running_loop().create_unix_connection(
            lambda: _Report(spec), sock=ours
        )
    except BaseException:
        os.close(read)
        raise
    return report, control


async def _reading(listener: asyncio.Protocol, read: int) -> asyncio.BaseTransport:
    """Let somebody have what comes out of the pipe."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: listener, os.fdopen(read, "rb", buffering=0))
    return transport


async def _start_supervisor(
    spec: ChildSpec, theirs: socket.socket, output: Any
) -> asyncio.subprocess.Process:
    control = theirs.fileno()
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(_SUPERVISOR), str(os.getpid()), str(control)),
        stdin=asyncio.subprocess.PIPE if spec.has_input else asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=asyncio.subprocess.DEVNULL,
        env=_SUPERVISORS_ENVIRONMENT,
        pass_fds=(control,),
        start_new_session=True,
    )


def _order(spec: ChildSpec) -> bytes:
    """What the supervisor is told: over the socket, because others can read the arguments of a process."""
    order = {
        "command": spec.command,
        "folder": str(spec.folder),
        "environment": dict(spec.environment),
        "stderr_file": None if spec.stderr_file is None else str(spec.stderr_file),
        "stderr_bytes": spec.stderr_bytes,
        "term_seconds": spec.term_seconds,
    }
    return json.dumps(order).encode() + b"\n"
