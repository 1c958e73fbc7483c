"""Several agents of one process lose the same road at once: each comes back at a moment of its own."""

from __future__ import annotations

import asyncio
import contextlib
import random

import pytest
from pydantic import SecretStr
from websockets.asyncio.server import serve

from mycel_runtime.inbox.connection import CurrentConnection
from mycel_runtime.inbox.recovery import HASTE_SHARE
from mycel_runtime.inbox.stream import Listener
from mycel_runtime.settings import InboxSettings
from tests.integration.inbox.conftest import DEADLINE, Memory
from tests.integration.inbox.herd import fullest_second
from tests.integration.inbox.test_politeness import Idle, Known
from tests.road.gateway import Gateway

AGENTS = 24
CAP = InboxSettings().backoff_cap
TRIES = 7
"""Of each while the road is cut: their waits have grown up to the cap by then."""


class Plugin(Memory):
    """Seeds the generator that all share, as a plugin may, before each draw of a wait."""

    def tell(self, fact):
        random.seed(7)
        super().tell(fact)


class Agent:
    """A listener whose waits pass at once; the last one of the outage does not."""

    def __init__(self, base_url):
        self.waited = []
        self.is_waiting = asyncio.Event()
        self.listener = Listener(
            base_url=base_url,
            token=SecretStr("token"),
            sdk=Known(),
            intake=Idle(),
            reconciler=Idle(),
            connection=CurrentConnection(),
            settings=InboxSettings(),
            observer=Plugin(),
            sleep=self._sleep,
        )

    async def _sleep(self, seconds):
        random.seed(7)
        self.waited.append(seconds)
        if len(self.waited) == TRIES:
            self.is_waiting.set()
            await asyncio.Event().wait()
        await asyncio.sleep(0)

    def find_way_back(self):
        self.listener.call_made(False)
        self.listener.call_made(True)


@pytest.mark.slow
async def test_after_an_outage_of_the_road_that_they_share_agents_come_back_one_by_one():
    """Behind one gateway, which hangs up on everybody; a call of each finds the way back at the same moment."""
    connected = asyncio.Semaphore(0)

    async def accept(connection):
        connected.release()
        await connection.wait_closed()

    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(serve(accept, "127.0.0.1", 0))
        gateway = stack.enter_context(Gateway(server.sockets[0].getsockname()[1]))
        gateway.hang_up(is_carried_out=False)
        await stack.enter_async_context(asyncio.timeout(3 * DEADLINE))
        agents = [Agent(gateway.base_url) for _ in range(AGENTS)]
        async with asyncio.TaskGroup() as tasks:
            listening = [tasks.create_task(agent.listener.run()) for agent in agents]
            for agent in agents:
                await agent.is_waiting.wait()
            gateway.clear()
            for agent in agents:
                agent.find_way_back()
            for _ in agents:
                await connected.acquire()
            for task in listening:
                task.cancel()

    waits, hurries = ([agent.waited[place] for agent in agents] for place in (TRIES - 1, TRIES))
    assert max(hurries) < CAP * HASTE_SHARE
    assert fullest_second(hurries) <= AGENTS * 2 / 3, "of five"
    assert fullest_second(waits) <= AGENTS / 3, "of thirty and more"
