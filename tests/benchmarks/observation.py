"""
What it costs to tell: intake and replies with everybody told that a daemon tells, against nobody told.

    python -m tests.benchmarks.observation [PAIRS]

Both run in one process, in turns, each pair in the other order than the one before. Unwatched: facts are made, and
only the benchmark hears of them. Counted: the metrics of `/metrics` hear of them too, and of durations. Watched: all
that a daemon tells, with a log at its level. Printed are, of the speed without, the median, least and greatest of the
pairs' ratios, and by how much the processor's time grew, which a busy disk or machine changes less; a reply's sample
is of several rounds, because one takes a tenth of a second. Instructions, which are the same on a busy machine:
`python -m tests.benchmarks.instructions .` with `--only unwatched counted watched`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import statistics
import tempfile
import time
from pathlib import Path

from mycel_runtime.daemon import garbage
from mycel_runtime.sdk import AsyncClient
from tests.benchmarks import intake, replies
from tests.benchmarks.watching import Counted, Unwatched, Watched

WAYS = {"unwatched": Unwatched, "counted": Counted, "watched": Watched}
REPLY_ROUNDS = 5
BAR = 0.95
DEADLINE_SECONDS = 1200


async def in_turns(rounds, pairs):
    """By name a speed, and seconds of the processor for one; a pair at an index. A first round fills caches."""
    speeds = {name: [] for name in rounds}
    for number in range(pairs + 1):
        for name in list(rounds)[:: 1 if number % 2 else -1]:
            speed = await rounds[name]()
            if number:
                speeds[name].append(speed)
    return speeds


async def of_intake(base_url, tokens, pipe, folder, pairs):
    async with contextlib.AsyncExitStack() as opened:
        rounds = {}
        for name, way in WAYS.items():
            ours = intake.Ours(f"intake-{name}", pipe)
            await opened.enter_async_context(
                ours.listening(base_url, tokens[ours.name], folder / ours.name, watch=way())
            )

            async def sample(ours=ours):
                began = time.process_time()
                speed = await ours.round(intake.FRAMES)
                return speed, (time.process_time() - began) / intake.FRAMES

            rounds[name] = sample
        return await in_turns(rounds, pairs)


async def of_replies(base_url, owner, tokens, folder, pairs):
    async with contextlib.AsyncExitStack() as opened:
        rounds = {}
        for name, way in WAYS.items():
            me = f"replies-{name}"
            made = [
                await owner.chats.create([me], kind="group", title=f"{each}") for each in range(replies.CHATS)
            ]
            chats = [chat["id"] for chat in made]
            answer = await opened.enter_async_context(
                replies.runtime(base_url=base_url, token=tokens[me], folder=folder / me, watch=way())
            )

            async def sample(chats=chats, answer=answer):
                seconds = processor = 0.0
                for _ in range(REPLY_ROUNDS):
                    await replies.say_everywhere(owner, chats)
                    began = time.process_time()
                    seconds += (await answer(chats))[0]
                    processor += time.process_time() - began
                answered = REPLY_ROUNDS * replies.CHATS
                return answered / seconds, processor / answered

            rounds[name] = sample
        return await in_turns(rounds, pairs)


def report(what, speeds):
    """Print the ratios; whether they hold the bar."""
    held = True
    base = speeds.pop("unwatched")
    print(f"{what:<8} unwatched {statistics.median(speed for speed, _ in base):9,.0f} a second")
    for name, found in speeds.items():
        pairs = list(zip(found, base, strict=True))
        ratios = [ours / without for (ours, _), (without, _) in pairs]
        processor = statistics.median(ours / without for (_, ours), (_, without) in pairs)
        median = statistics.median(ratios)
        held = held and median >= BAR
        print(
            f"{what:<8} {name:<9} {statistics.median(speed for speed, _ in found):9,.0f} a second,"
            f" {median:.2f} of that ({min(ratios):.2f} to {max(ratios):.2f}, {len(ratios)} pairs; bar {BAR}:"
            f" {'held' if median >= BAR else 'MISSED'}), processor {processor:.2f}",
            flush=True,
        )
    return held


async def measure(base_url, pipe, folder, pairs):
    names = [f"{what}-{way}" for what in ("intake", "replies") for way in WAYS]
    async with AsyncClient(base_url=base_url) as nobody:
        made = await nobody.auth.create_guest_owner("owner")
    async with (
        AsyncClient(base_url=base_url, auth_token=made["token"]) as owner,
        asyncio.timeout(DEADLINE_SECONDS),
    ):
        tokens = {name: (await owner.auth.create_external_user(name, name))["token"] for name in names}
        return (
            await of_intake(base_url, tokens, pipe, folder, pairs),
            await of_replies(base_url, owner, tokens, folder, pairs),
        )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pairs", type=int, nargs="?", default=9)
    arguments = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    backend = multiprocessing.get_context("spawn").Process(target=intake.serve, args=(theirs,), daemon=True)
    backend.start()
    garbage.look_rarely()
    garbage.leave_out_what_stays()
    with tempfile.TemporaryDirectory() as folder:
        heard, answered = asyncio.run(measure(ours.recv(), ours, Path(folder), arguments.pairs))
    backend.kill()
    backend.join()
    held = [report("intake", heard), report("replies", answered)]
    raise SystemExit(not all(held))


if __name__ == "__main__":
    main()
