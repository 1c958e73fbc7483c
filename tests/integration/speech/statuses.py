"""
Every status in the place of a send's answer, before it is stored and after, as a page and as a gateway's JSON.

`python -m tests.integration.speech.statuses [FIRST LAST]` prints what became of the replies.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from mycel_runtime.backend.server import BackendOptions, LocalBackend
from mycel_runtime.plugin.plugin import Plugin
from tests.integration.speech.conftest import World, enter
from tests.road.gateway import Gateway
from tests.road.message import Answer, html

BODIES = {
    "page": lambda status: html(status, "Not what you asked for"),
    "json": lambda status: Answer(
        status, b'{"message": "no route", "request_id": 7}', {"content-type": "application/json"}
    ),
}
PLACES = ("before", "after")
COLUMNS = ("trials", "found", "repeated", "letters", "doubled", "lost", "retry doubled", "retry lost")
ROUNDS = 20
TROUBLE_ROUNDS = 2
"""Deliveries while the answers are replaced, with a minute between them."""


@dataclass(kw_only=True)
class Trial:
    """One message, and how often its answer stands in the chat: when the cause had gone, and after `dead retry`."""

    answers: int
    answers_after_retry: int
    letters: int
    is_recovered: bool

    @property
    def counts(self):
        """One in each column that it belongs to."""
        counts = {
            "trials": 1,
            "found": self.is_recovered,
            "repeated": not self.is_recovered,
            "letters": self.letters,
            "doubled": self.answers > 1,
            "lost": self.answers + self.letters < 1,
            "retry doubled": self.answers_after_retry > 1,
            "retry lost": self.answers_after_retry < 1,
        }
        return Counter({name: int(count) for name, count in counts.items()})

    @property
    def is_right(self):
        return (self.answers_after_retry, self.letters) == (1, 1) and self.answers <= 1


class Campaign:
    """An agent whose handler answers and then fails, so that each message ends in a dead letter."""

    def __init__(self, world, gateway):
        self._world = world
        self._gateway = gateway
        self._plugin = Plugin("p")
        self._is_mended = False
        self._plugin.on_message(self._answer)

    async def begin(self):
        self._agent = await self._world.agent(
            "a", self._plugin, base_url=self._gateway.base_url, max_attempts=2, quarantine_after=10_000
        )

    async def _answer(self, ctx):
        for message in ctx.messages:
            await ctx.reply(f"re: {message.content}")
        if not self._is_mended:
            raise ValueError

    async def run(self, status, body, place):
        """One trial, in a chat of its own."""
        chat_id = (await self._world.owner.chats.create(["a"], kind="group", title="g"))["id"]
        await self._world.say(chat_id, "x")
        replace = self._gateway.replace if place == "before" else self._gateway.replace_after
        replace(BODIES[body](status), "POST", rf"/{chat_id}/messages$")
        self._agent.memory.facts.clear()
        self._is_mended = False
        await self._agent.hear(chat_id, 1)
        for _ in range(TROUBLE_ROUNDS):
            await self._wait()
        self._gateway.clear()
        for _ in range(ROUNDS):
            if not (await self._agent.journal.statistics("a")).due:
                break
            await self._wait()
        answers, letters = await self._answers(chat_id), await self._agent.journal.dead_letters("a")
        self._is_mended = True
        for letter in letters:
            await self._agent.journal.revive("a", letter.dead_letter_id)
        await self._wait()
        return Trial(
            answers=answers,
            answers_after_retry=await self._answers(chat_id),
            letters=len(letters),
            is_recovered=any(fact.recovered for fact in self._agent.memory.named("message.sent")),
        )

    async def _wait(self):
        self._agent.clock.ahead += 60
        await self._agent.deliver()

    async def _answers(self, chat_id):
        history = await self._world.owner.messages.list(chat_id, limit=200)
        return sum(message["sender_id"] == "a" for message in history)


async def perform(folder, trials):
    """What became of them, by status, body and place."""
    with LocalBackend(BackendOptions()) as backend, Gateway(backend.port) as gateway:
        async with contextlib.AsyncExitStack() as stack:
            owner = await enter(backend, stack)
            campaign = Campaign(World(backend, owner, folder, stack), gateway)
            await campaign.begin()
            return {trial: await campaign.run(*trial) for trial in trials}


def _report(trials):
    print(f"{'statuses':<12}{'body':<6}{'stored':<8}{''.join(f'{name:>15}' for name in COLUMNS)}")
    rows = {}
    for (status, body, place), trial in trials.items():
        rows.setdefault((f"{status // 100}xx", body, place), Counter()).update(trial.counts)
        if not trial.is_right:
            print(f"wrong: {status} {body} {place}: {trial}")
    rows["all", "", ""] = sum(rows.values(), Counter())
    for (family, body, place), row in rows.items():
        print(f"{family:<12}{body:<6}{place:<8}{''.join(f'{row[name]:>15}' for name in COLUMNS)}")


if __name__ == "__main__":
    began = time.monotonic()
    first, last = (int(argument) for argument in sys.argv[1:] or (200, 599))
    with tempfile.TemporaryDirectory() as temporary:
        wanted = itertools.product(range(first, last + 1), BODIES, PLACES)
        _report(asyncio.run(perform(Path(temporary), wanted)))
    print(f"{time.monotonic() - began:.0f} s")
