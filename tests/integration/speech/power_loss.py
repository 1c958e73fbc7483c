"""
The power fails: what was written since the last sync is lost, or some of it is, and the next life goes on with that.

An agent dies at a named point, or before the n-th time that it writes to its journal or syncs it; its disk forgets
(`volatile_disk`); it lives again, against the same backend. In the end each message has been answered once and in
order (G1, G2), and each of two plugins remembers it once, the one that has not answered as well (G9).

`python -m tests.integration.speech.power_loss SEEDS` prints the table.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from mycel_runtime.backend.server import BackendOptions, LocalBackend
from tests.integration.speech import volatile_disk
from tests.integration.speech.lifetimes import owner_of
from tests.integration.speech.tollgate import Tollgate
from tests.integration.speech.unplugged_life import CALLS, LIFE_SECONDS, VERBS, Life
from tests.integration.speech.volatile_disk import SYNCED, WRITTEN, Disk

ROOT = Path(__file__).parents[3]
INNER = tuple(f"{when} {step}" for step in (*VERBS.values(), *CALLS.values()) for when in ("before", "after"))
OUTER = ("out", "forwarded", "stored", "torn", "read")
DEADLY = {"a write": WRITTEN, "a sync": SYNCED}
POINTS = (*INNER, *OUTER, *DEADLY)

OPENING = {WRITTEN: 240, SYNCED: 57}
"""Steps in which a new journal is made and opened."""

LIVING = {WRITTEN: 110, SYNCED: 20}
"""Steps of a short life on a journal that is there, its opening included."""


@dataclass(kw_only=True)
class Outcome:
    """
    What was seen of one conversation.

    Attributes:
        deaths: Times that the power failed while it lived.
        forgotten: Steps that were not synced then.
        counts: Steps of all lives, by kind.
        remembered: By each plugin.
    """

    said: list[str]
    deaths: int
    forgotten: int
    counts: Counter
    expected: list[str]
    answers: list[str]
    remembered: dict[str, list[str]]

    @property
    def is_right(self):
        return self.expected == self.answers and self.is_remembered

    @property
    def is_remembered(self):
        return self.remembered == {"p": self.said, "q": self.said}


class Mains:
    """The process whose forks live on a disk that is watched, one at a time."""

    def __init__(self, library):
        self._environment = os.environ | {"LD_PRELOAD": str(library)}
        self._process = None

    async def __aenter__(self):
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.integration.speech.unplugged_life",
            cwd=ROOT,
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        return self

    async def __aexit__(self, *_):
        self._process.stdin.close()
        await self._process.wait()

    @contextlib.asynccontextmanager
    async def alive(self, life):
        """Its process id; it is dead at the end of the block, and its exit status in the list."""
        self._process.stdin.write(json.dumps(dataclasses.asdict(life)).encode() + b"\n")
        ended = []
        async with asyncio.timeout(2 * LIFE_SECONDS):
            yield await self._hear("born"), ended
            ended.append(await self._hear("dead"))

    async def _hear(self, what):
        said, number = (await self._process.stdout.readline()).split()
        assert said == what.encode(), said
        return int(number)


@dataclass(kw_only=True)
class House:
    """Where lives are lived, and the power fails."""

    backend: LocalBackend
    gate: Tollgate
    mains: Mains
    folder: Path
    is_honest: bool

    async def converse(self, point, seed):
        """One conversation, interrupted at the point."""
        dice = random.Random(f"{point} {seed}")
        async with owner_of(self.backend) as owner:
            return await Conversation.of(self, owner, point, dice)


@dataclass(kw_only=True)
class Conversation:
    """One agent's."""

    house: House
    life: Life
    dice: random.Random
    point: str
    counts: Counter
    forgotten: int = 0

    @classmethod
    async def of(cls, house, owner, point, dice):
        me = f"agent-{dice.getrandbits(64)}"
        token = (await owner.auth.create_external_user(me, "Agent"))["token"]
        chat_id = (await owner.chats.ensure_direct(me))["id"]
        (house.folder / me).mkdir()
        life = Life(
            me=me,
            folder=str(house.folder / me),
            trace=str(house.folder / f"{me}.trace"),
            stream_url=house.backend.base_url,
            call_url=house.gate.base_url,
            token=token,
            parts=dice.randint(1, 2),
        )
        return await cls(house=house, life=life, dice=dice, point=point, counts=Counter()).hold(
            owner, chat_id
        )

    async def hold(self, owner, chat_id):
        said = []

        async def say():
            said.append(f"{len(said)}")
            await owner.messages.send(chat_id, said[-1], enforce_caught_up=False)

        for _ in range(self.dice.randint(1, 3)):
            await say()
        deaths = 0
        for _ in range(self.dice.randint(1, 2)):
            deaths += await self._live(say if self.dice.random() < 0.5 else None)
            if self.dice.random() < 0.5:
                await say()
        assert not await self._live(is_peaceful=True)
        history = await owner.messages.list(chat_id, limit=200)
        return Outcome(
            said=said,
            deaths=deaths,
            forgotten=self.forgotten,
            counts=self.counts,
            expected=[f"{part}: {text}" for text in said for part in range(self.life.parts)],
            answers=[each["content"] for each in history if each["sender_id"] == self.life.me],
            remembered=dict(sorted(remembered(Path(self.life.folder)))),
        )

    async def _live(self, say=None, *, is_peaceful=False):
        """Whether this life was killed; the power fails at its end, however that came."""
        folder, trace = Path(self.life.folder), Path(self.life.trace)
        disk = Disk(folder)
        exit_code = await self._run(self._doomed(disk) if not is_peaceful else self.life, say)
        assert exit_code in {0, -9}, (self.point, exit_code)
        self._lose_power(disk, trace)
        check(folder)
        return exit_code == -9

    def _lose_power(self, disk, trace):
        disk.replay(trace, is_honest=self.house.is_honest)
        self.counts += disk.counts
        trace.unlink()
        self.forgotten += disk.lose_power(self.dice)

    def _doomed(self, disk):
        """This life, and where it is to end."""
        if self.point not in DEADLY:
            point = self.point if self.point in INNER else ""
            return dataclasses.replace(self.life, point=point, nth=self.dice.randint(1, 2))
        deadly = DEADLY[self.point]
        is_born = disk.is_empty and self.dice.random() < 0.5
        nth = self.dice.randint(1, OPENING[deadly] if is_born else LIVING[deadly])
        if disk.is_empty and not is_born:
            nth += OPENING[deadly]
        return dataclasses.replace(self.life, deadly=deadly, nth=nth)

    async def _run(self, life, say):
        """Its exit status."""
        is_outer = life is not self.life and self.point in OUTER
        self.house.gate.arm(self.point if is_outer else "", life.nth)
        async with self.house.mains.alive(life) as (pid, ended):
            self.house.gate.pid = pid
            if say is not None:
                await asyncio.sleep(self.dice.uniform(0.0, 0.1))  # anywhere in its life
                await say()
        return ended[0]


def check(folder):
    """What is found is a whole file, or none; as an operator would see it, of a copy."""
    if not (folder / "journal.sqlite3").exists():
        return
    with tempfile.TemporaryDirectory() as copy:
        for path in folder.glob("journal.sqlite3*"):
            (Path(copy) / path.name).write_bytes(path.read_bytes())
        with contextlib.closing(sqlite3.connect(Path(copy) / "journal.sqlite3")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def remembered(folder):
    """What each plugin has in the store of its chat."""
    with contextlib.closing(sqlite3.connect(folder / "journal.sqlite3")) as connection:
        for plugin, value in connection.execute("SELECT plugin, value FROM item WHERE key = 'heard'"):
            yield plugin, json.loads(value)


async def perform(folder, library, points, seeds, *, is_honest=True):
    """Outcomes by point."""
    with LocalBackend(BackendOptions()) as backend:
        async with Tollgate(backend.port) as gate, Mains(library) as mains:
            house = House(backend=backend, gate=gate, mains=mains, folder=folder, is_honest=is_honest)
            return {point: [await house.converse(point, seed) for seed in seeds] for point in points}


COLUMNS = ("runs", "deaths", "forgotten", "replies", "twice", "never", "disorder", "memory")


def row_of(runs):
    row = Counter(dict.fromkeys(COLUMNS, 0), runs=len(runs))
    for run in runs:
        row["deaths"] += run.deaths
        row["forgotten"] += run.forgotten
        row["replies"] += len(run.expected)
        row["twice"] += len(run.answers) - len(set(run.answers))
        row["never"] += len(set(run.expected) - set(run.answers))
        row["disorder"] += run.expected != run.answers
        row["memory"] += not run.is_remembered
    return row


def _report(outcomes):
    print(f"{'point':<16}" + "".join(f"{column:>11}" for column in COLUMNS))
    rows = {point: row_of(runs) for point, runs in outcomes.items()}
    every = row_of([run for runs in outcomes.values() for run in runs])
    for point, row in [*rows.items(), ("all", every)]:
        print(f"{point:<16}" + "".join(f"{row[column]:>11}" for column in COLUMNS))


def _main(seeds):
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if (library := volatile_disk.build(folder)) is None:
            sys.exit("a C compiler (cc) and Linux are needed")
        _report(asyncio.run(perform(folder, library, POINTS, range(seeds))))
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    _main(int(sys.argv[1]))
