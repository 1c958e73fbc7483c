"""
A handler's run: until it returns, raises, or its deadline passes.

`async def` runs here, on the loop, in a task of its own; whatever else can be called runs in a thread of its own, a
daemon thread, because one that never ends must not keep the process alive. If it returns something to be awaited,
that is run here too. Neither can be made to end: what goes on is abandoned.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import dataclasses
import functools
import threading
import time
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from mycel_runtime.dispatch.thread_turns import THREAD_TURNS
from mycel_runtime.dispatch.verdict import Failed, Unanswered, refused
from mycel_runtime.errors import (
    ApiError,
    ArgumentError,
    ContentTooLargeError,
    HandlerRaisedError,
    NotCaughtUpError,
    NotFoundError,
    PermissionDeniedError,
)
from mycel_runtime.journal.dead_letter import Letter
from mycel_runtime.journal.ids import plugin_of
from mycel_runtime.observe.development import show_traceback
from mycel_runtime.observe.logs import logger_of
from mycel_runtime.observe.traceback_text import origin_text, traceback_text
from mycel_runtime.plugin.callables import finished, is_unfinished
from mycel_runtime.plugin.forked import ending_forks
from mycel_runtime.plugin.outcome import Reject, Retry, Unavailable
from mycel_runtime.plugin.plain_context import WaitingInThread, plain_context
from mycel_runtime.plugin.process_state import entrusted_to
from mycel_runtime.speech.evidence import Operation
from mycel_runtime.speech.interrupts import (
    UNANSWERED,
    DroppedError,
    RefusedError,
    SupersededError,
    UnansweredError,
    WithheldError,
)
from mycel_runtime.speech.server_detail import reason_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import structlog

    from mycel_runtime.dispatch.abandoned import AbandonedRuns
    from mycel_runtime.journal.delivery import Delivery
    from mycel_runtime.journal.ids import HandlerId
    from mycel_runtime.plugin.context import Context
    from mycel_runtime.plugin.handler import Handler

    Call: TypeAlias = Callable[[Handler, Context], Awaitable[None]]


GRACE_SECONDS: Final = 3.0
"""From the cancellation of a handler until it is abandoned: time to close what it has opened."""


async def run_handler(
    handler: Handler,
    context: Context,
    *,
    abandoned: AbandonedRuns,
    call: Call | None = None,
    watch: Callable[[asyncio.Task[Any]], None] | None = None,
) -> Failed | Unanswered | None:
    """
    Run once.

    Args:
        handler: What to call.
        context: With what; ended when the run is over.
        abandoned: Counts it if it goes on nevertheless.
        call: Calls it; by default here, on the loop or in a thread.
        watch: Told of the task that it runs in.

    Returns:
        `None` when it returned, or was about to say what must not be said, else how it ended. Whatever it raises,
        `SystemExit` included, is contained. Its changes of what its plugin remembers and plans stand only when it
        returned.

    Raises:
        SupersededError: It is to be asked again with more messages.

    Cancelling: cancels an `async def` handler, and abandons it if it goes on nevertheless; abandons a `def` handler
        to its thread. Whatever they raise then, it is a cancellation.
    """
    # Until the run's end, not the handler's: one that is abandoned may never end.
    entrusted = entrusted_to(plugin_of(handler.id)) if call is None else contextlib.nullcontext()
    try:
        with entrusted:
            calling = call or functools.partial(_call, abandoned)
            raised, is_late = await _contained(calling, handler, context, abandoned, watch)
    finally:
        context.end(abandoned.note_late_calls)
    if raised is not None:
        context.run.give_up_changes()
    return ending_of(raised, is_late=is_late)


async def _contained(
    call: Call,
    handler: Handler,
    context: Context,
    abandoned: AbandonedRuns,
    watch: Callable[[asyncio.Task[Any]], None] | None,
) -> tuple[BaseException | None, bool]:
    """
    What it raised, and whether its deadline has passed.

    In a task of its own, outside of any group: one that catches its cancellation would keep whoever waits for it.
    """
    loop = asyncio.get_running_loop()
    running = loop.create_task(_as_value(call, handler, context), name=f"handler-{handler.id}")
    if watch is not None:
        watch(running)
    is_late = False
    try:
        await asyncio.wait([running], timeout=max(0.0, context.deadline - time.monotonic()))
        is_late = not running.done()
    finally:
        if not running.done():
            await _stop(running, handler.id, abandoned)
    return running.result() if running.done() else TimeoutError(), is_late


async def _as_value(call: Call, handler: Handler, context: Context) -> BaseException | None:
    """What it raised, as a value: a task lets `SystemExit` through to the loop."""
    try:
        with ending_forks():
            await call(handler, context)
        context.require_awaited()
    except BaseException as exc:  # noqa: BLE001 - handed to the run, whatever it is
        return exc
    return None


async def _stop(
    running: asyncio.Task[BaseException | None], handler: HandlerId, abandoned: AbandonedRuns
) -> None:
    running.cancel()
    try:
        await asyncio.wait([running], timeout=GRACE_SECONDS)
    finally:
        if not running.done():
            abandoned.abandon_task(running, handler)


async def _call(abandoned: AbandonedRuns, handler: Handler, context: Context) -> None:
    if handler.is_async:
        await finished(handler.function(context))
        return
    waiting = WaitingInThread(asyncio.get_running_loop())
    argument = plain_context(context, waiting)
    result, raised = await _in_thread(handler.function, argument, handler.id, abandoned)
    if raised is not None:
        raise raised
    # An `async def` behind an ordinary decorator, for example: nothing of it has run yet.
    if is_unfinished(result):
        waiting.go_on_awaited()
    await finished(result)


async def _in_thread(
    function: Callable[[Any], Any], argument: Any, handler: HandlerId, abandoned: AbandonedRuns
) -> tuple[Any, BaseException | None]:
    """What the function returned in a thread of its own, or raised, as a value: no future raises `StopIteration`."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()

    def deliver(result: Any, raised: BaseException | None) -> None:
        if not ended.done():
            ended.set_result((result, raised))

    def call() -> None:
        result, raised = None, None
        try:
            with THREAD_TURNS.taken(), ending_forks():
                result = function(argument)
        except BaseException as exc:  # noqa: BLE001 - handed to the run, whatever it is
            raised = exc
        if not loop.is_closed():
            loop.call_soon_threadsafe(deliver, result, raised)

    # In the context of its run, as `asyncio.to_thread` has it: what is current there is current for the handler.
    here = contextvars.copy_context()
    thread = threading.Thread(target=here.run, args=(call,), name=f"handler-{handler}", daemon=True)
    thread.start()
    try:
        return await ended
    except asyncio.CancelledError:
        abandoned.abandon_thread(thread, handler)
        raise


def run_logger(delivery: Delivery) -> structlog.stdlib.BoundLogger:
    """What a handler's context logs with."""
    return logger_of(handler=delivery.handler, delivery=delivery.delivery_id, attempt=delivery.attempts + 1)


def ending_of(raised: BaseException | None, *, is_late: bool = False) -> Failed | Unanswered | None:
    """
    What a run that raised this has come to; `None`: it returned, or may say nothing.

    Raises:
        SupersededError: It is to be asked again with more messages.
    """
    match raised:
        case None | DroppedError() | WithheldError():
            return None
        case SupersededError():
            raise raised
        case UnansweredError(cause=cause):
            return Unanswered.by(cause, raised.operation)
        case RefusedError(cause=cause):
            return refused(cause)
        case _ if is_late:
            trace = traceback_text(raised.__traceback__)
            return Failed(letter=Letter(reason="deadline passed", trace=trace))
        case _:
            return _failed(raised)


def _failed(exc: BaseException) -> Failed | Unanswered:
    if isinstance(exc, Retry | Reject | Unavailable):
        return _answered(exc)
    if not isinstance(exc, HandlerRaisedError):
        show_traceback(exc)
    match exc:
        case ArgumentError(problem=problem):
            return _raised(exc, reason=f"ArgumentError: {problem}", is_permanent=True)
        case ApiError():
            return _refused(exc)
        case HandlerRaisedError(kind=kind, trace=trace, mistake=mistake):
            reason = f"{kind}: {mistake}" if mistake else kind
            return Failed(letter=Letter(reason=reason, trace=trace), is_permanent=bool(mistake))
        case _:
            return _raised(exc, reason=type(exc).__name__)


def _answered(answer: Retry | Reject | Unavailable) -> Failed:
    """It did not fail: the handler has said what is to become of its delivery."""
    match answer:
        case Retry(after=after, why=why):
            letter = Letter(reason=f"Retry: {why}" if why else "Retry")
            return Failed(letter=letter, retry_after=after, is_answer=True)
        case Reject(why=why, is_told=is_told):
            letter = Letter(reason=f"Reject: {why}")
            return Failed(letter=letter, is_permanent=True, is_answer=True, is_untold=is_told)
        case Unavailable():
            letter = Letter(reason=f"Unavailable: {answer}")
            return Failed(letter=letter, is_answer=True, is_unavailable=True)


def _refused(exc: ApiError) -> Failed | Unanswered:
    """Not let in now may be let in later (Q52), and less may be said in another run; the others are final."""
    if isinstance(exc, UNANSWERED):
        return Unanswered.by(exc, Operation.READ)
    if isinstance(exc, NotCaughtUpError):
        return Failed(letter=Letter(reason="somebody spoke first"), is_answer=True)
    is_ambiguous = isinstance(exc, PermissionDeniedError | NotFoundError | ContentTooLargeError)
    failed = _raised(exc, reason=reason_of(exc), is_permanent=not is_ambiguous)
    if is_ambiguous:
        return dataclasses.replace(failed, is_answer=True, operation=Operation.SEND)
    return failed


def _raised(exc: BaseException, *, reason: str, is_permanent: bool = False) -> Failed:
    letter = Letter(reason=reason, trace=origin_text(exc))
    return Failed(letter=letter, is_permanent=is_permanent)
