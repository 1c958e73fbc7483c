"""A handler's run, however it ends."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from mycel_runtime.dispatch import run
from mycel_runtime.dispatch.abandoned import AbandonedRuns
from mycel_runtime.dispatch.run import run_handler
from mycel_runtime.dispatch.verdict import Failed, Unanswered
from mycel_runtime.errors import BadRequestError, NotFoundError, PermissionDeniedError, TransportError
from mycel_runtime.journal.dead_letter import Letter
from mycel_runtime.plugin import process_state
from mycel_runtime.plugin.context_run import ContextEndedError
from mycel_runtime.plugin.frame_context import FrameContext
from mycel_runtime.plugin.outcome import Reject, Retry
from mycel_runtime.plugin.plugin import Plugin
from mycel_runtime.speech.evidence import Operation
from mycel_runtime.speech.interrupts import SupersededError, UnansweredError

SECRET = "the text of a message"
ABANDONED = AbandonedRuns()


def handler_of(function):
    plugin = Plugin("p")
    plugin.on_frame("*")(function)
    return plugin.handlers[0]


async def outcome(function, seconds=60.0):
    context = FrameContext(
        event_type="x",
        metadata={},
        me="me",
        settings=None,
        log=None,
        deadline=asyncio.get_running_loop().time() + seconds,
        attempt=1,
    )
    return await run_handler(handler_of(function), context, abandoned=ABANDONED)


def raising(exc, *, is_async):
    async def coroutine(ctx):
        raise exc

    def function(ctx):
        raise exc

    return coroutine if is_async else function


@pytest.mark.parametrize("is_async", [True, False])
@pytest.mark.parametrize(
    "exc",
    [
        ValueError(SECRET),
        SystemExit(3),
        KeyboardInterrupt(),
        RecursionError(),
        MemoryError(),
        asyncio.CancelledError(),
        StopIteration(),
        BaseException(SECRET),
    ],
    ids=lambda exc: type(exc).__name__,
)
async def test_whatever_a_handler_raises_is_contained_and_told_without_values(exc, is_async):
    failed = await outcome(raising(exc, is_async=is_async))

    assert isinstance(failed, Failed)
    assert not failed.is_permanent
    assert SECRET not in failed.letter.reason + failed.letter.trace


async def test_a_trace_names_file_line_and_function():
    failed = await outcome(raising(ValueError(SECRET), is_async=True))

    assert failed.letter.reason == "ValueError"
    assert failed.letter.trace.splitlines()[-1].startswith("test_run.py:")
    assert failed.letter.trace.endswith("in coroutine")


async def test_retry_and_reject_are_answers():
    assert await outcome(raising(Retry(after=2), is_async=True)) == Failed(
        letter=Letter(reason="Retry"), retry_after=2, is_answer=True
    )
    waiting = await outcome(raising(Retry(after=2, why="busy"), is_async=True))
    assert waiting.letter.reason == "Retry: busy"
    rejected = await outcome(raising(Reject("no"), is_async=False))
    assert (rejected.letter.reason, rejected.is_permanent, rejected.is_untold) == ("Reject: no", True, True)


async def test_a_refusal_of_the_backend_is_permanent_and_its_trouble_is_not_the_handlers():
    refused = await outcome(raising(BadRequestError(400, "no"), is_async=True))
    assert (refused.letter.reason, refused.is_permanent) == ("BadRequestError 400: no", True)

    assert isinstance(await outcome(raising(TransportError("reset"), is_async=True)), Unanswered)
    assert isinstance(
        await outcome(raising(UnansweredError(TransportError("reset"), Operation.READ), is_async=False)),
        Unanswered,
    )


@pytest.mark.parametrize("error", [PermissionDeniedError(403, "no"), NotFoundError(404, "no")])
async def test_q52_a_refusal_that_a_proxy_may_have_said_is_tried_again_and_is_not_the_handlers(error):
    refused = await outcome(raising(error, is_async=True))

    assert refused.letter.reason == f"{type(error).__name__} {error.status_code}: no"
    assert (refused.is_permanent, refused.is_answer) == (False, True)


async def test_being_superseded_passes_through_a_handler_that_catches_exceptions():
    async def handler(ctx):
        try:
            await raising(SupersededError([]), is_async=True)(ctx)
        except Exception:  # noqa: BLE001 - what a careless author writes
            return

    with pytest.raises(SupersededError):
        await outcome(handler)


async def test_the_deadline_cancels_an_async_handler():
    async def forever(ctx):
        await asyncio.Event().wait()

    assert (await outcome(forever, seconds=0.01)).letter.reason == "deadline passed"


async def test_the_deadline_abandons_a_thread():
    released = threading.Event()

    failed = await outcome(lambda_named(released), seconds=0.01)
    released.set()

    assert failed.letter.reason == "deadline passed"


def lambda_named(released):
    def blocked(ctx):
        released.wait(60)

    return blocked


async def test_an_error_of_its_own_timeout_is_a_failure_not_the_deadline():
    assert (await outcome(raising(TimeoutError(), is_async=True))).letter.reason == "TimeoutError"


async def test_cancelling_the_run_cancels_the_handler_and_passes_through():
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def handler(ctx):
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(outcome(handler))
        await started.wait()
        running.cancel()

    assert running.cancelled()
    assert cancelled.is_set()


def stubborn(released, *, last=None):
    """A handler that catches every cancellation until it is released."""

    async def handler(ctx):
        while not released.is_set():
            with contextlib.suppress(BaseException):
                await released.wait()
        if last is not None:
            raise last

    return handler


@pytest.fixture
def short_grace(monkeypatch):
    monkeypatch.setattr(run, "GRACE_SECONDS", 0.05)


async def until_none_is_abandoned():
    left = [task for task in asyncio.all_tasks() if task.get_name().startswith("handler-")]
    if left:
        await asyncio.wait(left, timeout=20)
    assert ABANDONED.tasks == 0


@pytest.mark.usefixtures("short_grace")
async def test_a_handler_that_catches_its_cancellation_is_abandoned_at_its_deadline():
    released = asyncio.Event()

    failed = await outcome(stubborn(released), seconds=0.01)

    assert failed.letter.reason == "deadline passed"
    assert ABANDONED.tasks == 1
    released.set()
    await until_none_is_abandoned()


@pytest.mark.usefixtures("short_grace")
async def test_an_abandoned_handler_keeps_no_state_of_the_process_from_being_put_back(monkeypatch):
    """Else one that never ends would leave each later change of any plugin's where it is, and untold."""
    told, released = [], asyncio.Event()
    observer = SimpleNamespace(tell=lambda fact: told.append((fact.plugin, fact.aspect)))
    monkeypatch.setattr(process_state, "_current", process_state.ProcessState(observer))
    before = Path.cwd()

    async def stray(ctx):
        os.chdir("/")

    try:
        await outcome(stubborn(released), seconds=0.01)
        await outcome(stray)
        assert (Path.cwd(), told) == (before, [("p", "working directory")])
    finally:
        os.chdir(before)
        released.set()
        await until_none_is_abandoned()


@pytest.mark.usefixtures("short_grace")
async def test_cancelling_passes_through_though_the_handler_catches_it():
    released, started = asyncio.Event(), asyncio.Event()

    async def handler(ctx):
        started.set()
        await stubborn(released)(ctx)

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(outcome(handler))
        await started.wait()
        running.cancel()

    assert running.cancelled()
    assert ABANDONED.tasks == 1
    released.set()
    await until_none_is_abandoned()


@pytest.mark.usefixtures("short_grace")
async def test_what_an_abandoned_handler_raises_at_last_is_told_to_the_loop():
    released, told = asyncio.Event(), []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
    last = ValueError(SECRET)

    await outcome(stubborn(released, last=last), seconds=0.01)
    released.set()
    await until_none_is_abandoned()

    assert told == [last]


@pytest.mark.usefixtures("short_grace")
async def test_a_second_cancellation_ends_a_handler_that_catches_one():
    async def handler(ctx):
        for _ in range(2):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    assert (await outcome(handler, seconds=0.01)).letter.reason == "deadline passed"
    await until_none_is_abandoned()


async def test_a_handler_may_return_when_its_deadline_passes():
    async def handler(ctx):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.sleep(0.01)

    assert await outcome(handler, seconds=0.01) is None
    assert ABANDONED.tasks == 0


@pytest.mark.parametrize("seconds", [0.01, 20.0], ids=["at its deadline", "at a cancellation"])
async def test_what_a_handler_raises_because_it_is_cancelled_is_not_its_failure(seconds):
    """Client libraries turn a cancellation into a lost connection."""
    started = asyncio.Event()

    async def handler(ctx):
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ConnectionResetError from None

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(outcome(handler, seconds))
        await started.wait()
        if seconds > 1:
            running.cancel()

    assert running.cancelled() or running.result().letter.reason == "deadline passed"
    assert running.cancelled() is (seconds > 1)


async def test_a_handler_sees_the_context_variables_of_its_delivery():
    variable, seen = contextvars.ContextVar("variable"), []

    async def handler(ctx):
        seen.append(variable.get())

    variable.set("here")
    assert await outcome(handler) is None
    assert seen == ["here"]


async def test_recursion_without_end_is_contained():
    def recurse(ctx):
        return recurse(ctx)

    limit = sys.getrecursionlimit()
    assert (await outcome(recurse)).letter.reason == "RecursionError"
    assert sys.getrecursionlimit() == limit


async def test_what_a_handler_wants_after_its_end_is_refused_and_counted():
    """Somebody who has not awaited his reply would look for it in vain."""
    kept = []
    before = ABANDONED.late_calls
    assert await outcome(kept.append) is None

    with pytest.raises(ContextEndedError):
        kept[0].store["key"] = 1

    assert ABANDONED.late_calls == before + 1
