"""
What the test kit costs: `.venv/bin/python -m tests.benchmarks.kit`.

A handler that does nothing but reply, called with a `BareChat`, and in a whole `Mycel`: from somebody's words to the
answer in his ears, through server, stream, journal and dispatch. Wall and CPU time of this process, with its server.

CPU time is the number to compare on a busy machine. All is done by one thread: the server's part (two frames and
three requests) is a fifth, the journal's a sixth. `tests/integration/testing/test_cost.py` bounds it by calls.
"""

from __future__ import annotations

import asyncio
import statistics
import time

from mycel_runtime import MessageContext, Plugin
from mycel_runtime.testing import BareChat, Mycel
from mycel_runtime.testing.journal_folder import journal_folder

BARE_RUNS = 2000
TURNS = 100
TESTS = 20

plugin = Plugin("echo")


@plugin.on_message
async def echo(ctx: MessageContext) -> None:
    await ctx.reply(f"You said: {ctx.messages[-1].content}")


def timed(what, times, began, cpu):
    wall, spent = time.perf_counter() - began, time.process_time() - cpu
    print(f"{what:<34}{1000 * wall / times:>9.2f} ms{1000 * spent / times:>9.2f} ms CPU")


async def bare():
    began, cpu = time.perf_counter(), time.process_time()
    for _ in range(BARE_RUNS):
        await echo(BareChat("hello").ctx)
    timed("a handler with a BareChat", BARE_RUNS, began, cpu)


async def talk():
    with journal_folder() as folder:
        async with Mycel(folder) as mycel:
            ada = await mycel.human()
            await mycel.agent(plugin)
            took, cpu = [], time.process_time()
            for number in range(TURNS):
                began = time.perf_counter()
                await ada.says(f"{number}")
                await ada.hears(f"You said: {number}")
                took.append(1000 * (time.perf_counter() - began))
            spent = 1000 * (time.process_time() - cpu) / TURNS
            print(
                f"{'from words to answer':<34}{statistics.median(took):>9.2f} ms{spent:>9.2f} ms CPU"
                f" (median wall time, {min(took):.2f} ms the least)"
            )


async def one_test():
    with journal_folder() as folder:
        async with Mycel(folder) as mycel:
            ada = await mycel.human()
            await mycel.agent(plugin)
            await ada.says("hello")
            await ada.hears("You said: hello")
            await ada.hears_nothing()


def main():
    asyncio.run(bare())
    asyncio.run(one_test())
    asyncio.run(talk())
    began, cpu = time.perf_counter(), time.process_time()
    for _ in range(TESTS):
        asyncio.run(one_test())
    timed("a whole test of one answer", TESTS, began, cpu)


if __name__ == "__main__":
    main()
