"""
A plugin's own process: loads the plugin, and runs its handlers one at a time.

What the plugin prints goes to standard error, and the standard input that it sees is empty. End of the line, and the
end of the reaper or of the runtime, end the process. A thread that outlives its run says nothing in the next one,
which may be another chat's.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import os
import signal
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from mycel_runtime.errors import ApiError, ArgumentError, MycelError, PluginError
from mycel_runtime.observe.development import show_traceback
from mycel_runtime.observe.log_style import LogStyle, lines_of
from mycel_runtime.observe.logs import LogObserver, configure_logging, restyle, tell_dropped
from mycel_runtime.observe.output import bound_output, drain_output
from mycel_runtime.observe.traceback_text import origin_text
from mycel_runtime.observe.unhandled_errors import watch_tasks, watch_threads
from mycel_runtime.plugin.callables import finished, is_unfinished
from mycel_runtime.plugin.context_run import ContextEndedError
from mycel_runtime.plugin.credentials import hand_on
from mycel_runtime.plugin.forked import ending_forks
from mycel_runtime.plugin.isolation import messages as said
from mycel_runtime.plugin.isolation.child_context import child_run
from mycel_runtime.plugin.isolation.description import described, refused
from mycel_runtime.plugin.isolation.messages import decode, encode
from mycel_runtime.plugin.isolation.state import changes_said
from mycel_runtime.plugin.loading import import_plugin
from mycel_runtime.plugin.outcome import Reject, Retry, Unavailable

if TYPE_CHECKING:
    from typing import BinaryIO

    from pydantic import TypeAdapter

    from mycel_runtime.plugin.handler import Handler
    from mycel_runtime.plugin.isolation.child_context import ChildRun
    from mycel_runtime.plugin.loading import ImportedPlugin

M = TypeVar("M")
E = TypeVar("E", bound=MycelError)


class StoppedError(BaseException):
    """The runtime has ended this run. Passes `except Exception`."""


class Line:
    """
    The line to the runtime: one question at a time, answered before the next.

    Between runs only the main thread reads it, within one only who holds the lock. A forked child, which would have a
    lock and a run of its own, is refused.
    """

    def __init__(self, incoming: BinaryIO, outgoing: BinaryIO) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._lock = threading.Lock()
        self._run = ""
        self._late_calls = 0
        self._pid = os.getpid()

    def read(self, expected: TypeAdapter[M]) -> M | None:
        """The next line; `None` at the end."""
        try:
            line = self._incoming.readline()
        except ConnectionError:
            return None
        return decode(line, expected) if line else None

    def write(self, message: said.Message) -> None:
        """Say something."""
        self._outgoing.write(encode(message))
        self._outgoing.flush()

    def begin(self, run: str) -> None:
        """From here on this run may ask."""
        with self._lock:
            self._run = run

    def end(self, ending: said.Ending) -> None:
        """The run asks no more. What it left under way is answered first; then the runtime is told how it ended."""
        with self._lock:
            self._run = ""
            late_calls, self._late_calls = self._late_calls, 0
            self.write(ending.model_copy(update={"late_calls": late_calls}))

    def note_late_call(self) -> None:
        """A run that is over was used, on any thread; of two at the same instant one may be missing."""
        self._late_calls += 1

    def ask(self, question: said.Question) -> Any:
        """
        Have a method of the context's port called by the runtime; what it returned, as JSON.

        Raises:
            ContextEndedError: The run is over: it has ended here, or this is not the process that runs it.
            StoppedError: The runtime has ended the run.
            ApiError, ArgumentError: As the method raised it.
        """
        with self._lock:
            if question.run != self._run or os.getpid() != self._pid:
                self.note_late_call()  # Of a forked child nobody hears.
                raise ContextEndedError
            self.write(question)
            answer = self.read(said.ANSWER)
        if answer is None or isinstance(answer, said.Stop):
            raise StoppedError
        if isinstance(answer, said.Failed):
            raise _error(answer)
        if isinstance(answer, said.Mistaken):
            raise _kind(ArgumentError, answer.error)(answer.problem, fix=answer.fix)
        return answer.value


def _error(answer: said.Failed) -> ApiError:
    """The error that the method raised on the other side."""
    error = ApiError(answer.status, answer.detail)
    error.__class__ = _kind(ApiError, answer.error)
    return error


def _kind(root: type[E], name: str) -> type[E]:
    """The class of this name, `root` or below it; `root` if there is none."""
    return next((kind for kind in _below(root) if kind.__name__ == name), root)


def _below(kind: type[E]) -> list[type[E]]:
    return [kind, *(below for child in kind.__subclasses__() for below in _below(child))]


def run_to_end(line: Line, run: said.Run, imported: ImportedPlugin) -> said.Ending:
    """Run a handler, and say how it ended; whatever it raises is contained."""
    handler = next(each for each in imported.plugin.handlers if each.id == run.handler)
    if isinstance(run, said.ChatRun) and run.failure:
        handler = handler.giving_up()
    running = child_run(line.ask, run, handler, imported.settings)
    try:
        with ending_forks():
            _run(handler, running)
    except BaseException as exc:  # noqa: BLE001 - told to the runtime, whatever it is
        return _ending(run.run, exc)
    finally:
        running.context.end(line.note_late_call)
    changes = changes_said(running.context.run.changes)
    return said.Returned(run=run.run, effects=tuple(running.port.effects), changes=changes)


def _run(handler: Handler, running: ChildRun) -> None:
    result = handler.function(running.argument)
    if is_unfinished(result):
        # Not known as an `async def`, it may be one behind an ordinary decorator: nothing of it has run yet.
        running.waiting.go_on_awaited()
        asyncio.run(_on_loop(handler, result))
    running.context.require_awaited()


def _ending(run: str, raised: BaseException) -> said.Ending:
    match raised:
        case StoppedError():
            return said.Stopped(run=run)
        case Retry(after=after, why=why):
            return said.RetryRaised(run=run, after=after, why=why)
        case Reject(why=why, is_told=is_told):
            return said.RejectRaised(run=run, why=why, is_told=is_told)
        case Unavailable(why=why, fix=fix):
            return said.UnavailableRaised(run=run, why=why, fix=fix)
        case _:
            show_traceback(raised)
            return said.Raised(
                run=run,
                error=type(raised).__name__,
                is_api=isinstance(raised, ApiError),
                mistake=raised.problem[: said.MISTAKE_CHARACTERS]
                if isinstance(raised, ArgumentError)
                else "",
                trace=origin_text(raised),
            )


async def _on_loop(handler: Handler, result: Any) -> None:
    watch_tasks(LogObserver({"handler": handler.id}))
    await finished(result)


def _own_line() -> Line:
    """
    Take standard input for the line.

    The plugin's prints go to standard error. What it starts inherits an empty input: a command that reads its own to
    the end would swallow the next run.
    """
    os.dup2(2, 1)
    line = socket.socket(fileno=os.dup(0))
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    return Line(line.makefile("rb"), line.makefile("wb"))


def main() -> NoReturn:
    """Load the plugin, then run what comes until the line ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    line = _own_line()
    # A line that cannot be written must not hold a handler until its deadline.
    bound_output(on_dropped=tell_dropped)
    configure_logging(LogStyle())
    # As the runtime does: where its threads are, a handler that never ends for example.
    faulthandler.register(signal.SIGUSR1, file=2, all_threads=True)
    load = line.read(said.LOAD)
    if load is not None:
        watch_threads(LogObserver({"plugin": load.name}))
        # Whom it would be told is gone, as at the end of the line.
        with contextlib.suppress(ConnectionError):
            _serve(line, load)
    drain_output()
    # Not by returning: the interpreter would wait for threads that the plugin has left.
    os._exit(0)


def _serve(line: Line, load: said.Load) -> None:
    hand_on(load.credentials)
    try:
        imported = import_plugin(load.name, load.table, Path(load.config))
    except PluginError as exc:
        line.write(refused(exc))
        return
    line.write(described(imported))
    agent = ""
    while (told := line.read(said.RUN)) is not None:
        if isinstance(told, said.Styled):
            agent = told.agent
            restyle(agent, LogStyle(level=told.level, format=told.format))
            continue
        line.begin(told.run)
        with lines_of(agent):
            ending = run_to_end(line, told, imported)
        line.end(ending)
