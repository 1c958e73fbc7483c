"""Processes that live a life of an agent each, and are killed: by themselves at a named point, or from outside."""

from __future__ import annotations

import asyncio
import contextlib

from mycel_runtime.sdk import AsyncClient
from tests.integration.fork_server import LIVED, fork_server


class Lifetimes:
    """
    Starts and buries them.

    Args:
        live: What a process runs, with its life; of a module in `LIVED`.
        longest: Seconds after which a life has ended by itself.
    """

    def __init__(self, live, longest):
        self._live = live
        self._longest = longest
        assert live.__module__ in LIVED
        self._processes = fork_server()

    @contextlib.contextmanager
    def alive(self, life):
        """A process that lives it, until the end of the block at the latest."""
        process = self._processes.Process(target=self._live, args=(life,))
        process.start()
        try:
            yield process
        finally:
            process.kill()
            process.join()
            process.close()

    async def run(self, life, *, seconds=None):
        """
        Whether this life was killed; one that ends in any other way than by itself is an error.

        Args:
            life: As of `live`.
            seconds: When it is killed from outside, if it has not ended.
        """
        with self.alive(life) as process:
            is_over = await has_ended(process, self._longest if seconds is None else seconds)
            if seconds is not None and not is_over:
                process.kill()
                await has_ended(process, self._longest)
            assert process.exitcode in {0, -9}, (life.point, life.nth, process.exitcode)
            return process.exitcode == -9


async def has_ended(process, within):
    """
    Whether it ends within so many seconds.

    Not by `join` in a thread: each start looks after all processes, and of two that look at once one is told 255.
    """
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(process.sentinel, ended.set)
    try:
        async with asyncio.timeout(within):
            await ended.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(process.sentinel)
    process.join()
    return True


@contextlib.asynccontextmanager
async def owner_of(backend):
    """A new human's client, who may make agents."""
    async with AsyncClient(base_url=backend.base_url) as nobody:
        made = await nobody.auth.create_guest_owner("owner")
    async with AsyncClient(base_url=backend.base_url, auth_token=made["token"]) as owner:
        yield owner
