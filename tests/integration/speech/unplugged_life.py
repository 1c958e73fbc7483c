"""
Lives of a runtime on a disk that is watched: the real assembly, its stream included, one plugin that answers and
remembers, and another one that only remembers.

Usage: unplugged_life.py, with the library of `volatile_disk` preloaded; each line of standard input is the life of
one, in a fork, and the next begins when it is dead.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from mycel_runtime.daemon.assembly import AgentAssembly
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.observe.observer import Silent
from mycel_runtime.plugin.plugin import Plugin
from mycel_runtime.plugin.registry import BoundHandler
from mycel_runtime.sdk import AsyncClient
from mycel_runtime.settings import Settings
from tests.integration.speech import volatile_disk
from tests.integration.speech.one_life import Reaper, Watched

LIFE_SECONDS = 30.0

VERBS = {
    "append": "append",
    "claim": "claim",
    "intend": "intent",
    "want_others": "look",
    "record": "record",
    "finish": "finish",
}
CALLS = {"read": "read", "send": "send"}


@dataclass(frozen=True, kw_only=True)
class Life:
    """
    What a life needs to know.

    Attributes:
        folder: The state directory.
        trace: Where what it writes is written down.
        stream_url: Of the backend.
        call_url: Of the gate before it.
        parts: Replies to each message.
        point: Where it dies, or nothing.
        deadly: The kind of step that it dies before, or nothing.
        nth: Passing of the point, or step of the kind, from 1.
    """

    me: str
    folder: str
    trace: str
    stream_url: str
    call_url: str
    token: str
    parts: int
    point: str = ""
    deadly: str = ""
    nth: int = 1


def plugins(life):
    answering, noting = Plugin("p"), Plugin("q")

    def remember(ctx):
        contents = [message.content for message in ctx.messages]
        ctx.chat_store["heard"] = [*ctx.chat_store.get("heard", []), *contents]

    @answering.on_message(sender="human")
    async def answer(ctx):
        remember(ctx)
        for message in ctx.messages:
            for part in range(life.parts):
                await ctx.reply(f"{part}: {message.content}")

    @noting.on_message(sender="human")
    async def note(ctx):
        remember(ctx)

    return [answering, noting]


def settings_of(life):
    return Settings(
        file={
            "agent": {"name": "a", "base_url": life.stream_url},
            "dispatch": {"settle_grace": 0.05, "retry_base": 0.02, "hole_grace": 0.05},
        },
        overrides={},
    )


async def live(life):
    """Until nothing is left to do, or death."""
    reaper = Reaper(life)
    journal = SqliteJournal(Path(life.folder))
    journal.open()
    try:
        async with AsyncClient(base_url=life.call_url, auth_token=life.token) as sdk:
            sdk.messages = Watched(sdk.messages, reaper, points(CALLS))
            parts = await AgentAssembly(
                settings=settings_of(life),
                me=life.me,
                base_url=life.stream_url,
                token=SecretStr(life.token),
                journal=Watched(journal, reaper, points(VERBS)),
                sdk=sdk,
                handlers=[
                    BoundHandler(handler=handler, settings=None)
                    for plugin in plugins(life)
                    for handler in plugin.handlers
                ],
                observer=Silent(),
            ).parts()
            await run_until_idle(parts, journal, life.me)
    finally:
        await journal.close()


def points(names):
    return {name: lambda *_, point=point: point for name, point in names.items()}


async def run_until_idle(parts, journal, me):
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(parts.dispatcher.run(), name="dispatcher")
        listening = [tasks.create_task(work, name=name) for name, work in parts.listening()]
        while parts.reconciler.succeeded_at is None or await is_busy(journal, me):  # noqa: ASYNC110 - no event says that nothing more will come
            await asyncio.sleep(0.005)
        for task in listening:
            task.cancel()
        parts.dispatcher.stop()


async def is_busy(journal, me):
    there = await journal.statistics(me)
    return there.due + there.running > 0


def fork(life):
    """A life in a process of its own, which has imported everything; its exit status."""
    pid = os.fork()
    if not pid:
        status = 1
        try:
            say("born", os.getpid())
            volatile_disk.watch(life.folder, life.trace, deadly=life.deadly, nth=life.nth)
            asyncio.run(asyncio.wait_for(live(life), LIFE_SECONDS))
            status = 0
        except BaseException:  # noqa: BLE001 - told as Python would, and as the exit status
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


if __name__ == "__main__":
    for line in sys.stdin:
        say("dead", fork(Life(**json.loads(line))))
