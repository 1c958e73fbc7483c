"""
What a claim and the loop guard's count cost beside a full journal, against a journal that is nearly empty.

    python -m tests.benchmarks.claims [ROUNDS]

Through the journal's own verbs, on two journals that take turns, in a memory file system where there is one: what the
disk's commit takes is the same for both and would hide the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from pathlib import Path

from mycel_runtime.journal.batch import Arrival, Batch
from mycel_runtime.journal.cursor import CursorMove
from mycel_runtime.journal.entry import Entry
from mycel_runtime.journal.intent import Intent, IntentState
from mycel_runtime.journal.own_sends import Unattended
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.journal.work import ChatWork, EventWork
from mycel_runtime.settings import GuardSettings
from tests.engines.listening import append
from tests.engines.store_clock import StoreClock, at

ME = "me"
FEW, MANY = 10, 10_000
FEW_INTENTS, MANY_INTENTS = 60, 60_000
CLAIM_LIMIT = 8
TURNS_OF_CHAT = 5
WINDOW_SECONDS = 3_600.0
NOW = 1e9
BAR = 1.5
MEMORY = next((folder for folder in ("/dev/shm",) if Path(folder).is_dir()), None)
GUARD = GuardSettings()
LIMITS = Unattended(turns=GUARD.turns, chat_sends=GUARD.chat_sends, plugin_sends=GUARD.plugin_sends)


def entry(seq):
    return Entry(ME, 1, seq, "k", "f", 0.5, f'{{"seq":{seq}}}', 1.0)


async def happen(journal, lanes, first_seq=1):
    """One event in each of these lanes; the chat of each is named, as a chat's events have it."""
    arrivals = tuple(
        Arrival(entry(first_seq + number), (EventWork(handler="p.events", lane=lane, chat_id=lane),))
        for number, lane in enumerate(lanes)
    )
    await append(journal, Batch(identity=ME, arrivals=arrivals))


async def want(journal, chats):
    hints = tuple(
        ChatWork(handler="p.messages", lane=f"chat:{chat}", chat_id=chat, wanted_seq=1) for chat in chats
    )
    await journal.hint(ME, hints)


async def fill_one_lane(journal, count):
    await happen(journal, ["chat:busy"] * count)
    await want(journal, ["other"])


async def fill_running_lane(journal, count):
    await happen(journal, ["chat:busy"] * count)
    await journal.claim(ME, limit=1)
    await want(journal, ["other"])


async def fill_lanes(journal, count):
    await happen(journal, [f"chat:{number}" for number in range(count)])


async def fill_chats(journal, count):
    """Idle, but one."""
    await want(journal, map(str, range(count)))
    while claimed := await journal.claim(ME, limit=256):
        for delivery in claimed:
            await journal.anchor(ME, delivery.lane, handled_seq=0)
            await journal.finish(delivery, CursorMove(handled_seq=1))
    await want(journal, ["other"])


async def claim(journal):
    """Seconds that a claim takes; what it got is given back."""
    began = time.perf_counter()
    claimed = await at(journal, 1.0).claim(ME, limit=CLAIM_LIMIT)
    took = time.perf_counter() - began
    assert claimed
    for delivery in claimed:
        await journal.postpone(delivery, after=0.0, spend=False)
    return took


async def append_event(journal):
    """Seconds that one more event takes, in the lane where they wait."""
    seq = append_event.seq = append_event.seq + 1
    began = time.perf_counter()
    await happen(journal, ["chat:busy"], first_seq=seq)
    return time.perf_counter() - began


append_event.seq = 10 * MANY


async def end_event(journal):
    """Seconds that it takes to end the first event of a lane in which others wait."""
    (delivery,) = await journal.claim(ME, limit=1)
    began = time.perf_counter()
    await journal.finish(delivery, CursorMove())
    return time.perf_counter() - began


async def fill_intents(journal, count, chats):
    """Unattended, of `chats` chats; a few of each are of the last minutes."""
    await want(journal, ["said"])
    (delivery,) = await journal.claim(ME, limit=1)
    batch = []
    for number in range(count):
        age = number / chats * WINDOW_SECONDS / TURNS_OF_CHAT
        intent = Intent(
            delivery_id=1_000_000 + number % chats,
            turn=number // chats,
            ordinal=0,
            identity=ME,
            handler="p.messages",
            chat_id="said" if number % chats == 0 else f"c{number % chats}",
            base_seq=1,
            content_hash="h",
            state=IntentState.SENT,
            message_id=f"m{number}",
            message_seq=number,
            intended_at=NOW - age,
            is_unattended=True,
        )
        batch.append(journal.settle(intent))
        if len(batch) == 1_000:
            await asyncio.gather(*batch)
            batch = []
    await asyncio.gather(*batch)
    journal.delivery = delivery


async def fill_many_chats(journal, count):
    await fill_intents(journal, count, count // TURNS_OF_CHAT)


async def fill_one_chat(journal, count):
    await fill_intents(journal, count, 1)


async def count(journal):
    began = time.perf_counter()
    await at(journal, NOW).unattended(journal.delivery, plugin="p", within=WINDOW_SECONDS, limits=LIMITS)
    return time.perf_counter() - began


CASES = {
    "a claim beside events waiting in one lane": (fill_one_lane, claim, FEW, MANY),
    "a claim while that lane runs": (fill_running_lane, claim, FEW, MANY),
    "a claim beside lanes": (fill_lanes, claim, FEW, MANY),
    "a claim beside chats": (fill_chats, claim, FEW, MANY),
    "one more event in that lane": (fill_one_lane, append_event, FEW, MANY),
    "the end of that lane's first event": (fill_one_lane, end_event, MANY // 100, MANY),
    "the guard's count, unattended messages of many chats": (
        fill_many_chats,
        count,
        FEW_INTENTS,
        MANY_INTENTS,
    ),
    "the guard's count, unattended messages of one chat": (fill_one_chat, count, FEW_INTENTS, MANY_INTENTS),
}


@contextlib.asynccontextmanager
async def filled(fill, count):
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        journal = SqliteJournal(Path(folder), clock=StoreClock())
        journal.open()
        try:
            await journal.recover(ME)
            await fill(journal, count)
            yield journal
        finally:
            await journal.close()


async def measure(fill, cost, few, many, rounds):
    """Medians in microseconds."""
    async with filled(fill, few) as small, filled(fill, many) as large:
        took = ([], [])
        for _ in range(rounds):
            for journal, each in zip((small, large), took, strict=True):
                each.append(await cost(journal))
    return [statistics.median(each) * 1e6 for each in took]


async def main(rounds):
    print(f"{'':54}{'few':>8}{'µs':>8}{'many':>9}{'µs':>9}{'ratio':>8}")
    ratios = []
    for name, (fill, cost, few, many) in CASES.items():
        low, high = await measure(
            fill, cost, few, many, min(rounds, few - 2) if cost is end_event else rounds
        )
        ratios.append(high / low)
        print(f"{name:54}{few:8,}{low:8.0f}{many:9,}{high:9.0f}{ratios[-1]:8.2f}", flush=True)
    return max(ratios) > BAR


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)))
