"""
Asked once, and answered once, whoever dies: an agent that asks, in time or not, is killed at each named point.

The person answers some questions, and says more than he was asked. Each question has one outcome; each of his words
was shown once, to the handler of answers or to both handlers of messages, and never to both kinds.

`python -m tests.integration.speech.questions SEEDS [isolated]` prints the table.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
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
from tests.integration.speech.one_life import Reaper, Watched, run_while

LIFE_SECONDS = 60.0

PLUGIN = '''
from mycel_runtime import Plugin

plugin = Plugin("p")


def keep(ctx, handler, more):
    ctx.chat_store[handler] = ctx.chat_store.get(handler, []) + more


@plugin.on_message
async def one(ctx):
    """Each that asks for it: its number, and for how long the answer is waited for."""
    keep(ctx, "one", [message.seq for message in ctx.messages])
    for message in ctx.messages:
        if message.content.startswith("ask"):
            _, number, seconds = message.content.split()
            await ctx.ask(ctx.chat_id, f"question {number}", name="q", data=number, timeout=float(seconds))


@plugin.on_message
def two(ctx):
    keep(ctx, "two", [message.seq for message in ctx.messages])


@plugin.on_answer("q")
async def answered(ctx):
    keep(ctx, "answers", [[ctx.data, ctx.question.outcome, [message.seq for message in ctx.messages]]])
    await ctx.reply(f"answer {ctx.data}")
'''

POINTS_OF = {
    "utter": "question",
    "claim": "claim",
    "questions": "look",
    "answer": "answer",
    "time_out": "time out",
    "fire": "fire",
    "intend": "intent",
    "record": "record",
    "finish": "finish",
}
STEPS = (*POINTS_OF.values(), "read", "send")
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
    asked: int
    answered: int
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
                sdk.messages, reaper, {"list": lambda *_: "read", "send": lambda *_: "send"}
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
    """In one look; a question whose time is far away is waited for by nobody here."""
    query = """
        SELECT EXISTS (SELECT 1 FROM delivery WHERE identity = :me AND state <> 'idle')
            OR EXISTS (SELECT 1 FROM timer WHERE identity = :me AND due_at < :soon)
    """
    values = {"me": me, "soon": time.time() + LIFE_SECONDS}
    return await journal._writer.submit(lambda connection: connection.execute(query, values).fetchone()[0])


class Theatre:
    """A backend, and processes that live and are killed."""

    def __init__(self, backend, folder, *, is_isolated):
        self._backend = backend
        self._folder = folder
        self._is_isolated = is_isolated
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload([live.__module__])

    async def perform(self, point, seed):
        """One story, interrupted at the point."""
        dice = random.Random(f"{point} {seed}")
        async with AsyncClient(base_url=self._backend.base_url) as nobody:
            made = await nobody.auth.create_guest_owner("owner")
        async with AsyncClient(base_url=self._backend.base_url, auth_token=made["token"]) as owner:
            return await self._perform(owner, point, dice)

    async def _perform(self, owner, point, dice):
        """Questions, then words that may be answers, then an end in peace in which everything is over."""
        agent = f"agent-{dice.getrandbits(64)}"
        token = (await owner.auth.create_external_user(agent, "Agent"))["token"]
        here = (await owner.chats.ensure_direct(agent))["id"]
        folder = self._folder / agent
        folder.mkdir()
        life = Life(
            me=agent,
            folder=folder,
            base_url=self._backend.base_url,
            token=token,
            is_isolated=self._is_isolated,
        )
        kills, asked = 0, 0
        for _ in range(dice.randint(1, 2)):
            for _ in range(dice.randint(1, 2)):
                await _send(owner, here, f"ask {asked} {dice.choice(['0.05', '600', '600'])}")
                asked += 1
            kills += await self._live(life, point, dice)
            for _ in range(dice.randint(1, 3)):
                await _send(owner, here, "well")
            kills += await self._live(life, point, dice)
        assert not await self._live(life, "", dice)
        for _ in range(asked):
            await _send(owner, here, "at last")
        assert not await self._live(life, "", dice)
        history = await owner.messages.list(here, limit=200)
        wrongs = [wrong async for wrong in wrongs_of(history, life)]
        answered = sum(message["content"].startswith("answer ") for message in history)
        return Outcome(kills=kills, asked=asked, answered=answered, wrongs=wrongs)

    async def _live(self, life, point, dice):
        """Whether this life was killed; one that ends in any other way than by itself is an error."""
        is_any = point == "any time"
        process = self._processes.Process(
            target=live, args=(replace(life, point="" if is_any else point, nth=dice.randint(1, 4)),)
        )
        process.start()
        try:
            await asyncio.to_thread(process.join, dice.uniform(0.1, 0.6) if is_any else LIFE_SECONDS)
            if is_any:
                process.kill()
                await asyncio.to_thread(process.join, LIFE_SECONDS)
            assert process.exitcode in {0, -9}, (point, process.exitcode)
            return process.exitcode == -9
        finally:
            process.kill()
            process.join()
            process.close()


async def _send(owner, chat_id, text):
    await owner.messages.send(chat_id, text, enforce_caught_up=False, delivery_scope=None)


async def wrongs_of(history, life):
    """Each outcome and each word once; what they remember of both is one commit."""
    journal = SqliteJournal(life.folder)
    journal.open()
    try:
        items = await journal.items(life.me, "p", chat_id=history[0]["chat_id"])
        kept = {name: json.loads(items[name].value) for name in items}
        for wrong in wrongs_of_words(history, kept, life.me):
            yield wrong
        for letter in await journal.dead_letters(life.me):
            yield str(letter)
        query = """
            SELECT count(*) FROM question
            WHERE state NOT IN ('answered', 'timed_out', 'unsaid') OR data IS NOT NULL
        """
        if left := await journal._writer.submit(lambda connection: connection.execute(query).fetchone()[0]):
            yield f"{left} questions are left"
    finally:
        await journal.close()


def wrongs_of_words(history, kept, me):
    """Who is asked to ask by an answer does not."""
    answers = kept.get("answers", [])
    told = {message["content"].split()[1] for message in history if _asks(message, kept)}
    if Counter(number for number, *_ in answers) != Counter(told):
        yield f"of the questions {told} there are the outcomes {answers}"
    said = Counter(message["content"] for message in history if message["sender_id"] == me)
    unsaid = {f"question {number}" for number, outcome, _ in answers if outcome == "unsaid"}
    expected = {f"{word} {number}" for word in ("question", "answer") for number in told}
    if said != Counter(expected - unsaid):
        yield f"said {said}"
    answering = sorted(seq for *_, seqs in answers for seq in seqs)
    foreign = [message["seq"] for message in history if message["sender_id"] != me]
    for handler in ("one", "two"):
        if sorted(kept.get(handler, []) + answering) != foreign:
            yield f"{handler} was shown {kept.get(handler)} and answers {answering} of {foreign}"
    for number, outcome, seqs in answers:
        if (outcome == "answered") != (len(seqs) == 1):
            yield f"question {number} is {outcome} by {seqs}"


def _asks(message, kept):
    return message["content"].startswith("ask") and message["seq"] in kept.get("one", [])


async def perform(folder, points, seeds, *, is_isolated=False):
    """Outcomes by point."""
    with LocalBackend(BackendOptions()) as backend:
        theatre = Theatre(backend, folder, is_isolated=is_isolated)
        return {point: [await theatre.perform(point, seed) for seed in seeds] for point in points}


def _report(outcomes):
    print(f"{'point':<18}{'runs':>6}{'kills':>7}{'asked':>7}{'wrong':>7}")
    totals = Counter()
    for point, runs in outcomes.items():
        row = Counter(runs=len(runs))
        for run in runs:
            row += Counter(kills=run.kills, asked=run.asked, wrong=len(run.wrongs))
            for wrong in run.wrongs:
                print(f"  {point}: {wrong}")
        totals += row
        _print(point, row)
    _print("all", totals)


def _print(name, row):
    columns = ("runs", 6), ("kills", 7), ("asked", 7), ("wrong", 7)
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
