"""
A plugin's own process: `isolation = "process"`.

Spoken to in JSON lines over standard input and output, one run at a time. First line in: the plugin to load, as
`{"name", "table", "config"}`; first line out: what it is, or `{"refused": why, …}`, and the end. Then per run:
`{"run": id, "handler": …}` in, any number of `{"call": method, "run": id, …}` out and `{"value"}`, `{"error"}` or
`{"stop"}` in, and at last `{"ended": how, "run": id, …}` out. What the plugin prints goes to standard error, and the
standard input that it sees is empty. End of input, and the death of the runtime, end the process.

A thread that outlives its run says nothing in the next one, which may be another chat's.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog

from mycel_runtime.errors import ApiError, PluginError
from mycel_runtime.observe.logs import LogObserver
from mycel_runtime.observe.traceback_text import traceback_text
from mycel_runtime.observe.unhandled_errors import watch_tasks, watch_threads
from mycel_runtime.plugin.context import ContextEndedError, LoopGuardView
from mycel_runtime.plugin.isolated import describe, refusal
from mycel_runtime.plugin.message import message_from_api
from mycel_runtime.plugin.outcome import Reject, Retry
from mycel_runtime.plugin.registry import bound_handlers, load_plugins
from mycel_runtime.speech.turn import Sent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from mycel_runtime.plugin.plugin import Handler
    from mycel_runtime.plugin.registry import BoundHandler

_PR_SET_PDEATHSIG: Final = 1


class StoppedError(BaseException):
    """The runtime has ended this run. Passes `except Exception`."""


class Line:
    """
    The line to the runtime: one question at a time, answered before the next.

    Between runs only the main thread reads it, within one only who holds the lock. A forked child, which would have a
    lock and a run of its own, is refused.
    """

    def __init__(self, incoming: TextIO, outgoing: TextIO) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._lock = threading.Lock()
        self._run = ""
        self._pid = os.getpid()

    def read(self) -> dict[str, Any] | None:
        """The next line; `None` at the end."""
        line = self._incoming.readline()
        return json.loads(line) if line else None

    def write(self, value: Mapping[str, Any]) -> None:
        """Say something."""
        self._outgoing.write(json.dumps(value) + "\n")
        self._outgoing.flush()

    def begin(self, run: str) -> None:
        """From here on this run may ask."""
        with self._lock:
            self._run = run

    def end(self, how: Mapping[str, Any]) -> None:
        """The run asks no more. What it left under way is answered first; then the runtime is told how it ended."""
        with self._lock:
            run, self._run = self._run, ""
            self.write({**how, "run": run})

    def ask(self, run: str, method: str, arguments: Mapping[str, Any]) -> Any:
        """
        Have a context's method called by the runtime.

        Raises:
            ContextEndedError: The run is over: it has ended here, or this is not the process that runs it.
            StoppedError: The runtime has ended the run.
            ApiError: As the method raised it.
        """
        with self._lock:
            if run != self._run or os.getpid() != self._pid:
                raise ContextEndedError
            self.write({"call": method, "run": run, "arguments": arguments})
            answer = self.read()
        if answer is None or "stop" in answer:
            raise StoppedError
        if "error" in answer:
            raise _error(answer)
        return answer["value"]


def _error(answer: Mapping[str, Any]) -> ApiError:
    """The error that the method raised on the other side."""
    kinds = {kind.__name__: kind for kind in _below(ApiError)}
    error = ApiError(answer["status"], answer["detail"])
    error.__class__ = kinds.get(answer["error"], ApiError)
    return error


def _below(kind: type[ApiError]) -> list[type[ApiError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in _below(child))]


class WorkerContext:
    """
    `MessageContext` and `FrameContext` on this side of the line: the same names.

    For a plain function the methods are plain calls, for an `async def` they are awaited.
    """

    def __init__(self, line: Line, run: dict[str, Any], bound: BoundHandler) -> None:
        self._line = line
        self._run = run["run"]
        self._is_async = bound.handler.is_async
        self.settings = bound.settings
        self.me = run["me"]
        self.attempt = run["attempt"]
        self.log = structlog.get_logger().bind(handler=bound.handler.id, attempt=self.attempt)
        self.event_type = run.get("event_type")
        self.metadata = run.get("metadata")
        self.chat_id = run.get("chat_id")
        self.chat_type = run.get("chat_type")
        self.messages = [self._message(message) for message in run.get("messages", ())]
        self.guard = LoopGuardView(**run["guard"]) if "guard" in run else None
        self._seconds = float(run["seconds"])
        self._left: dict[str, asyncio.Future[Any]] = {}

    @property
    def deadline(self) -> float:
        """Time of the running loop at which this process is killed; for a plain function, seconds from its start."""
        return asyncio.get_running_loop().time() + self._seconds if self._is_async else self._seconds

    def reply(self, text: str, *, mentions: Any = ()) -> Any:
        """As `MessageContext.reply`."""
        return self._ask("reply", {"text": text, "mentions": list(mentions)}, lambda value: Sent(**value))

    def history(self, limit: int = 50) -> Any:
        """As `MessageContext.history`."""
        return self._ask(
            "history", {"limit": limit}, lambda value: [self._message(message) for message in value]
        )

    def members(self) -> Any:
        """As `MessageContext.members`."""
        return self._ask("members", {}, lambda value: value)

    def _ask(self, method: str, arguments: Mapping[str, Any], parse: Any) -> Any:
        if self._is_async:
            return self._ask_async(method, arguments, parse)
        return parse(self._line.ask(self._run, method, arguments))

    async def _ask_async(self, method: str, arguments: Mapping[str, Any], parse: Any) -> Any:
        """A reply that a handler stopped waiting for goes on: the same words again wait for its answer."""
        words = json.dumps(arguments)
        answer = self._left.pop(words, None) or asyncio.get_running_loop().run_in_executor(
            None, self._line.ask, self._run, method, arguments
        )
        try:
            return parse(await asyncio.shield(answer))
        except asyncio.CancelledError:
            answer.add_done_callback(_look_at)
            if method == "reply":
                self._left[words] = answer
            raise

    def _message(self, message: dict[str, Any]) -> Any:
        return message_from_api(message["raw"], me=self.me, sender_type=message["sender_type"])


def _look_at(answer: asyncio.Future[Any]) -> None:
    """Nobody may ask for it again, and then its error would be told as lost."""
    if not answer.cancelled():
        answer.exception()


def how_it_ended(line: Line, run: dict[str, Any], bound: BoundHandler) -> dict[str, Any]:
    """Run a handler, and say how it ended; whatever it raises is contained."""
    context = WorkerContext(line, run, bound)
    try:
        if bound.handler.is_async:
            asyncio.run(_on_loop(bound.handler, context))
        else:
            bound.handler.function(context)
    except StoppedError:
        return {"ended": "stopped"}
    except Retry as exc:
        return {"ended": "retry", "after": exc.after}
    except Reject as exc:
        return {"ended": "reject", "why": exc.why}
    except BaseException as exc:  # noqa: BLE001 - told to the runtime, whatever it is
        return {
            "ended": "raised",
            "type": type(exc).__name__,
            "is_api": isinstance(exc, ApiError),
            "trace": traceback_text(exc.__traceback__),
        }
    return {"ended": "returned"}


async def _on_loop(handler: Handler, context: WorkerContext) -> None:
    watch_tasks(LogObserver({"handler": handler.id}))
    await handler.function(context)


def _own_line() -> Line:
    """
    Take standard input and output for the line.

    The plugin's prints go to standard error. What it starts inherits an empty input: a command that reads its own to
    the end would swallow the next run.
    """
    outgoing = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    incoming = os.fdopen(os.dup(0), encoding="utf-8")
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    return Line(incoming, outgoing)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    """Load the plugin, then run what comes until the input ends."""
    _die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    line = _own_line()
    load = line.read()
    assert load is not None
    watch_threads(LogObserver({"plugin": load["name"]}))
    handlers = _load(line, load)
    while handlers and (run := line.read()) is not None:
        line.begin(run["run"])
        line.end(how_it_ended(line, run, handlers[run["handler"]]))
    sys.stderr.flush()
    # Not by returning: the interpreter would wait for threads that the plugin has left.
    os._exit(0)


def _load(line: Line, load: Mapping[str, Any]) -> dict[str, BoundHandler]:
    """Import the plugin and say what it is. Nothing: it is refused."""
    try:
        (loaded,) = load_plugins({load["name"]: load["table"]}, Path(load["config"]))
    except PluginError as exc:
        line.write(refusal(exc))
        return {}
    plugin = loaded.plugin
    line.write(describe(plugin.name, loaded.origin, loaded.version, plugin.handlers))
    return {bound.handler.id: bound for bound in bound_handlers([loaded])}


if __name__ == "__main__":
    main()
