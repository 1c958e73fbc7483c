"""An event loop whose clock jumps to whatever is due next: hours of waiting in milliseconds, and always the same."""

from __future__ import annotations

import asyncio
import selectors


class _Jumping(selectors.SelectSelector):
    """Waits for nobody."""

    def __init__(self):
        super().__init__()
        self.now = 0.0

    def select(self, timeout=None):
        ready = super().select(0)
        if not ready and timeout:
            self.now += max(timeout, 0.0)
        return ready


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, selector):
        super().__init__(selector)
        self._jumping = selector

    def time(self):
        return self._jumping.now


def run(work):
    """The result of a coroutine that waits for nothing but time."""
    with asyncio.Runner(loop_factory=lambda: _VirtualLoop(_Jumping())) as runner:
        return runner.run(work)
