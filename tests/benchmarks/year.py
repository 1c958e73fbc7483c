"""
A year's journal against an empty one: how soon the daemon is ready, and how many replies a second it gives.

    python -m tests.benchmarks.year [PAIRS] [--rounds 40] [--rows 1000000] [--chats 10000] [--intents 60000]

The year's has so many frames, an idle delivery for each chat, a log of 10,000 turns, and so many sends of the last
hour that no human has answered, all made by the journal's own verbs; nothing of it is swept. Ready: a real daemon
from its start to READY, as systemd would hear it, and what the processor did until then, which a busy machine changes
less, on the one and the other in turns. Replies: as in
`tests.benchmarks.replies`, by two runtimes of one process in turns, with 50 chats. Printed are medians, and of the
pairs' ratios the median, least and greatest (of the rounds' the span of the middle half). Exit status 1 if a bar is
missed: either until READY at most 1.1 of the empty one's, the replies a second at least 0.95 of its.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from mycel_runtime.daemon import garbage
from mycel_runtime.dispatch.lanes import chat_lane
from mycel_runtime.journal.batch import Arrival, Batch
from mycel_runtime.journal.checkpoint import Checkpoint
from mycel_runtime.journal.cursor import CursorMove
from mycel_runtime.journal.entry import Entry
from mycel_runtime.journal.intent import Intent, IntentState
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.journal.turns import MESSAGE_KIND, TurnRecord
from mycel_runtime.journal.work import ChatWork
from mycel_runtime.sdk import AsyncClient
from tests.benchmarks.crowd import Use
from tests.benchmarks.isolation import Supervisor, backend
from tests.benchmarks.replies import CHATS, runtime, say_everywhere
from tests.engines.listening import append

HANDLER = "p.answer"
BATCH = 4_000
AT_ONCE = 250
WINDOW_SECONDS = 3_600.0
RAW = '{"type":"notification","event_type":"chat.message","pad":"%s"}' % ("x" * 300)

READY_BAR = 1.1
REPLIES_BAR = 0.95

CONFIG = """\
[agent]
name = "{name}"
base_url = "{base_url}"
token_file = "agent.token"
state_dir = "."

[journal]
keep = "forever"
max_size = "unlimited"

[log]
level = "warning"

[plugins.p]
path = "p.py"
"""

PLUGIN = """\
from mycel_runtime import Plugin

plugin = Plugin("p")

@plugin.on_message
async def answer(ctx):
    await ctx.reply(ctx.messages[-1].content)
"""


@dataclass(frozen=True)
class Year:
    """
    What has come together.

    Attributes:
        rows: Frames.
        chats: In which a handler has handled what there was.
        intents: Sends of the last hour without a human in view, of as many chats as a fifth of them.
    """

    rows: int
    chats: int
    intents: int

    async def fill(self, folder, identity, server):
        """The journal of this folder."""
        journal = SqliteJournal(folder)
        journal.open()
        now = time.time()
        await journal.recover(identity)
        await self._hear(journal, identity, server, now)
        await self._handle(journal, identity, now)
        await self._speak(journal, identity, now)
        await journal.close()

    async def _hear(self, journal, identity, server, now):
        for start in range(0, self.rows, BATCH):
            numbers = range(start + 1, min(self.rows, start + BATCH) + 1)
            arrivals = tuple(
                Arrival(Entry(identity, 1, seq, "chat.message", f"{seq:032x}", now, RAW, now))
                for seq in numbers
            )
            through = Checkpoint(identity=identity, server=server, epoch=1, since_seq=numbers[-1])
            await append(journal, Batch(identity=identity, arrivals=arrivals, checkpoint=through))

    async def _handle(self, journal, identity, now):
        chats = [f"year-{number}" for number in range(self.chats)]
        hints = tuple(
            ChatWork(handler=HANDLER, lane=chat_lane(chat), chat_id=chat, wanted_seq=1) for chat in chats
        )
        await journal.hint(identity, hints)
        while claimed := await journal.claim(identity, limit=AT_ONCE):
            async with asyncio.TaskGroup() as tasks:
                for delivery in claimed:
                    tasks.create_task(self._finish(journal, identity, delivery, now))

    async def _finish(self, journal, identity, delivery, now):
        await journal.anchor(identity, delivery.lane, handled_seq=0)
        shown = {"messages": [[1, f"{delivery.chat_id}-1"]], "base_seq": 1, "guard": [0, 6, False]}
        record = TurnRecord(kind=MESSAGE_KIND, attempt=1, began_at=now, shown=shown)
        await journal.finish(delivery, CursorMove(handled_seq=1), record=record)

    async def _speak(self, journal, identity, now):
        chats = max(1, self.intents // 5)
        for start in range(0, self.intents, AT_ONCE):
            async with asyncio.TaskGroup() as tasks:
                for number in range(start, min(self.intents, start + AT_ONCE)):
                    intent = Intent(
                        delivery_id=10_000_000 + number % chats,
                        turn=number // chats,
                        ordinal=0,
                        identity=identity,
                        handler=HANDLER,
                        chat_id=f"year-{number % chats}",
                        base_seq=1,
                        content_hash=f"{number:064x}",
                        state=IntentState.SENT,
                        message_id=f"m{number}",
                        message_seq=number,
                        intended_at=now - WINDOW_SECONDS * number / self.intents,
                        is_unattended=True,
                    )
                    tasks.create_task(journal.settle(intent))


async def settle(owner, base_url, folder):
    """An agent with a folder for its files and its journal; its token."""
    folder.mkdir()
    token = (await owner.auth.create_external_user(folder.name, folder.name))["token"]
    (folder / "agent.token").touch(mode=0o600)
    (folder / "agent.token").write_text(token)
    (folder / "agent.toml").write_text(CONFIG.format(name=folder.name, base_url=base_url))
    (folder / "p.py").write_text(PLUGIN)
    return token


def until_ready(folder):
    """Of one life of the daemon: seconds, and seconds of the processor."""
    began = time.perf_counter()
    supervisor = Supervisor(folder)
    try:
        supervisor.wait_ready()
        return time.perf_counter() - began, Use.of(supervisor.process.pid).processor
    finally:
        supervisor.stop()


def in_turns(names, number):
    """Each pair in the other order than the one before."""
    return list(names)[:: 1 if number % 2 else -1]


def ready(folders, pairs):
    """As `until_ready`, by journal; the first life of each is not counted."""
    found = {name: [] for name in folders}
    for number in range(pairs + 1):
        for name in in_turns(folders, number):
            seconds = until_ready(folders[name])
            if number:
                found[name].append(seconds)
    return found


async def replies(owner, base_url, folders, tokens, rounds):
    """Replies a second, by journal; the first round of each is not counted."""
    found = {name: [] for name in folders}
    async with contextlib.AsyncExitStack() as opened:
        chats, answer = {}, {}
        for name, folder in folders.items():
            chats[name] = [
                (await owner.chats.create([name], kind="group", title=f"{number}"))["id"]
                for number in range(CHATS)
            ]
            answer[name] = await opened.enter_async_context(runtime(base_url, tokens[name], folder))
        for number in range(rounds + 1):
            for name in in_turns(folders, number):
                await say_everywhere(owner, chats[name])
                seconds, _ = await answer[name](chats[name])
                if number:
                    found[name].append(CHATS / seconds)
    return found


def _each(found, part):
    return {name: [each[part] for each in values] for name, values in found.items()}


def tell(what, found, unit, bar, *, is_most):
    """Print medians and ratios; whether the bar is held."""
    ratios = [year / empty for year, empty in zip(found["year"], found["empty"], strict=True)]
    low, _, high = statistics.quantiles(ratios, n=4)
    ratio = statistics.median(ratios)
    held = ratio <= bar if is_most else ratio >= bar
    print(
        f"{what}: empty {statistics.median(found['empty']):.2f}{unit},"
        f" a year {statistics.median(found['year']):.2f}{unit};"
        f" ratio {ratio:.3f} ({min(ratios):.2f} to {max(ratios):.2f}, the middle half {low:.2f} to {high:.2f},"
        f" {len(ratios)} pairs), bar {bar}: {'held' if held else 'MISSED'}",
        flush=True,
    )
    return held


async def measure(folder, given):
    """Whether each bar is held."""
    with backend() as base_url:
        async with AsyncClient(base_url=base_url) as nobody:
            made = await nobody.auth.create_guest_owner("owner")
        async with AsyncClient(base_url=base_url, auth_token=made["token"]) as owner:
            folders = {name: folder / name for name in ("empty", "year")}
            tokens = {name: await settle(owner, base_url, each) for name, each in folders.items()}
            began = time.perf_counter()
            await Year(given.rows, given.chats, given.intents).fill(folders["year"], "year", base_url)
            size = (folders["year"] / "journal.sqlite3").stat().st_size / 2**20
            print(f"a year: {size:.0f} MiB, made in {time.perf_counter() - began:.0f} s", flush=True)
            times = await asyncio.to_thread(ready, folders, given.pairs)
            rates = await replies(owner, base_url, folders, tokens, given.rounds)
    return [
        tell("until READY", _each(times, 0), " s", READY_BAR, is_most=True),
        tell("processor until READY", _each(times, 1), " s", READY_BAR, is_most=True),
        tell("replies a second", rates, "", REPLIES_BAR, is_most=False),
    ]


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pairs", nargs="?", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--chats", type=int, default=10_000)
    parser.add_argument("--intents", type=int, default=60_000)
    given = parser.parse_args()
    garbage.look_rarely()
    garbage.leave_out_what_stays()
    with tempfile.TemporaryDirectory() as folder:
        return not all(asyncio.run(measure(Path(folder), given)))


if __name__ == "__main__":
    sys.exit(main())
