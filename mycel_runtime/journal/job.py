"""An operation that somebody waits for while another thread carries it out."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")


@dataclass(slots=True)
class Job(Generic[T]):
    """
    An operation, and the caller that waits; cancelled, it waits for the end of it all the same.

    Attributes:
        operation: Of its engine's connection.
        is_durable: Its caller is told when it is on the disk; else, when it is committed.
    """

    operation: Callable[[Any], T]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[T]
    is_durable: bool


Outcome: TypeAlias = "tuple[Job[Any], Any, BaseException | None]"
"""Of an operation: what it returned, or why nothing of it is stored, or is on the disk."""


def deliver(outcomes: Sequence[Outcome]) -> None:
    """Tell callers in other threads, each in its loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any, BaseException | None]]] = {}
    for job, result, error in outcomes:
        by_loop.setdefault(job.loop, []).append((job.future, result, error))
    for loop, answers in by_loop.items():
        # A loop that has been closed has nobody who waits; asking first would not be early enough.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_resolve_all, answers)


def _resolve_all(answers: list[tuple[asyncio.Future[Any], Any, BaseException | None]]) -> None:
    for future, result, error in answers:
        resolve(future, result, error)


def resolve(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    """Tell whoever waits for it, in his loop, what became of his operation."""
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
        future.exception()


async def ended(
    future: asyncio.Future[T], *, on_cancel: Callable[[asyncio.Future[Any]], None] = lambda _: None
) -> T:
    """
    Its result; whoever is cancelled waits for its end all the same.

    Args:
        future: What is waited for.
        on_cancel: Told, then, that nobody wants it for its result any more.
    """
    if future.done():
        return future.result()
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        on_cancel(future)
        # Cancelled again meanwhile, it goes on waiting: the first cancellation is on its way already.
        while not future.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([future])
        raise
