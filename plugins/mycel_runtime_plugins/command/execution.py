"""A program is run once: told what it is to know, heard within its bounds, and ended with all that it has started."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mycel_runtime_plugins.child_process import OutputTooLargeError, read_bounded, running
from mycel_runtime_plugins.command.verdict import Execution

if TYPE_CHECKING:
    from mycel_runtime_plugins.child_process import ChildProcess, ChildSpec


async def execute(spec: ChildSpec, told: bytes, *, seconds: float, most: int) -> Execution:
    """
    Return when nothing of it is left.

    Args:
        spec: What to start.
        told: Its standard input.
        seconds: Until it is ended.
        most: Bytes of output until it is ended.

    Raises:
        ProgramUnavailableError: It cannot be started.

    Cancelling: it is ended.
    """
    async with running(spec) as child:
        try:
            async with asyncio.timeout(seconds):
                return await _hear(child, told, most)
        except TimeoutError:
            return Execution(status=None, output=b"")


async def _hear(child: ChildProcess, told: bytes, most: int) -> Execution:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(child.feed(told), name="command-input")
        try:
            output = await read_bounded(child.stdout, most)
        except OutputTooLargeError:
            return Execution(status=await child.end(), output=None)
        return Execution(status=await child.wait(), output=output)
