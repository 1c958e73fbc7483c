"""A waker, for tests that wait for nothing else."""

from __future__ import annotations

import asyncio


class EventWaker:
    """
    Attributes:
        woken: Set by `wake`.
        times: What was told of times to come: which verb, and the time.
    """

    def __init__(self):
        self.woken = asyncio.Event()
        self.times = asyncio.Queue()

    def wake(self):
        self.woken.set()

    def wake_at(self, due_at):
        self.times.put_nowait(("wake_at", due_at))

    def fire_at(self, due_at):
        self.times.put_nowait(("fire_at", due_at))
