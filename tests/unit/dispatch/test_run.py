"""A handler's run, however it ends."""

from __future__ import annotations

import asyncio
import sys
import threading

import pytest

from mycel_runtime.dispatch.run import run_handler
from mycel_runtime.dispatch.verdict import Failed, Unanswered
from mycel_runtime.errors import BadRequestError, NotFoundError, PermissionDeniedError, TransportError
from mycel_runtime.plugin.context import FrameContext
from mycel_runtime.plugin.outcome import Reject, Retry
from mycel_runtime.plugin.plugin import Plugin
from mycel_runtime.speech.ending import SupersededError, UnansweredError

SECRET = "the text of a message"


def handler_of(function):
    plugin = Plugin("p")
    plugin.on_frame("*")(function)
    return plugin.handlers[0]


async def outcome(function, seconds=20.0):
    context = FrameContext(
        event_type="x",
        metadata={},
        me="me",
        settings=None,
        log=None,
        deadline=asyncio.get_running_loop().time() + seconds,
        attempt=1,
    )
    return await run_handler(handler_of(function), context, through_seq=3)


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
    assert failed.through_seq == 3
    assert SECRET not in failed.reason + failed.trace


async def test_a_trace_names_file_line_and_function():
    failed = await outcome(raising(ValueError(SECRET), is_async=True))

    assert failed.reason == "ValueError"
    assert failed.trace.splitlines()[-1].startswith("test_run.py:")
    assert failed.trace.endswith("in coroutine")


async def test_retry_and_reject_are_answers():
    assert await outcome(raising(Retry(after=2), is_async=True)) == Failed(
        reason="Retry", trace="", through_seq=3, retry_after=2, is_answer=True
    )
    rejected = await outcome(raising(Reject("no"), is_async=False))
    assert (rejected.reason, rejected.is_permanent) == ("Reject: no", True)


async def test_a_refusal_of_the_backend_is_permanent_and_its_trouble_is_not_the_handlers():
    refused = await outcome(raising(BadRequestError(400, "no"), is_async=True))
    assert (refused.reason, refused.is_permanent) == ("BadRequestError 400", True)

    assert isinstance(await outcome(raising(TransportError("reset"), is_async=True)), Unanswered)
    assert isinstance(
        await outcome(raising(UnansweredError(TransportError("reset")), is_async=False)), Unanswered
    )


@pytest.mark.parametrize("error", [PermissionDeniedError(403, "no"), NotFoundError(404, "no")])
async def test_q52_a_refusal_that_a_proxy_may_have_said_is_tried_again_and_is_not_the_handlers(error):
    refused = await outcome(raising(error, is_async=True))

    assert refused.reason == f"{type(error).__name__} {error.status_code}"
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

    assert (await outcome(forever, seconds=0.01)).reason == "deadline passed"


async def test_the_deadline_abandons_a_thread():
    released = threading.Event()

    failed = await outcome(lambda_named(released), seconds=0.01)
    released.set()

    assert failed.reason == "deadline passed"


def lambda_named(released):
    def blocked(ctx):
        released.wait(20)

    return blocked


async def test_an_error_of_its_own_timeout_is_a_failure_not_the_deadline():
    assert (await outcome(raising(TimeoutError(), is_async=True))).reason == "TimeoutError"


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


async def test_recursion_without_end_is_contained():
    def recurse(ctx):
        return recurse(ctx)

    limit = sys.getrecursionlimit()
    assert (await outcome(recurse)).reason == "RecursionError"
    assert sys.getrecursionlimit() == limit
