"""The new agent at work for a moment: started as `mycel-runtime run` would be, and stopped again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, TypeVar

from mycel_runtime.daemon.control import ask_status
from mycel_runtime.errors import ControlError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mycel_runtime.daemon.status import Status

T = TypeVar("T")

READY_SECONDS: Final = 60.0
"""From the start until hearing is proven."""

_STOP_SECONDS: Final = 40.0
"""After SIGTERM: longer than the default drain."""

_LOOK_SECONDS: Final = 0.1
_SLICE_SECONDS: Final = 1.0
"""Between two looks at whether it lives, while an answer is waited for."""

_LAST_LINES: Final = 12


class AgentEndedError(Exception):
    """
    The agent has ended by itself.

    Attributes:
        exit_code: Its own.
        said: The last lines that it has printed.
    """

    def __init__(self, exit_code: int, said: str) -> None:
        self.exit_code = exit_code
        self.said = said
        super().__init__(f"exit code {exit_code}")


class Trial:
    """
    An agent that runs, either because we have started it or because it did before.

    Args:
        state_dir: Where its daemon answers.
        process: `None` of one that ran before.
        output: What it prints.
    """

    def __init__(
        self, state_dir: Path, process: subprocess.Popen[bytes] | None = None, output: IO[bytes] | None = None
    ) -> None:
        self._state_dir = state_dir
        self._process = process
        self._output = output

    @property
    def is_ours(self) -> bool:
        """Whether it ends with the trial."""
        return self._process is not None

    def require_alive(self) -> None:
        """
        Raise if it has ended.

        Raises:
            AgentEndedError: So it has.
        """
        if self._process is not None and (code := self._process.poll()) is not None:
            raise AgentEndedError(code, self.said)

    def wait_ready(self) -> Status:
        """
        Wait until it hears.

        Raises:
            AgentEndedError: It has ended.
            UnavailableError: It does not hear in time; says why.
        """
        deadline = time.monotonic() + READY_SECONDS
        problems: tuple[str, ...] = ("it does not answer",)
        while time.monotonic() < deadline:
            self.require_alive()
            if (now := status_of(self._state_dir)) is not None:
                if now.ready:
                    return now
                problems = tuple(now.problems)
            time.sleep(_LOOK_SECONDS)
        raise UnavailableError(
            f"the agent does not hear after {READY_SECONDS:.0f} seconds: {'; '.join(problems)}",
            fix="Mend that, then run mycel-runtime init again.",
        )

    @property
    def said(self) -> str:
        """The last lines that it has printed; none of one that ran before."""
        if self._output is None:
            return ""
        self._output.seek(0)
        lines = self._output.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-_LAST_LINES:])


@contextlib.contextmanager
def agent_at_work(config: Path, state_dir: Path) -> Iterator[Trial]:
    """
    The agent of a configuration, running while the block does; one that runs already is left running.

    Args:
        config: Its file.
        state_dir: Where its daemon answers.
    """
    if status_of(state_dir) is not None:
        yield Trial(state_dir)
        return
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(  # noqa: S603 - our own program, with the file that we have written
            [
                sys.executable,
                str(Path(__file__).with_name("attached.py")),
                str(os.getpid()),
                *("run", "--config", str(config), "--log-level", "warning"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # Ctrl-C is ours: it is stopped with SIGTERM, once.
            start_new_session=True,
        )
        try:
            yield Trial(state_dir, process, output)
        finally:
            _stop(process)


def answer_within(seconds: float, trial: Trial, hear: Callable[[float], T | None]) -> T | None:
    """
    What is heard within some seconds; `None`: nothing.

    Args:
        seconds: At most.
        trial: Of the agent that is to say it.
        hear: Waits for so many seconds, and returns what it has heard.

    Raises:
        AgentEndedError: It will never say anything.
    """
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if (heard := hear(min(left, _SLICE_SECONDS))) is not None:
            return heard
        trial.require_alive()
    return None


def status_of(state_dir: Path) -> Status | None:
    """What the running daemon says of itself; `None`: there is none yet."""
    try:
        return ask_status(state_dir)
    except ControlError:
        return None


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end; whoever interrupts this has it killed."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(_STOP_SECONDS)
    except KeyboardInterrupt:
        process.kill()
        process.wait(_STOP_SECONDS)
        raise
