"""
Doubts that nobody can settle: a runtime that dies, or loses an answer, and a history that cannot be read then.

`python -m tests.integration.speech.blindness SEEDS` prints the table.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from mycel_runtime.backend.server import BackendOptions, LocalBackend
from mycel_runtime.journal.intent import IntentState
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.speech.caught_up import content_hash
from tests.integration.speech.lifetimes import owner_of
from tests.integration.speech.lives import Theatre
from tests.integration.speech.one_life import LIFE_SECONDS, Life
from tests.integration.speech.tollgate import FAILED, HISTORY, OUTER, SEND, Tollgate, message_from

DEADLY = ("after intent", "before send", "after send", "before record", *OUTER[:-1])
"""Between the intent and its outcome; whoever dies there leaves a doubt."""

SURVIVED = tuple(f"{point}, survived" for point in OUTER[1:-1])
"""The answer is lost, and nobody dies of it."""

POINTS = (*DEADLY, *SURVIVED)
FAILURES = ("refused", "silent")
"""How the history fails: with a 500, or not at all."""

ENOUGH = 2
"""Looks at the history that fail, until a blind life is ended."""

PATIENCE_SECONDS = 0.4
COLUMNS = ("runs", "deaths", "doubts", "parked", "twice", "unlisted", "sent blindly", "never")


class BlindGate(Tollgate):
    """
    A tollgate through which the history cannot be read for a while.

    Attributes:
        failure: Of `FAILURES`, or empty: it can be read.
        fails_from_now: Set to a failure that begins with the next strike.
        seen_enough: The history was asked for `ENOUGH` times in vain.
        blind_sends: What was sent while the history failed.
    """

    def __init__(self, port):
        super().__init__(port)
        self.failure = self.fails_from_now = ""
        self.asked = self.blind_sends = 0
        self.seen_enough = asyncio.Event()

    def blind(self, failure):
        self.failure, self.fails_from_now, self.asked = failure, "", 0
        self.seen_enough.clear()

    async def _exchange(self, reader, writer, up_reader, up_writer):
        request = await message_from(reader)
        if self.failure and HISTORY.match(request):
            return await self._fail(writer)
        self.blind_sends += bool(self.failure and SEND.match(request))
        return await self._pass(request, writer, up_reader, up_writer)

    async def _fail(self, writer):
        self.asked += 1
        if self.asked >= ENOUGH:
            self.seen_enough.set()
        if self.failure == "silent":
            await asyncio.sleep(LIFE_SECONDS)
            return False
        writer.write(FAILED)
        await writer.drain()
        return True

    def _kill(self):
        if self.fails_from_now:
            self.blind(self.fails_from_now)
        else:
            super()._kill()


@dataclass(kw_only=True)
class Outcome:
    """What was seen of one conversation, at its end and at each look while the history failed."""

    counts: Counter
    expected: list[str]
    answers: list[str]

    @property
    def is_right(self):
        wrong = self.counts["twice"] + self.counts["unlisted"] + self.counts["sent blindly"]
        return wrong == 0 and self.expected == self.answers


class Conversation:
    """A chat with an agent, its journal, and what has been counted."""

    def __init__(self, theatre, gate, owner, folder, dice):
        self._theatre = theatre
        self._gate = gate
        self._owner = owner
        self._folder = folder
        self._dice = dice
        self._said = []
        self._parts = dice.randint(1, 2)
        self.counts = Counter(runs=1)

    async def open(self):
        self._agent = f"agent-{self._dice.getrandbits(64)}"
        self._token = (await self._owner.auth.create_external_user(self._agent, "Agent"))["token"]
        self._chat_id = (await self._owner.chats.ensure_direct(self._agent))["id"]
        self._state = self._folder / self._agent
        self._state.mkdir()

    async def say(self):
        self._said.append(f"{len(self._said)}")
        await self._owner.messages.send(self._chat_id, self._said[-1], enforce_caught_up=False)

    async def answers(self):
        history = await self._owner.messages.list(self._chat_id, limit=200)
        return [message for message in history if message["sender_id"] == self._agent]

    def life(self, point="", nth=1):
        return Life(
            me=self._agent,
            state_dir=self._state,
            base_url=self._gate.base_url,
            token=self._token,
            parts=self._parts,
            point=point,
            nth=nth,
            patience=PATIENCE_SECONDS,
            retries=0,
            park_after=0.02,
        )

    async def run(self, point, failure):
        """Doubt, blindness, and sight again."""
        for _ in range(self._dice.randint(1, 3)):
            await self.say()
        if await self._strike(point, failure):
            self.counts["doubts"] += 1
            await self._look(expected=1)
            for _ in range(self._dice.randint(1, 2)):
                await self.say()
                await self._live_blind(failure)
                self.counts["parked"] += await self._look(expected=1)
        self._gate.blind("")
        await self._theatre.finish(self.life())
        await self._look(expected=0)
        texts = [message["content"] for message in await self.answers()]
        expected = [f"{part}: {text}" for text in self._said for part in range(self._parts)]
        self.counts["never"] = len(set(expected) - set(texts))
        return Outcome(counts=self.counts, expected=expected, answers=texts)

    async def _strike(self, point, failure):
        """Whether the point was reached; afterwards nobody lives, and the history fails."""
        place, _, survived = point.partition(", ")
        nth = self._dice.randint(1, 2)
        self._gate.arm(place if place in OUTER else "", nth)
        self._gate.blind("")
        self._gate.fails_from_now = failure if survived else ""
        inner = "" if place in OUTER else place
        is_struck = await self._theatre.live_until(self.life(inner, nth), self._gate.seen_enough)
        self.counts["deaths"] += is_struck and not survived
        if is_struck and not survived:
            self._gate.blind(failure)
        return is_struck

    async def _live_blind(self, failure):
        self._gate.arm()
        self._gate.blind(failure)
        await self._theatre.live_until(self.life(), self._gate.seen_enough)
        self.counts["deaths"] += 1

    async def _look(self, *, expected):
        """Into chat and journal while nobody lives; how many doubts are parked."""
        answers = await self.answers()
        journal = SqliteJournal(self._state)
        journal.open()
        doubts = await journal.unresolved(self._agent)
        known = await journal.message_ids(self._agent, chat_id=self._chat_id, after_seq=0)
        await journal.close()
        texts = Counter(message["content"] for message in answers)
        unknown = Counter(content_hash(each["content"]) for each in answers if each["id"] not in known)
        self.counts["twice"] += (texts - Counter(set(texts))).total()
        self.counts["unlisted"] += (unknown - Counter(doubt.content_hash for doubt in doubts)).total()
        self.counts["unlisted"] += abs(len(doubts) - expected)
        self.counts["sent blindly"] += self._gate.blind_sends
        self._gate.blind_sends = 0
        return sum(doubt.state is IntentState.UNKNOWN for doubt in doubts)


class BlindTheatre(Theatre):
    """Conversations, one after the other."""

    async def converse(self, point, failure, seed):
        """One of them, with a doubt that arises at the point."""
        dice = random.Random(f"{point} {failure} {seed}")
        async with owner_of(self._backend) as owner:
            conversation = Conversation(self, self._gate, owner, self._folder, dice)
            await conversation.open()
            return await conversation.run(point, failure)

    async def live_until(self, life, event):
        """Whether the life was killed, or ended by us because of the event, and not by itself."""
        with self.alive(life) as process:
            async with asyncio.TaskGroup() as tasks:
                ending = tasks.create_task(asyncio.to_thread(process.join, LIFE_SECONDS))
                seeing = tasks.create_task(event.wait())
                await asyncio.wait({ending, seeing}, return_when=asyncio.FIRST_COMPLETED)
                if not ending.done():
                    process.kill()
                await ending
                seeing.cancel()
            assert process.exitcode in {0, -9}, (life.point, process.exitcode)
            return process.exitcode == -9

    async def finish(self, life):
        """A life that ends by itself when there is nothing left to do."""
        self._gate.arm()
        assert not await self.live_until(life, asyncio.Event())


async def perform(folder, points, failures, seeds):
    """Outcomes by point and failure."""
    with LocalBackend(BackendOptions()) as backend:
        async with BlindGate(backend.port) as gate:
            theatre = BlindTheatre(backend, gate, folder)
            return {
                (point, failure): [await theatre.converse(point, failure, seed) for seed in seeds]
                for point in points
                for failure in failures
            }


def _report(outcomes):
    totals = Counter()
    print(f"{'doubt arises':<20}{'history':<9}{''.join(f'{name:>14}' for name in COLUMNS)}{'wrong':>7}")
    for (point, failure), runs in outcomes.items():
        row = sum((run.counts for run in runs), Counter(wrong=0))
        row["wrong"] = sum(not run.is_right for run in runs)
        totals += row
        _print(point, failure, row)
    _print("all", "", totals)


def _print(point, failure, row):
    print(f"{point:<20}{failure:<9}{''.join(f'{row[name]:>14}' for name in COLUMNS)}{row['wrong']:>7}")


if __name__ == "__main__":
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        _report(asyncio.run(perform(Path(folder), POINTS, FAILURES, range(int(sys.argv[1])))))
    print(f"{time.monotonic() - began:.0f} s")
