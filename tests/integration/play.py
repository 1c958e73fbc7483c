"""
A story that an agent lives, killed at each named point of it, again and again; and the table of what was seen.

A play says what the agent is and where it can die; a story says what people do, and judges what is there in the end.
The agent is the real assembly without its stream, in a process of its own (`multiprocessing`, method `forkserver`, so
that a life costs no imports).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from mycel_runtime.backend.server import BackendOptions, LocalBackend
from mycel_runtime.daemon.assembly import AgentAssembly
from mycel_runtime.dispatch.suspects import DEATHS_LIMIT
from mycel_runtime.journal.postgres.journal import PostgresJournal
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.observe.observer import Silent
from mycel_runtime.plugin.isolation.process import WorkerSpec
from mycel_runtime.plugin.registry import BoundHandler
from mycel_runtime.sdk import AsyncClient
from mycel_runtime.settings import Settings
from tests.integration.speech.lifetimes import Lifetimes, owner_of
from tests.integration.speech.one_life import Reaper, Watched, run_while

LIFE_SECONDS = 60.0

LEASE_SECONDS = 1.0
"""Beside load a process may miss that, and is taken for silent though it is not: that must do no harm either."""

AT_ONCE = 4
"""Agents of a long run that live side by side: each waits for half of its time."""

ANY_TIME = "any time"
"""No point: from outside."""


SOME_DATABASE = "postgresql://127.0.0.1/journal"
"""For the settings: the journal is opened by the life itself."""


@dataclass(frozen=True, kw_only=True)
class Play:
    """
    What the agent is, and where it can die.

    Attributes:
        plugin: Source of the module with its plugin `p`.
        verbs: Points, by verbs of the journal.
        calls: Points, by calls about messages.
        outer: Points of an exchange with the backend, of `tollgate`.
        dispatch: Settings, beside those of every play.
        isolated: The same, where handlers run in a process of their own.
        passings: A point is passed so often at most before it kills.
        seconds: At any time is after so long at most.
        soon_seconds: A timer that is due sooner is waited for.
    """

    plugin: str
    verbs: dict[str, str]
    calls: dict[str, str]
    outer: tuple[str, ...] = ()
    dispatch: dict[str, Any] = field(default_factory=dict)
    isolated: dict[str, Any] = field(default_factory=dict)
    passings: int
    seconds: float
    soon_seconds: float = LIFE_SECONDS

    @property
    def points(self):
        """Before and after each step, of exchanges, and at any time."""
        steps = dict.fromkeys([*self.verbs.values(), *self.calls.values()])
        inner = (f"{when} {step}" for step in steps for when in ("before", "after"))
        return (*inner, *self.outer, ANY_TIME)


@dataclass(frozen=True, kw_only=True)
class Life:
    """
    What a life needs to know.

    Attributes:
        point: Where it ends, or nothing.
        nth: Passing of the point, from 1.
        url: Of the database that keeps the journal; empty: it is a file.
        host: Whose machine it is, for other processes; empty: this one.
        stands_still: At the point, instead of being killed.
        gate_url: Of what stands before the backend for this process; empty: nothing.
        paused: What is paused at the start, by its kind and name, until the agent has asked what it has missed.
        handlers: As the setting of the engine.
    """

    play: Play
    me: str
    folder: Path
    base_url: str
    token: str
    is_isolated: bool
    point: str = ""
    nth: int = 1
    url: str = ""
    host: str = ""
    stands_still: bool = False
    gate_url: str = ""
    paused: tuple[str, str] | None = None
    handlers: str = "here"

    def journal(self, *, lease_seconds=LEASE_SECONDS):
        """Of this life; to be opened."""
        if not self.url:
            return SqliteJournal(self.folder)
        journal = PostgresJournal(self.url, kept_turns=0, lease_seconds=lease_seconds)
        if self.host:
            journal._process = journal._process._replace(boot_id=self.host, machine_id=self.host)
        return journal


@contextlib.asynccontextmanager
async def left_by(life):
    """The journal, once it is over, as whoever has time looks at it: no load ends that."""
    journal = life.journal(lease_seconds=LIFE_SECONDS)
    await asyncio.to_thread(journal.open)
    try:
        yield journal
    finally:
        await journal.close()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What was seen; `wrongs`: what is not as it must be, in words; `counts`: what there was, for the table."""

    kills: int
    counts: dict[str, int]
    wrongs: list[str]


@dataclass(kw_only=True)
class Stage:
    """
    Where a story is told: the agent's owner, and the agent, who lives only when it is asked to.

    Attributes:
        deaths: Times that it was killed since it last had nothing to do.
    """

    owner: AsyncClient
    dice: random.Random
    life: Life
    lifetimes: Lifetimes
    point: str
    deaths: int = 0

    async def send(self, chat_id, text):
        """The owner says it, whatever he has not read."""
        await self.owner.messages.send(chat_id, text, enforce_caught_up=False, delivery_scope=None)

    async def live(self):
        """
        Whether the agent was killed before it had nothing to do.

        Killed once less than a delivery may cost, it is left in peace: whatever was alone under way each time would
        rightly be given up at the next death.
        """
        if self.deaths == DEATHS_LIMIT - 1:
            await self.live_in_peace()
            return False
        is_any, play = self.point == ANY_TIME, self.life.play
        nth = self.dice.randint(1, play.passings)
        life = replace(self.life, point="" if is_any else self.point, nth=nth)
        seconds = self.dice.uniform(0.1, play.seconds) if is_any else None
        was_killed = await self.lifetimes.run(life, seconds=seconds)
        self.deaths = self.deaths + 1 if was_killed else 0
        return was_killed

    async def live_in_peace(self):
        """Until it has nothing to do."""
        assert not await self.lifetimes.run(self.life)
        self.deaths = 0


def live(life):
    """To be run as a process."""
    asyncio.run(asyncio.wait_for(_live(life), LIFE_SECONDS))


async def _live(life):
    reaper = Reaper(life)
    journal = life.journal()
    journal.open()
    try:
        async with AsyncClient(base_url=life.base_url, auth_token=life.token) as sdk:
            sdk.messages = Watched(sdk.messages, reaper, told(life.play.calls))
            parts = await AgentAssembly(
                settings=settings_of(life),
                me=life.me,
                base_url=life.base_url,
                token=SecretStr(life.token),
                journal=Watched(journal, reaper, told(life.play.verbs)),
                sdk=sdk,
                handlers=handlers_of(life),
                observer=Silent(),
            ).parts()
            await run_while(parts, partial(_is_busy, journal, life))
    finally:
        await journal.close()


def told(points):
    return {name: lambda *_, point=point: point for name, point in points.items()}


def settings_of(life):
    dispatch = {"settle_grace": 0.05, "retry_base": 0.02, "hole_grace": 0.05} | life.play.dispatch
    if life.is_isolated:
        dispatch |= life.play.isolated
    return Settings(
        file={
            "agent": {"name": "a", "base_url": life.base_url},
            "dispatch": dispatch,
            "engine": {"url": SOME_DATABASE if life.url else None, "handlers": life.handlers},
        },
        overrides={},
    )


def handlers_of(life):
    names = {}
    exec(life.play.plugin, names)
    worker = None
    if life.is_isolated:
        (life.folder / "p.py").write_text(life.play.plugin)
        worker = WorkerSpec(
            name="p", table={"path": "p.py"}, config=life.folder / "agent.toml", import_timeout=60
        )
    return [
        BoundHandler(handler=handler, settings=None, worker=worker) for handler in names["plugin"].handlers
    ]


async def _is_busy(journal, life):
    """In one look: what is done between two may be in neither."""
    values = {"me": life.me, "soon": time.time() + life.play.soon_seconds}
    query = """
        SELECT EXISTS (SELECT 1 FROM delivery WHERE identity = :me AND state <> 'idle')
            OR EXISTS (SELECT 1 FROM timer WHERE identity = :me AND due_at < :soon)
    """
    return await journal._writer.submit(lambda connection: connection.execute(query, values).fetchone()[0])


def say_nothing(_point, _runs):
    """Whoever waits for all of it needs no news."""


async def perform(
    play,
    story,
    folder,
    points,
    seeds,
    *,
    is_isolated=False,
    at_once=1,
    url="",
    stage=Stage,
    live=live,
    longest=LIFE_SECONDS,
    completed=say_nothing,
):
    """
    Outcomes by point, of one agent for each seed; so many live side by side.

    With the URL of a database the journal is there, and `stage` and `live`, with the seconds after which that has
    ended by itself, are of processes that share it.
    `completed` is called with each point and its outcomes, in the order of the points, once they are there.
    """
    with LocalBackend(BackendOptions()) as backend:
        lifetimes = Lifetimes(live, longest)
        places = asyncio.Semaphore(at_once)

        async def told(point, seed):
            async with places:
                return await tell(point, seed)

        async def tell(point, seed):
            dice = random.Random(f"{point} {seed}")
            me = f"agent-{dice.getrandbits(64)}"
            (folder / me).mkdir()
            async with owner_of(backend) as owner:
                life = Life(
                    play=play,
                    me=me,
                    folder=folder / me,
                    base_url=backend.base_url,
                    token=(await owner.auth.create_external_user(me, "Agent"))["token"],
                    is_isolated=is_isolated,
                    url=url,
                )
                return await story(stage(owner=owner, dice=dice, life=life, lifetimes=lifetimes, point=point))

        async with asyncio.TaskGroup() as tasks:
            telling = {
                point: [tasks.create_task(told(point, seed), name=f"{point} {seed}") for seed in seeds]
                for point in points
            }
            outcomes = {}
            for point, runs in telling.items():
                outcomes[point] = [await each for each in runs]
                completed(point, outcomes[point])
        return outcomes


def main(play, story, **options):
    """`SEEDS [isolated]`: print the table of all points, row by row; with options of `perform`."""
    seeds, *kind = sys.argv[1:]
    began, table = time.monotonic(), Table()
    with tempfile.TemporaryDirectory() as place:
        asyncio.run(
            perform(
                play,
                story,
                Path(place),
                play.points,
                range(int(seeds)),
                is_isolated=kind == ["isolated"],
                at_once=AT_ONCE,
                completed=table.add,
                **options,
            )
        )
    table.end()
    print(f"{time.monotonic() - began:.0f} s, {' '.join(kind) or 'handlers here'}")


class Table:
    """Printed row by row, as points are completed: a run that is stopped has told of those before."""

    def __init__(self):
        self._columns = []
        self._total = Counter()

    def add(self, point, runs):
        """Of all its outcomes, and each wrong one of them below."""
        row = _row(runs)
        if not self._columns:
            self._columns = list(row)
            self._print("point", {column: column for column in row})
        self._total.update(row)
        self._print(point, row)
        for run in runs:
            print(*(f"  {wrong}\n" for wrong in run.wrongs), sep="", end="", flush=True)

    def end(self):
        """Of all points."""
        self._print("all", self._total)

    def _print(self, name, row):
        print(f"{name:<18}" + "".join(f"{row[column]:>10}" for column in self._columns), flush=True)


def _row(runs):
    row = Counter(runs=len(runs), kills=0)
    for run in runs:
        row.update(kills=run.kills, **run.counts, wrong=len(list(run.wrongs)))
    return row
