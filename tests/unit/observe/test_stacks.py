"""What the process does is told by places, bounded, and what is alike once."""

from __future__ import annotations

import asyncio
import threading

from mycel_runtime.observe.stacks import (
    MOST_FRAMES,
    MOST_NAMES,
    MOST_STACKS,
    as_text,
    task_stacks,
    thread_stacks,
)


async def waiting_for_ever(secret):
    await asyncio.Event().wait()


async def deep(levels):
    await (deep(levels - 1) if levels else asyncio.Event().wait())


async def test_tasks_that_do_alike_are_told_once_to_the_innermost_line():
    async with asyncio.TaskGroup() as tasks:
        all_ = [tasks.create_task(waiting_for_ever("canary"), name=f"w-{n:04}") for n in range(1000)]
        all_ += [tasks.create_task(deep(levels), name=f"d-{levels}") for levels in range(300)]
        await asyncio.sleep(0)
        stacks = task_stacks(asyncio.get_running_loop())
        for task in all_:
            task.cancel()

    (alike,) = [stack for stack in stacks if stack.names[0] == "w-0000"]
    assert alike.count == 1000
    assert len(alike.names) == MOST_NAMES
    assert [frame.rpartition(" in ")[2] for frame in alike.frames] == ["waiting_for_ever", "Event.wait"]
    assert alike.state.startswith("waiting for ")
    assert len(stacks) <= MOST_STACKS
    assert max(len(stack.frames) for stack in stacks) <= MOST_FRAMES
    assert any(stack.state == "running" for stack in stacks)
    text = "\n".join(as_text("task", stack) for stack in stacks)
    assert "and 992 more" in text
    assert "canary" not in text


def test_a_thread_is_told_by_its_name_and_the_caller_is_left_out():
    lock = threading.Lock()
    with lock:
        thread = threading.Thread(target=lock.acquire, name="waiter", daemon=True)
        thread.start()
        stacks = thread_stacks()
    thread.join(10)

    assert [stack.names for stack in stacks if "waiter" in stack.names] == [("waiter",)]
    assert not any("test_stacks" in frame for stack in stacks for frame in stack.frames)
