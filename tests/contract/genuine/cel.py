"""The genuine `cel`, with a home and a working folder of its own, so that it touches nothing of whoever tests."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMMAND_SECONDS: Final = 60.0
DAEMON_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Cel:
    """A person's `cel`: `home` holds its state, its daemon's too."""

    executable: Path
    home: Path

    def run(self, *arguments: str, as_: str = "", stdin: str = "") -> subprocess.CompletedProcess[str]:
        """One command, spoken `as_` an identity; the owner's commands need none."""
        return subprocess.run(
            [str(self.executable), *arguments],
            cwd=self.folder,
            env={**self.environment, "MYCEL_LOCAL_ID": as_},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def __call__(self, *arguments: str, as_: str = "", stdin: str = "") -> str:
        """What a command that succeeds says."""
        done = self.run(*arguments, as_=as_, stdin=stdin)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    def json(self, *arguments: str, as_: str = "", stdin: str = "") -> Any:
        """The same with `--json`, read."""
        return json.loads(self(*arguments, "--json", as_=as_, stdin=stdin))

    @property
    def folder(self) -> Path:
        """Where it is run; identities are bound to folders."""
        return self.home / "work"

    @property
    def state(self) -> Path:
        return self.home / ".mycel"

    @property
    def environment(self) -> dict[str, str]:
        """Nothing of ours but the path: `cel self start` installs hooks in the home it finds."""
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(self.home),
            "MYCEL_HOME": str(self.state),
            "TMPDIR": str(self.home),
        }

    def inbox(self, identity: str) -> list[dict[str, Any]]:
        """What the daemon has written down for an identity."""
        path = self.state / "inbox" / f"{identity}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def processes(self) -> list[int]:
        """Everything that runs with this home."""
        ours = f"MYCEL_HOME={self.state}".encode()
        return [int(folder.name) for folder in Path("/proc").glob("[0-9]*") if ours in _environment(folder)]


def _environment(folder: Path) -> list[bytes]:
    with contextlib.suppress(OSError):
        return (folder / "environ").read_bytes().split(b"\0")
    return []


@contextmanager
def cel(python: Path, home: Path) -> Iterator[Cel]:
    """A new home; whatever still runs with it afterwards is killed."""
    person = Cel(python.with_name("cel"), home)
    person.folder.mkdir(parents=True)
    try:
        yield person
    finally:
        for process in person.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        wait_until(lambda: not person.processes())


def wait_until(is_true: Callable[[], object]) -> None:
    """Return as soon as it is; `cel` has no way to tell, so its files are looked at."""
    deadline = time.monotonic() + DAEMON_SECONDS
    while not is_true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
