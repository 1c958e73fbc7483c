"""A gatekeeper that is killed between a deed and its record decides each request once."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from mycel_runtime.sdk import AsyncClient
from tests.integration.speech.deed_life import DeedLife, live
from tests.integration.speech.lifetimes import Lifetimes
from tests.integration.speech.one_life import LIFE_SECONDS
from tests.integration.speech.test_deeds import DENIED, GRANTED, Suitor

pytestmark = pytest.mark.slow

CASES = [(kind, decide) for kind in ("relationship", "join_request") for decide in ("approve", "reject")]


class Gatekeepers:
    """Agents of one backend, each with one who asks it for something."""

    def __init__(self, world):
        self._world = world
        self._lifetimes = Lifetimes(live, LIFE_SECONDS)

    async def decide(self, kind, decide, point, nth):
        """How often the agent was killed, what the server has decided and the handler has seen."""
        world, name = self._world, f"{kind}-{decide}"
        token = (await world.owner.auth.create_external_user(name, name))["token"]
        sdk = await world.stack.enter_async_context(
            AsyncClient(base_url=world.backend.base_url, auth_token=token)
        )
        chat_id = (await sdk.chats.create([], title="a group", kind="group"))["id"]
        agent = Standing(name, sdk)
        suitor = Suitor(await world.user(f"suitor-of-{name}"), agent, kind, chat_id)
        (state := world.folder / name).mkdir()
        first = DeedLife(
            me=name, state_dir=state, base_url=world.backend.base_url, token=token, nth=nth, decide=decide
        )
        kills = await self._live(first)  # what is there at the first look is no news
        await suitor.ask()
        for at in (point, "", ""):
            kills += await self._live(dataclasses.replace(first, point=at))
        seen = (state / "seen").read_text().split()
        return kills, await suitor.decisions(), await suitor.state(), seen

    async def _live(self, life):
        with self._lifetimes.alive(life) as process:
            # Not by `join` in a thread: a process that starts asks after all others, and the end is told only once.
            async with asyncio.timeout(LIFE_SECONDS):
                while process.exitcode is None:  # noqa: ASYNC110 - it is the kernel that is waited for
                    await asyncio.sleep(0.01)
            assert process.exitcode == (-9 if life.point else 0), (life.point, process.exitcode)
            return process.exitcode == -9


class Standing:
    """Who a suitor asks: an agent that may be dead."""

    def __init__(self, me, sdk):
        self.me, self.sdk = me, sdk


@pytest.mark.parametrize(
    ("point", "nth"),
    [("after look", 2), ("after look", 3), ("after deed", 1), ("before finish", 1), ("after finish", 1)],
    ids=["before it is shown", "before the deed", "after the deed", "before the end", "after the end"],
)
async def test_a_request_is_decided_once_though_the_process_dies(world, point, nth):
    gatekeepers = Gatekeepers(world)

    async with asyncio.TaskGroup() as tasks:
        cases = {case: tasks.create_task(gatekeepers.decide(*case, point, nth)) for case in CASES}

    for (kind, decide), case in cases.items():
        kills, decisions, state, seen = case.result()
        after = (GRANTED if decide == "approve" else DENIED)[kind]
        assert (kills, decisions, state) == (1, ["approved" if decide == "approve" else "rejected"], after)
        # Whoever dies before it is noted that the handler was shown something shows it again, or what is so by then.
        assert seen[0] == "pending"
        assert seen[-1] == after
        assert seen.count("pending") <= 2
        assert seen.count(after) == 1
