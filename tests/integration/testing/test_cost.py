"""What a message and its answer cost under the kit: counted, as times are a busy machine's."""

from __future__ import annotations

import contextlib
import sys
import threading

from mycel_runtime import Plugin
from mycel_runtime.testing import Mycel

TURNS = 20

MOST_CALLS = 3_400
"""Of Python's functions and C's, from words to answer; 2,910 when this was written."""

plugin = Plugin("echo")


@plugin.on_message
async def echo(ctx):
    await ctx.reply(f"You said: {ctx.messages[-1].content}")


@contextlib.contextmanager
def counted():
    """How many calls this thread makes in the block, a list of one number."""
    calls = [0]

    def note(_frame, event, _argument):
        calls[0] += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(before)


async def test_a_message_and_its_answer_are_so_many_calls_at_most(tmp_path):
    """The cheapest of some: what goes by a clock, as the second of two wakes, falls into one turn or the next."""
    before = set(threading.enumerate())
    async with Mycel(tmp_path) as mycel:
        ada = await mycel.human()
        await mycel.agent(plugin)
        turns = []
        for number in range(TURNS):
            with counted() as calls:
                await ada.says(f"{number}")
                await ada.hears(f"You said: {number}")
            turns.append(calls[0])

        assert min(turns) <= MOST_CALLS
        assert "journal-writer" not in {thread.name for thread in set(threading.enumerate()) - before}
