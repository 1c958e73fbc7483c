"""
Deafness with the intervals that people have, and a handler that answers at once.

`python -m tests.integration.inbox.defaults 20`: so many trials side by side, each with a backend and a proxy of its
own, the five kinds in turn. Half of the messages come in the first minute of a connection, when looks are frequent;
half when it is long proven. One to two and a half minutes, whatever the number.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

from mycel_runtime.daemon.timer import JITTER
from mycel_runtime.settings import InboxSettings
from tests.chaos.proxy import FaultProxy
from tests.integration.inbox.conftest import a_home, answer_at_once, running
from tests.integration.inbox.test_deafness import KINDS, Trial, summary, until_settled

FIRST_MINUTE_SECONDS = 65.0
SLACK_SECONDS = 3.0
"""For the calls of a look, on a machine that runs all trials at once."""

DEFAULTS = InboxSettings()
BOUND_SECONDS = DEFAULTS.reconcile_interval * (1 + 2 * JITTER) + DEFAULTS.deaf_grace + SLACK_SECONDS
PINGS_SECONDS = 3600.0
"""Pings would notice some kinds by themselves."""


async def trial(number, trials, folder):
    """Seconds from the message to the alarm, and to the handler."""
    deafen = KINDS[number % len(KINDS)]
    pause = number / trials * FIRST_MINUTE_SECONDS
    pause += FIRST_MINUTE_SECONDS if number % 2 else 0.0
    async with contextlib.AsyncExitStack() as stack:
        home = await stack.enter_async_context(a_home(folder))
        proxy = stack.enter_context(FaultProxy("127.0.0.1", home.backend.port))
        away = dataclasses.replace(home, backend=SimpleNamespace(base_url=proxy.base_url))
        inbox = DEFAULTS.model_dump() | {"ping_interval": PINGS_SECONDS}
        runtime = await stack.enter_async_context(
            running(away, folder / "s", handler=answer_at_once, **inbox)
        )
        await until_settled(runtime, 1)
        await asyncio.sleep(pause)
        async with deafen(Trial(home, proxy, runtime.memory)):
            await home.say("hello")
            began = time.monotonic()
            noticed = await seconds_until(began, lambda: runtime.memory.named("deafness.detected"))
            handled = await seconds_until(began, lambda: runtime.heard)
    return deafen.__name__, round(pause, 1), noticed, handled


async def seconds_until(began, condition):
    """Infinite if it does not come true within twice the bound."""
    while time.monotonic() - began < 2 * BOUND_SECONDS:
        if condition():
            return time.monotonic() - began
        await asyncio.sleep(0.05)
    return float("inf")


async def main(trials):
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder) / str(number) for number in range(trials)]
        async with asyncio.TaskGroup() as tasks:
            running_trials = []
            for number, place in enumerate(places):
                place.mkdir()
                running_trials.append(tasks.create_task(trial(number, trials, place)))
    results = [task.result() for task in running_trials]
    for kind, pause, noticed, handled in results:
        print(f"{kind:10} message after {pause:5} s: handled {handled:6.2f} s, noticed {noticed:6.2f} s")
    noticed = [seconds for *_, seconds, _ in results]
    late = [result for result in results if result[2] > BOUND_SECONDS]
    print(f"{trials} trials, default intervals: noticed {trials - len(late)}/{trials}, {summary(noticed)}")
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)))
