"""
Exactly one reply: a runtime that is killed at each named point, again and again, with many seeds.

In some of its lives the agent, its plugin or the chat is paused at the start and resumed when work waits; in all of
them where a pause or its end is the point.

`python -m tests.integration.speech.lives SEEDS` prints the table; with `postgres` behind it two processes share a
journal in a database, and one dies or stands still where the other one goes on; with `workers`, both run handlers.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mycel_runtime.backend.server import BackendOptions, LocalBackend
from tests.integration.play import Table, say_nothing
from tests.integration.speech import lives_in_company
from tests.integration.speech.lifetimes import Lifetimes, owner_of
from tests.integration.speech.lives_in_company import judge
from tests.integration.speech.one_life import LIFE_SECONDS, Life, draw_pause, live
from tests.integration.speech.tollgate import OUTER, Tollgate

INNER = (
    "before read",
    "after read",
    "before intent",
    "after intent",
    "before send",
    "after send",
    "before record",
    "after record",
    "before finish",
    "after finish",
    "before pause",
    "after pause",
    "before resume",
    "after resume",
)
POINTS = (*INNER, *OUTER)


@dataclass(kw_only=True)
class Outcome:
    """What was seen of one conversation."""

    kills: int
    expected: list[str]
    answers: list[str]

    @property
    def counts(self):
        """As of a table."""
        return {"replies": len(self.expected)} | judge(self.expected, self.answers, parked=())

    @property
    def wrongs(self):
        """In words."""
        if self.expected != self.answers:
            yield f"{self.answers}, not {self.expected}"


class Theatre:
    """A backend, a tollgate before it, and processes that live and are killed."""

    def __init__(self, backend, gate, folder):
        self._backend = backend
        self._gate = gate
        self._folder = folder
        self._lifetimes = Lifetimes(live, LIFE_SECONDS)

    async def converse(self, point, seed):
        """One conversation, interrupted at the point."""
        dice = random.Random(f"{point} {seed}")
        async with owner_of(self._backend) as owner:
            return await self._converse(owner, point, dice)

    async def _converse(self, owner, point, dice):
        agent = f"agent-{dice.getrandbits(64)}"
        token = (await owner.auth.create_external_user(agent, "Agent"))["token"]
        chat_id = (await owner.chats.ensure_direct(agent))["id"]
        parts = dice.randint(1, 2)
        paused = draw_pause(point, chat_id, dice)
        said = []

        async def say():
            said.append(f"{len(said)}")
            await owner.messages.send(chat_id, said[-1], enforce_caught_up=False)

        for _ in range(dice.randint(1, 3)):
            await say()
        state = self._folder / agent
        state.mkdir()
        kills = 0
        for passing in [1, dice.randint(1, 2)][: dice.randint(1, 2)]:
            kills += await self._live(agent, state, token, parts, point, passing, paused)
            if dice.random() < 0.5:
                await say()
        assert await self._live(agent, state, token, parts, "", 1, paused) == 0
        history = await owner.messages.list(chat_id, limit=200)
        return Outcome(
            kills=kills,
            expected=[f"{part}: {text}" for text in said for part in range(parts)],
            answers=[message["content"] for message in history if message["sender_id"] == agent],
        )

    async def _live(self, agent, state, token, parts, point, nth, paused):
        """Whether this life was killed; one that ends in any other way than by itself is an error."""
        life = Life(
            me=agent,
            state_dir=state,
            base_url=self._gate.base_url,
            token=token,
            parts=parts,
            point=point if point in INNER else "",
            nth=nth,
            paused=paused,
        )
        self._gate.arm(point if point in OUTER else "", nth)
        with self.alive(life) as process:
            await asyncio.to_thread(process.join, LIFE_SECONDS)
            assert process.exitcode in {0, -9}, (point, nth, process.exitcode)
            return process.exitcode == -9

    @contextlib.contextmanager
    def alive(self, life):
        """A process that lives it, until the end of the block at the latest."""
        with self._lifetimes.alive(life) as process:
            self._gate.pid = process.pid
            yield process


async def perform(folder, points, seeds, *, completed=say_nothing):
    """As of a play."""
    with LocalBackend(BackendOptions()) as backend:
        async with Tollgate(backend.port) as gate:
            theatre = Theatre(backend, gate, folder)
            outcomes = {}
            for point in points:
                outcomes[point] = [await theatre.converse(point, seed) for seed in seeds]
                completed(point, outcomes[point])
            return outcomes


def _main(seeds):
    table = Table()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(perform(Path(folder), POINTS, seeds, completed=table.add))
    table.end()


if __name__ == "__main__":
    seeds, *kind = sys.argv[1:]
    if kind:
        lives_in_company.main(*kind)
    else:
        _main(range(int(seeds)))
