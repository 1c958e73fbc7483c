"""
One life of an agent that replies, remembers and plans; killed by itself at a named point, or ended when idle.

Run in a process of its own (`multiprocessing`, method `forkserver`, so that a life costs no imports).
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import SecretStr

from mycel_runtime.daemon.assembly import assemble
from mycel_runtime.journal.sqlite import SqliteJournal
from mycel_runtime.observe.observer import Silent
from mycel_runtime.plugin.isolation.process import WorkerSpec
from mycel_runtime.plugin.registry import BoundHandler
from mycel_runtime.sdk import AsyncClient
from mycel_runtime.settings import Settings
from tests.integration.speech.one_life import Reaper, Watched, run_while

if TYPE_CHECKING:
    from pathlib import Path

LIFE_SECONDS = 60.0

SOON_SECONDS = 30.0
"""A timer that is due sooner is waited for; the others are of an hour."""

PLUGIN = '''
from mycel_runtime import Plugin

plugin = Plugin("p")


@plugin.on_message(sender="human")
async def answer(ctx):
    """Each message: its number, what to do with a timer, and which."""
    for message in ctx.messages:
        number, deed, key = message.content.split()
        ctx.store["messages"] = ctx.store.get("messages", 0) + 1
        ctx.store[f"message {number}"] = ctx.store.get(f"message {number}", 0) + 1
        ctx.chat_store["said"] = [*ctx.chat_store.get("said", []), number]
        if deed == "cancel":
            ctx.timers.cancel("t", key=key)
        await ctx.reply(f"{number}")
        if deed == "soon":
            ctx.timers.set("t", after=0.02, key=key, data={"again": int(number) % 2})
        if deed == "late":
            ctx.timers.set("t", after=3600, key=key)


@plugin.on_timer("t")
def fire(ctx):
    ctx.store["fired"] = ctx.store.get("fired", 0) + 1
    ctx.store[f"timer {ctx.key}"] = ctx.store.get(f"timer {ctx.key}", 0) + 1
    if ctx.data["again"]:
        ctx.timers.set("t", after=0, key=f"{ctx.key}-again", data={"again": 0})
'''

POINTS_OF = {
    "claim": "claim",
    "items": "items",
    "has_items": "items",
    "intend": "intent",
    "record": "record",
    "finish": "finish",
    "postpone": "postpone",
    "timers_due": "look",
    "fire": "fire",
}


@dataclass(frozen=True, kw_only=True)
class Life:
    """
    What a life needs to know.

    Attributes:
        point: Where it ends, or nothing.
        nth: Passing of the point, from 1.
    """

    me: str
    folder: Path
    base_url: str
    token: str
    is_isolated: bool
    point: str = ""
    nth: int = 1


def live(life):
    """To be run as a process."""
    asyncio.run(asyncio.wait_for(_live(life), LIFE_SECONDS))


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


async def _live(life):
    reaper = Reaper(life)
    journal = SqliteJournal(life.folder)
    journal.open()
    try:
        async with AsyncClient(base_url=life.base_url, auth_token=life.token) as sdk:
            sdk.messages = Watched(sdk.messages, reaper, {"send": lambda *_: "send"})
            watched = {verb: lambda *_, point=point: point for verb, point in POINTS_OF.items()}
            parts = await assemble(
                Settings(
                    file={
                        "agent": {"name": "a", "base_url": life.base_url},
                        "dispatch": {"settle_grace": 0.05, "retry_base": 0.02, "hole_grace": 0.05},
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


async def _is_busy(journal, me):
    """In one look: what is done between two may be in neither."""
    values = {"me": me, "soon": time.time() + SOON_SECONDS}
    query = """
        SELECT EXISTS (SELECT 1 FROM delivery WHERE identity = :me AND state <> 'idle')
            OR EXISTS (SELECT 1 FROM timer WHERE identity = :me AND due_at < :soon)
    """
    return await journal._writer.submit(lambda connection: connection.execute(query, values).fetchone()[0])
