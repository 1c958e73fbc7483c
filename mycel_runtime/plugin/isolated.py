"""
An isolated plugin, seen from the runtime: how its processes are started, and what they say of it.

The runtime never imports such a plugin. A process of its own does, and describes its handlers in the first line that
it says; so an import that raises, exits, prints or never ends costs nothing but itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from mycel_runtime.errors import PluginError, PluginImportError
from mycel_runtime.journal.entries import HandlerId
from mycel_runtime.plugin.plugin import Handler
from mycel_runtime.plugin.subscription import FrameSubscription, MessageSubscription

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

COMMAND: Final = (sys.executable, "-m", "mycel_runtime.plugin.worker")

_NOT_FOR_PLUGINS: Final = ("MYCEL_RUNTIME_", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET")

_NICER: Final = 10
"""Added to the niceness of a plugin's process: a spinner gets what the runtime leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSpec:
    """
    What a process of a plugin's own loads.

    Attributes:
        name, table, config: Its table, without `isolation`, and the file that the table is in.
        import_timeout: Seconds until it must have described itself at the start of the runtime.
    """

    name: str
    table: Mapping[str, Any]
    config: Path
    import_timeout: float

    @property
    def first_line(self) -> bytes:
        """What its process is told first."""
        load = {"name": self.name, "table": dict(self.table), "config": str(self.config)}
        return json.dumps(load, default=str).encode() + b"\n"


def environment() -> dict[str, str]:
    """The runtime's, without its secrets."""
    return {key: value for key, value in os.environ.items() if not key.startswith(_NOT_FOR_PLUGINS)}


def yield_to_us(pid: int) -> None:
    """
    Let a plugin have the processor time that the runtime leaves; from here, because its imports count too.

    Where Linux groups processes by session (autogroup), niceness is weighed within a session only, and the session
    has one of its own.
    """
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, 0) + _NICER)
        Path(f"/proc/{pid}/autogroup").write_text(f"{_NICER}", encoding="ascii")


def kill_group(pid: int) -> None:
    """A plugin's process, with everything that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a plugin's process says of it."""

    plugin: str
    origin: str
    version: str
    handlers: tuple[Handler, ...]


class Inquiry:
    """
    A process that is asked to describe a plugin; started at once, so that several are asked side by side.

    Used as a context manager it leaves nothing behind.

    Attributes:
        spec: What is asked about.
    """

    def __init__(self, spec: WorkerSpec) -> None:
        self.spec = spec
        self._deadline = time.monotonic() + spec.import_timeout
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
            start_new_session=True,
        )
        yield_to_us(self._process.pid)
        self._load()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        kill_group(self._process.pid)
        self._process.communicate()

    def answer(self, where: str) -> Description:
        """
        Wait for the description.

        Args:
            where: For error texts.

        Raises:
            PluginImportError: The plugin's code failed, ended the process, or took too long.
            PluginError: The configuration is wrong.
        """
        seconds = max(0.0, self._deadline - time.monotonic())
        try:
            said, _ = self._process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            problem = f"was not imported within {self.spec.import_timeout:g} s"
            raise self._failed(problem, where, "Mend it, or raise import_timeout.") from None
        try:
            return description_from(json.loads(said))
        except ValueError:
            problem = f"ended its process at import (exit status {self._process.returncode})"
            raise self._failed(problem, where, "Mend it, or remove its table.") from None

    def _load(self) -> None:
        """Tell it what to load, and that nothing will be run."""
        stdin, self._process.stdin = self._process.stdin, None
        assert stdin is not None
        with contextlib.suppress(BrokenPipeError), stdin:
            stdin.write(self.spec.first_line)

    def _failed(self, problem: str, where: str, fix: str) -> PluginImportError:
        return PluginImportError(f"plugin {self.spec.name!r} {problem}", where=where, fix=fix)


def refusal(error: PluginError) -> dict[str, Any]:
    """The line of a process that could not load its plugin."""
    return {
        "refused": error.problem,
        "where": error.where,
        "fix": error.fix,
        "is_import": isinstance(error, PluginImportError),
    }


def describe(plugin: str, origin: str, version: str, handlers: Sequence[Handler]) -> dict[str, Any]:
    """The line of a process that has loaded its plugin."""
    return {
        "plugin": plugin,
        "origin": origin,
        "version": version,
        "handlers": [
            {
                "id": handler.id,
                "is_async": handler.is_async,
                "on_conflict": handler.on_conflict,
                "subscription": _spell(handler.subscription),
            }
            for handler in handlers
        ],
    }


def description_from(said: Mapping[str, Any]) -> Description:
    """
    Understand a process's first line.

    Raises:
        PluginImportError, PluginError: It is a refusal.
    """
    if "refused" in said:
        kind = PluginImportError if said["is_import"] else PluginError
        raise kind(said["refused"], where=said["where"], fix=said["fix"])
    return Description(
        plugin=said["plugin"],
        origin=said["origin"],
        version=said["version"],
        handlers=tuple(_handler(handler) for handler in said["handlers"]),
    )


def _handler(said: Mapping[str, Any]) -> Handler:
    return Handler(
        id=HandlerId(said["id"]),
        function=_not_here,
        subscription=_read(said["subscription"]),
        is_async=said["is_async"],
        on_conflict=said["on_conflict"],
    )


def _not_here(_: object) -> None:
    raise AssertionError("this handler runs in a process of its plugin only")


def _spell(subscription: MessageSubscription | FrameSubscription) -> dict[str, Any]:
    if isinstance(subscription, FrameSubscription):
        return {"frames": subscription.pattern}
    pattern = subscription.pattern
    return {
        "chat": subscription.chat,
        "mention": subscription.mention,
        "sender": subscription.sender,
        "pattern": None if pattern is None else pattern.pattern,
    }


def _read(said: Mapping[str, Any]) -> MessageSubscription | FrameSubscription:
    if "frames" in said:
        return FrameSubscription(pattern=said["frames"])
    pattern = said["pattern"]
    return MessageSubscription(
        chat=said["chat"],
        mention=said["mention"],
        sender=said["sender"],
        pattern=None if pattern is None else re.compile(pattern),
    )
