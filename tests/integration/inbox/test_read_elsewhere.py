"""Another program of this identity reads; what it has read is not answered by that."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter

import pytest

from mycel_runtime.errors import NotSentError
from mycel_runtime.sdk import AsyncClient
from tests.integration.inbox.conftest import DEADLINE, answer_at_once, running

pytestmark = pytest.mark.slow


@contextlib.asynccontextmanager
async def elsewhere(home):
    async with AsyncClient(base_url=home.backend.base_url, auth_token=home.agent_token) as client:
        yield client


async def say_and_read(home, text, chat_id=None):
    """Nobody is woken, and by the next look nothing is unread."""
    home.backend.faults.swallow_wakes(1)
    await home.say(text, chat_id)
    async with elsewhere(home) as client:
        await client.messages.read(chat_id or home.chat_id)


async def until_up(home):
    async with asyncio.timeout(DEADLINE):
        while True:
            with contextlib.suppress(NotSentError):
                return await home.owner.me.whoami()
            await asyncio.sleep(0.05)


async def test_what_was_read_elsewhere_while_the_server_restarted_is_heard_at_the_first_look(home, tmp_path):
    async with running(home, tmp_path / "s", reconcile_interval=3600, backoff_cap=0.3) as runtime:
        await home.say("before")
        await runtime.until_heard("before")
        home.backend.faults.refuse(503, times=10**6, path="/api/runtime/inbox/subscribe")
        home.backend.faults.restart()
        await runtime.memory.wait("stream.ended")
        await until_up(home)
        await say_and_read(home, "read by somebody else")
        home.backend.faults.clear()

        await runtime.until_heard("before", "read by somebody else")


async def test_what_was_read_elsewhere_while_the_agent_was_away_is_heard_at_its_first_look(home, tmp_path):
    async with running(home, tmp_path / "s", reconcile_interval=3600) as runtime:
        await home.say("before")
        await runtime.until_heard("before")
        async with elsewhere(home) as client:
            await client.messages.read(home.chat_id)
    await say_and_read(home, "while away")
    await say_and_read(home, "and again")

    async with running(home, tmp_path / "s", reconcile_interval=3600) as runtime:
        await runtime.until_heard("while away", "and again")


async def test_what_is_read_elsewhere_in_a_chat_that_was_silent_so_far_is_heard_and_its_past_is_not(
    home, tmp_path
):
    await say_and_read(home, "long ago")
    async with running(home, tmp_path / "s", reconcile_interval=0.3) as runtime:
        await runtime.memory.wait("reconcile.finished", 2)
        await say_and_read(home, "now")

        await runtime.until_heard("now")


async def test_what_we_have_said_ourselves_makes_no_work(home, tmp_path):
    """Neither a reply nor what it answers is looked at again, however often the list shows them."""
    asked = Counter()

    def count(path, reply):
        asked[path] += 1
        return reply

    async with running(
        home, tmp_path / "s", alter=count, handler=answer_at_once, reconcile_interval=0.1
    ) as runtime:
        await home.say("hello")
        await runtime.memory.wait("message.sent")
        await runtime.memory.wait("delivery.finished")
        looks = len(runtime.memory.named("reconcile.finished"))
        await runtime.memory.wait("reconcile.finished", looks + 2)
        before = asked[f"/api/chats/{home.chat_id}/messages"]
        await runtime.memory.wait("reconcile.finished", looks + 8)

    assert before > 0
    assert asked[f"/api/chats/{home.chat_id}/messages"] == before
