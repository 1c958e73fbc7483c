"""
What this process does right now: its tasks and threads, and where each of them waits.

Files, lines and functions; never values, which may be messages or tokens. Bounded: what a thousand tasks do alike is
told once, and of deep stacks the innermost part.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import CodeType, FrameType

    Key: TypeAlias = tuple[str, tuple[str, ...]]

MOST_FRAMES: Final = 24
"""Of a stack, the innermost."""

MOST_STACKS: Final = 200
"""Of tasks, and of threads."""

MOST_NAMES: Final = 8
"""Of those that do alike; how many there are is told anyway."""

_NAME_CHARACTERS: Final = 120
_PATH_PARTS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """
    Where one or several, which do alike, are.

    Attributes:
        names: Of some of them.
        count: How many there are.
        state: `running` or `waiting`; of a task, what it waits for.
        frames: `file:line in function`, the innermost last.
    """

    names: tuple[str, ...]
    count: int
    state: str
    frames: tuple[str, ...]


def thread_stacks(interrupted_by: CodeType | None = None) -> list[Stack]:
    """
    Of all threads, that of the caller left out.

    Args:
        interrupted_by: Of a signal's handler: of who runs it, what it has interrupted is told.
    """
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    own = threading.get_ident()
    return _grouped(
        (names.get(ident) or f"thread {ident}", "running", _frames(frame, interrupted_by))
        for ident, frame in sys._current_frames().items()  # noqa: SLF001 - the one way to see another thread's
        if ident != own
    )


def thread_frames(ident: int) -> tuple[str, ...]:
    """Where another thread is, as of `Stack`; empty if it has ended."""
    frame = sys._current_frames().get(ident)  # noqa: SLF001 - as above
    return () if frame is None else _frames(frame, None)


def task_stacks(loop: asyncio.AbstractEventLoop) -> list[Stack]:
    """Of all tasks of a loop; may be called from another thread, and while the loop is stuck."""
    running = asyncio.current_task(loop)
    return _grouped(
        _running(task) if task is running else _waiting(task)
        for task in asyncio.all_tasks(loop)
        if not task.done()
    )


def as_text(title: str, stack: Stack) -> str:
    """Some lines for a person."""
    more = f" and {stack.count - len(stack.names)} more" if stack.count > len(stack.names) else ""
    return "\n".join(
        [f"{title} {', '.join(stack.names)}{more}: {stack.state}", *(f"  {f}" for f in stack.frames)]
    )


def _running(task: asyncio.Task[Any]) -> tuple[str, str, tuple[str, ...]]:
    """What it does is its thread's stack: of itself it shows only where it was begun."""
    frame = _frame(task.get_coro())
    return task.get_name(), "running", () if frame is None else (_place(frame),)


def _waiting(task: asyncio.Task[Any]) -> tuple[str, str, tuple[str, ...]]:
    frames: list[str] = []
    awaited: Any = task.get_coro()
    while awaited is not None and (frame := _frame(awaited)) is not None:
        frames.append(_place(frame))
        awaited = _awaited(awaited)
    state = f"waiting for {type(awaited).__name__}" if awaited else "waiting"
    return task.get_name(), state, tuple(frames[-MOST_FRAMES:])


def _frame(awaited: Any) -> FrameType | None:
    """Of a coroutine or a generator, asynchronous or not; `None` of anything else, and of one that has ended."""
    return next(
        (frame for name in ("cr_frame", "gi_frame", "ag_frame") if (frame := getattr(awaited, name, None))),
        None,
    )


def _awaited(awaited: Any) -> Any:
    return next(
        (
            inner
            for name in ("cr_await", "gi_yieldfrom", "ag_await")
            if (inner := getattr(awaited, name, None))
        ),
        None,
    )


def _frames(innermost: FrameType, interrupted_by: CodeType | None) -> tuple[str, ...]:
    outwards = [*_outwards(innermost)]
    handlers = [at for at, frame in enumerate(outwards) if frame.f_code is interrupted_by]
    frames = outwards[max(handlers, default=-1) + 1 :]
    return tuple(reversed([_place(frame) for frame in frames[:MOST_FRAMES]]))


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _place(frame: FrameType) -> str:
    code = frame.f_code
    file = "/".join(code.co_filename.rsplit("/", _PATH_PARTS)[-_PATH_PARTS:])
    return f"{file}:{frame.f_lineno} in {code.co_qualname}"


def _grouped(places: Iterable[tuple[str, str, tuple[str, ...]]]) -> list[Stack]:
    alike: defaultdict[Key, list[str]] = defaultdict(list)
    for name, state, frames in places:
        alike[state, frames].append(name[:_NAME_CHARACTERS])
    return [
        Stack(names=tuple(sorted(names)[:MOST_NAMES]), count=len(names), state=state, frames=frames)
        for (state, frames), names in itertools.islice(sorted(alike.items()), MOST_STACKS)
    ]
