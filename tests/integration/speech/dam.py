"""A proxy that keeps sends back: their sender has long given up when the server gets them."""

from __future__ import annotations

import asyncio
import contextlib

from tests.integration.speech.tollgate import SEND, Tollgate, message_from


class Dam(Tollgate):
    """
    Relays; the next send is held until `release`, whatever its sender does meanwhile.

    Attributes:
        held: Set when a send is held.
        passed: Set when the server has answered it.
        status: Of that answer.
    """

    def __init__(self, port):
        super().__init__(port)
        self._is_closed = True
        self._released = asyncio.Event()
        self.held = asyncio.Event()
        self.passed = asyncio.Event()
        self.status = None

    def release(self):
        self._released.set()

    async def _exchange(self, reader, writer, up_reader, up_writer):
        request = await message_from(reader)
        is_held = self._is_closed and bool(SEND.match(request))
        if is_held:
            self._is_closed = False
            self.held.set()
            await self._released.wait()
        up_writer.write(request)
        await up_writer.drain()
        answer = await message_from(up_reader)
        if is_held:
            self.status = int(answer.split(b" ", 2)[1])
            self.passed.set()
        with contextlib.suppress(ConnectionError):
            writer.write(answer)
            await writer.drain()
        return not is_held
