"""
One commit: an agent that replies, remembers and plans is killed at each named point, again and again.

Whatever dies and whenever: what is remembered and planned is as if each delivery had run once, each timer has taken
effect once, and each reply stands once.

`python -m tests.integration.dispatch.state SEEDS` prints the table.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from mycel_runtime.backend.server import BackendOptions, LocalBackend
from mycel_runtime.journal.sqlite import SqliteJournal
from tests.integration.dispatch.state_life import LIFE_SECONDS, POINTS_OF, Life, live
from tests.integration.speech.lifetimes import Lifetimes, owner_of

POINTS = (
    *(f"{when} {point}" for point in dict.fromkeys(POINTS_OF.values()) for when in ("before", "after")),
    "before send",
    "after send",
    "any time",
)
CHATS = 3


@dataclass
class Script:
    """
    What people say, and what comes of it when each delivery runs once.

    Attributes:
        said: Number of each message, by chat.
        late: Timers that are left.
        soon: Timers that fire.
        raced: Timers that fire, or are cancelled before.
    """

    said: dict[str, list[str]] = field(default_factory=dict)
    late: set[str] = field(default_factory=set)
    soon: set[str] = field(default_factory=set)
    raced: set[str] = field(default_factory=set)
    count: int = 0

    def next(self, chat_id, dice):
        """What is said next in this chat; what concerns one timer is said in one chat."""
        self.count += 1
        number = str(self.count)
        known = self.late | {key for key in self.soon if not key.endswith("-again")}
        ours = sorted(key for key in known if key.startswith(chat_id))
        deed = dice.choice(["soon", "late", "nothing", *(["cancel", "late"] if ours else [])])
        key = dice.choice(ours) if ours and deed in {"cancel", "late"} else f"{chat_id}:{number}"
        self._expect(deed, key, number)
        self.said.setdefault(chat_id, []).append(number)
        return f"{number} {deed} {key}"

    def _expect(self, deed, key, number):
        if deed == "soon":
            self.soon |= {key} | ({f"{key}-again"} if int(number) % 2 else set())
        elif deed in {"late", "cancel"}:
            if key in self.soon:
                # It may have fired by then.
                self.soon -= {key, f"{key}-again"}
                self.raced |= {key, f"{key}-again"}
            self.late.discard(key)
            if deed == "late":
                self.late.add(key)


@dataclass(kw_only=True)
class Outcome:
    """What was seen; `wrongs`: what is not as it must be, in words."""

    kills: int
    messages: int
    timers: int
    wrongs: list[str]


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
        made = [await owner.chats.ensure_direct(agent)]
        made += [await owner.chats.create([agent], kind="group") for _ in range(CHATS - 1)]
        chats = [chat["id"] for chat in made]
        folder = self._folder / agent
        folder.mkdir()
        life = Life(
            me=agent,
            folder=folder,
            base_url=self._backend.base_url,
            token=token,
            is_isolated=self._is_isolated,
        )
        script = Script()

        async def say(count):
            for _ in range(count):
                chat_id = dice.choice(chats)
                text = script.next(chat_id, dice)
                await owner.messages.send(chat_id, text, enforce_caught_up=False, delivery_scope=None)

        kills = 0
        for _ in range(dice.randint(2, 3)):
            await say(dice.randint(2, 5))
            kills += await self._live(life, point, dice)
        await say(1)
        assert not await self._live(life, "", dice)
        replies = {
            chat_id: [
                message["content"]
                for message in await owner.messages.list(chat_id, limit=200)
                if message["sender_id"] == agent
            ]
            for chat_id in chats
        }
        wrongs = [*wrongs_of_words(script, replies), *await wrongs_of_state(script, folder, agent)]
        return Outcome(
            kills=kills, messages=script.count, timers=len(script.late | script.soon), wrongs=wrongs
        )

    async def _live(self, life, point, dice):
        """Whether this life was killed; one that ends in any other way than by itself is an error."""
        is_any = point == "any time"
        life = replace(life, point="" if is_any else point, nth=dice.randint(1, 3))
        return await self._lifetimes.run(life, seconds=dice.uniform(0.1, 0.8) if is_any else None)


def wrongs_of_words(script, replies):
    for chat_id, numbers in script.said.items():
        if replies[chat_id] != numbers:
            yield f"{chat_id}: said {replies[chat_id]}, not {numbers}"


async def wrongs_of_state(script, folder, me):
    journal = SqliteJournal(folder)
    journal.open()
    try:
        items = await _values(journal, me, None)
        timers = {timer.key for timer in await journal.timers(me)}
        said = {chat_id: (await _values(journal, me, chat_id)).get("said") for chat_id in script.said}
        letters = await journal.dead_letters(me)
    finally:
        await journal.close()
    return [*compare(script, items, said), *_compare_timers(script, items, timers), *map(str, letters)]


async def _values(journal, me, chat_id):
    items = await journal.items(me, "p", chat_id=chat_id)
    return {key: json.loads(item.value) for key, item in items.items()}


def compare(script, items, said):
    """What is remembered, against what each delivery remembers when it runs once."""
    if items.get("messages") != script.count:
        yield f"{items.get('messages')} of {script.count} messages are remembered"
    for number in range(1, script.count + 1):
        if items.get(f"message {number}") != 1:
            yield f"message {number} is remembered {items.get(f'message {number}', 0)} times"
    for chat_id, numbers in script.said.items():
        if said[chat_id] != numbers:
            yield f"{chat_id}: remembers {said[chat_id]}, not {numbers}"


def _compare_timers(script, items, left):
    fired = {key.removeprefix("timer "): count for key, count in items.items() if key.startswith("timer ")}
    if left != script.late:
        yield f"timers left {sorted(left)}, not {sorted(script.late)}"
    if items.get("fired", 0) != sum(fired.values()):
        yield f"{items.get('fired', 0)} fired, and {sum(fired.values())} are remembered one by one"
    for key in script.soon:
        if fired.get(key) != 1:
            yield f"timer {key} has fired {fired.get(key, 0)} times"
    for key, count in fired.items():
        if count > 1 or key not in script.soon | script.raced:
            yield f"timer {key} has fired {count} times, and should not"


async def perform(folder, points, seeds, *, is_isolated=False):
    """Outcomes by point."""
    with LocalBackend(BackendOptions()) as backend:
        theatre = Theatre(backend, folder, is_isolated=is_isolated)
        return {point: [await theatre.perform(point, seed) for seed in seeds] for point in points}


def _report(outcomes):
    print(f"{'point':<18}{'runs':>6}{'kills':>7}{'messages':>10}{'timers':>8}{'wrong':>7}")
    totals = Counter()
    for point, runs in outcomes.items():
        row = Counter(runs=len(runs))
        for run in runs:
            row += Counter(kills=run.kills, messages=run.messages, timers=run.timers, wrong=len(run.wrongs))
            for wrong in run.wrongs:
                print(f"  {point}: {wrong}")
        totals += row
        _print(point, row)
    _print("all", totals)


def _print(name, row):
    columns = ("runs", 6), ("kills", 7), ("messages", 10), ("timers", 8), ("wrong", 7)
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
