"""
What is raised where nobody awaits it: in tasks and threads that a handler has left behind.

Python prints such an exception with its text, and that may be a message's. It is told here by type and place.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mycel_runtime.observe.facts import UnhandledErrorRaised
from mycel_runtime.observe.traceback_text import traceback_text

if TYPE_CHECKING:
    from mycel_runtime.observe.observer import Observer


def watch_threads(observer: Observer) -> None:
    """Tell of threads, and of finalizers, for as long as this process lives."""

    def in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_type is not SystemExit:
            observer.tell(_failed("thread", args.exc_type, traceback_text(args.exc_traceback)))

    def in_finalizer(args: sys.UnraisableHookArgs) -> None:
        observer.tell(_failed("finalizer", args.exc_type, traceback_text(args.exc_traceback)))

    threading.excepthook = in_thread
    sys.unraisablehook = in_finalizer


def watch_tasks(observer: Observer) -> None:
    """Tell of tasks and callbacks of the running loop, for as long as it lives."""

    def on_loop(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """The message is left out too: it shows a callback with its arguments."""
        raised = context.get("exception")
        if raised is None:
            observer.tell(_failed("task", None, _origin(context.get("task"))))
        else:
            observer.tell(_failed("task", type(raised), traceback_text(raised.__traceback__)))

    asyncio.get_running_loop().set_exception_handler(on_loop)


def _failed(kind: str, error: type[BaseException] | None, trace: str) -> UnhandledErrorRaised:
    return UnhandledErrorRaised(kind=kind, error="" if error is None else error.__name__, trace=trace)


def _origin(task: asyncio.Task[Any] | None) -> str:
    """Where the coroutine of a task begins."""
    code = getattr(task and task.get_coro(), "cr_code", None)
    return "" if code is None else f"{Path(code.co_filename).name}:{code.co_firstlineno} in {code.co_name}"
