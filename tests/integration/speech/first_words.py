"""
Once, whoever dies: an agent that speaks first, by its handlers and its timers, is killed at each named point.

People talk in the chats in which it speaks meanwhile. What it says first stands once, in the order of its handler's
words; everybody's words have been shown to every handler of it.

`python -m tests.integration.speech.first_words SEEDS [isolated]` prints the table.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import SecretStr

from mycel_runtime.backend.server import BackendOptions, LocalBackend
from mycel_runtime.daemon.assembly import assemble
from mycel_runtime.journal.sqlite import SqliteJournal
from mycel_runtime.observe.observer import Silent
from mycel_runtime.plugin.isolation.process import WorkerSpec
from mycel_runtime.plugin.registry import BoundHandler
from mycel_runtime.sdk import AsyncClient
from mycel_runtime.settings import Settings
from tests.integration.speech.lifetimes import Lifetimes, owner_of
from tests.integration.speech.one_life import Reaper, Watched, run_while

LIFE_SECONDS = 60.0

PLUGIN = '''
from mycel_runtime import Plugin

plugin = Plugin("p")


@plugin.on_message(chat="direct")
async def answer(ctx):
    """Each message: its number, and where to say it."""
    for message in ctx.messages:
        number, *places = message.content.split()
        await ctx.say(places[0], f"said {number}")
        await ctx.reply(number)
        ctx.timers.set("t", after=0.01, key=number, data=places[1])


@plugin.on_timer("t")
def fire(ctx):
    ctx.say(ctx.data, f"timer {ctx.key}")


@plugin.on_message(chat="group")
async def one(ctx):
    ctx.chat_store["one"] = ctx.chat_store.get("one", []) + [message.seq for message in ctx.messages]


@plugin.on_message(chat="group")
async def two(ctx):
    ctx.chat_store["two"] = ctx.chat_store.get("two", []) + [message.seq for message in ctx.messages]
'''

POINTS_OF = {
    "utter": "utterance",
    "claim": "claim",
    "chat_cursors": "cursors",
    "append": "hint",
    "intend": "intent",
    "record": "record",
    "finish": "finish",
}
STEPS = (*dict.fromkeys(POINTS_OF.values()), "read", "send")
POINTS = (*(f"{when} {step}" for step in STEPS for when in ("before", "after")), "any time")


@dataclass(frozen=True, kw_only=True)
class Life:
    """As of `one_life.Life`."""

    me: str
    folder: Path
    base_url: str
    token: str
    is_isolated: bool
    point: str = ""
    nth: int = 1


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What was seen; `wrongs`: what is not as it must be, in words."""

    kills: int
    said: int
    wrongs: list[str]


def live(life):
    """To be run as a process."""
    asyncio.run(asyncio.wait_for(_live(life), LIFE_SECONDS))


async def _live(life):
    reaper = Reaper(life)
    journal = SqliteJournal(life.folder)
    journal.open()
    try:
        async with AsyncClient(base_url=life.base_url, auth_token=life.token) as sdk:
            sdk.messages = Watched(
                sdk.messages, reaper, {"read": lambda *_: "read", "send": lambda *_: "send"}
            )
            watched = {verb: lambda *_, point=point: point for verb, point in POINTS_OF.items()}
            parts = await assemble(
                Settings(
                    file={
                        "agent": {"name": "a", "base_url": life.base_url},
                        "dispatch": {
                            "settle_grace": 0.05,
                            "retry_base": 0.02,
                            "retry_cap": 0.2,
                            "hole_grace": 0.05,
                            "concurrency": 2 if life.is_isolated else 8,
                        },
                    },
                    overrides={},
                ),
                me=life.me,
                base_url=life.base_url,
                token=SecretStr(life.token),
                journal=Watched(journal, reaper, watched),
                sdk=sdk,
                handlers=handlers_of(life),
                observer=Silent(),
            )
            await run_while(parts, lambda: _is_busy(journal, life.me))
    finally:
        await journal.close()


def handlers_of(life):
    names = {}
    exec(PLUGIN, names)
    worker = None
    if life.is_isolated:
        (life.folder / "p.py").write_text(PLUGIN)
        worker = WorkerSpec(
            name="p", table={"path": "p.py"}, config=life.folder / "agent.toml", import_timeout=60
        )
    return [
        BoundHandler(handler=handler, settings=None, worker=worker) for handler in names["plugin"].handlers
    ]


async def _is_busy(journal, me):
    """In one look: what is done between two may be in neither."""
    query = """
        SELECT EXISTS (SELECT 1 FROM delivery WHERE identity = :me AND state <> 'idle')
            OR EXISTS (SELECT 1 FROM timer WHERE identity = :me)
    """
    return await journal._writer.submit(
        lambda connection: connection.execute(query, {"me": me}).fetchone()[0]
    )


class Theatre:
    """A backend, and processes that live and are killed."""

    def __init__(self, backend, folder, *, is_isolated):
        self._backend = backend
        self._folder = folder
        self._is_isolated = is_isolated
        self._lifetimes = Lifetimes(live, LIFE_SECONDS)

    async def perform(self, point, seed):
        """One story, interrupted at the point."""
        dice = random.Random(f"{point} {seed}")
        async with owner_of(self._backend) as owner:
            return await self._perform(owner, point, dice)

    async def _perform(self, owner, point, dice):
        agent = f"agent-{dice.getrandbits(64)}"
        token = (await owner.auth.create_external_user(agent, "Agent"))["token"]
        here = (await owner.chats.ensure_direct(agent))["id"]
        groups = [(await owner.chats.create([agent], kind="group"))["id"] for _ in range(2)]
        folder = self._folder / agent
        folder.mkdir()
        life = Life(
            me=agent,
            folder=folder,
            base_url=self._backend.base_url,
            token=token,
            is_isolated=self._is_isolated,
        )
        expected, kills = Counter(), 0

        async def talk(count):
            for _ in range(count):
                places = dice.sample(groups, 2)
                number = sum(expected.values()) // 2
                expected.update([(places[0], f"said {number}"), (places[1], f"timer {number}")])
                await _send(owner, here, f"{number} {' '.join(places)}")
                if dice.random() < 0.5:
                    await _send(owner, dice.choice(groups), "by the way")

        for _ in range(dice.randint(1, 2)):
            await talk(dice.randint(1, 3))
            kills += await self._live(life, point, dice)
        await talk(1)
        assert not await self._live(life, "", dice)
        histories = {chat_id: await owner.messages.list(chat_id, limit=200) for chat_id in groups}
        wrongs = [*wrongs_of_words(expected, histories, agent)]
        wrongs += [wrong async for wrong in wrongs_of_sight(histories, life)]
        return Outcome(kills=kills, said=sum(expected.values()), wrongs=wrongs)

    async def _live(self, life, point, dice):
        """Whether this life was killed; one that ends in any other way than by itself is an error."""
        is_any = point == "any time"
        life = replace(life, point="" if is_any else point, nth=dice.randint(1, 5))
        return await self._lifetimes.run(life, seconds=dice.uniform(0.1, 0.6) if is_any else None)


async def _send(owner, chat_id, text):
    await owner.messages.send(chat_id, text, enforce_caught_up=False, delivery_scope=None)


def wrongs_of_words(expected, histories, me):
    said = Counter(
        (chat_id, message["content"])
        for chat_id, history in histories.items()
        for message in history
        if message["sender_id"] == me
    )
    if said != expected:
        yield f"never {expected - said}, too often {said - expected}"
    for chat_id, history in histories.items():
        numbers = [
            int(message["content"].removeprefix("said "))
            for message in history
            if message["content"].startswith("said ")
        ]
        if numbers != sorted(numbers):
            yield f"{chat_id}: {numbers}"


async def wrongs_of_sight(histories, life):
    """Each handler has been shown everybody's words, each once: what it remembers of them is one commit."""
    journal = SqliteJournal(life.folder)
    journal.open()
    try:
        for chat_id, history in histories.items():
            items = await journal.items(life.me, "p", chat_id=chat_id)
            foreign = [message["seq"] for message in history if message["sender_id"] != life.me]
            for handler in ("one", "two"):
                shown = json.loads(items[handler].value) if handler in items else []
                if shown != foreign:
                    yield f"{handler} was shown {shown} of {foreign}"
        for letter in await journal.dead_letters(life.me):
            yield str(letter)
        query = "SELECT count(*) FROM utterance WHERE content IS NOT NULL"
        if kept := await journal._writer.submit(lambda connection: connection.execute(query).fetchone()[0]):
            yield f"{kept} texts are kept"
    finally:
        await journal.close()


async def perform(folder, points, seeds, *, is_isolated=False):
    """Outcomes by point."""
    with LocalBackend(BackendOptions()) as backend:
        theatre = Theatre(backend, folder, is_isolated=is_isolated)
        return {point: [await theatre.perform(point, seed) for seed in seeds] for point in points}


def _report(outcomes):
    print(f"{'point':<18}{'runs':>6}{'kills':>7}{'said':>7}{'wrong':>7}")
    totals = Counter()
    for point, runs in outcomes.items():
        row = Counter(runs=len(runs))
        for run in runs:
            row += Counter(kills=run.kills, said=run.said, wrong=len(run.wrongs))
            for wrong in run.wrongs:
                print(f"  {point}: {wrong}")
        totals += row
        _print(point, row)
    _print("all", totals)


def _print(name, row):
    columns = ("runs", 6), ("kills", 7), ("said", 7), ("wrong", 7)
    print(f"{name:<18}" + "".join(f"{row[column]:>{width}}" for column, width in columns))


def main(seeds, isolation="here"):
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        _report(
            asyncio.run(perform(Path(place), POINTS, range(int(seeds)), is_isolated=isolation == "isolated"))
        )
    print(f"{time.monotonic() - began:.0f} s, handlers {isolation}")


if __name__ == "__main__":
    main(*sys.argv[1:3])
