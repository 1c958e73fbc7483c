"""A genuine client in its own environment, led from here; `driver.py` is its other half."""

from __future__ import annotations

import itertools
import json
import queue
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWER_SECONDS: Final = 40.0
FRAME_SECONDS: Final = 15.0

DRIVER: Final = Path(__file__).with_name("driver.py")


class Raised(Exception):  # noqa: N818 - it is what a client raised, told by it
    """What the genuine client raised; `kind` is the name of its class."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__(f"{told['kind']}: {told['text']}")
        self.kind: str = told["kind"]
        self.text: str = told["text"]
        self.status: int | None = told.get("status_code")
        self.detail: str | None = told.get("detail")
        self.frame: dict[str, Any] | None = told.get("frame")


class Puppet:
    """One process with a genuine client; orders and answers are lines of JSON."""

    def __init__(self, release: str, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: queue.Queue[str] = queue.Queue()
        self._names = itertools.count()
        threading.Thread(target=self._read, name=f"puppet-{release}", daemon=True).start()

    def call(self, client: dict[str, Any], method: str, *args: Any, **kwargs: Any) -> Any:
        """What a method gives back; raises `Raised`."""
        return self.order(call=method, client=client, args=args, kwargs=kwargs)

    def stream(self, client: dict[str, Any], *, stoppable: bool = False, **arguments: Any) -> Stream:
        name = f"stream-{next(self._names)}"
        self.order(open=name, client=client, arguments=arguments, stoppable=stoppable)
        return Stream(self, name)

    def order(self, **order: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._lines.get(timeout=ANSWER_SECONDS))
        if "error" in answer:
            raise Raised(answer["error"])
        return answer["result"]

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream of notifications that the genuine client iterates."""

    puppet: Puppet
    name: str

    def next(self, seconds: float = FRAME_SECONDS) -> dict[str, Any] | None:
        """The next frame; `None` at the end; raises `Raised`, also (`TimeoutError`) when none came."""
        frame: dict[str, Any] | None = self.puppet.order(next=self.name, seconds=seconds)
        return frame

    def stop(self) -> None:
        """From now on `should_stop` is true."""
        self.puppet.order(stop=self.name)


@contextmanager
def puppet(python: Path, release: str) -> Iterator[Puppet]:
    """Start one; it ends with the block."""
    with subprocess.Popen(
        [str(python), str(DRIVER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield Puppet(release, process)
        finally:
            process.kill()
