"""
One life of a runtime: the real assembly without its stream, killed by itself at a named point, or ended when idle.

Run in a process of its own (`multiprocessing`, method `forkserver`, so that a life costs no imports).
"""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import SecretStr

from mycel_runtime.daemon.assembly import AgentAssembly
from mycel_runtime.journal.pause import PauseKind
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.observe.observer import Silent
from mycel_runtime.plugin.plugin import Plugin
from mycel_runtime.plugin.registry import BoundHandler
from mycel_runtime.sdk import AsyncClient
from mycel_runtime.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

LIFE_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Life:
    """
    What a life needs to know.

    Attributes:
        point: One of `lives.INNER`, or nothing.
        nth: Passing of the point, from 1.
        patience: Seconds until an answer is waited for no more.
        retries: Of calls that only read.
        park_after: As the setting.
        paused: What is paused at the start, by its kind and name, until the agent has asked what it has missed.
    """

    me: str
    state_dir: Path
    base_url: str
    token: str
    parts: int
    point: str = ""
    nth: int = 1
    patience: float = 15.0
    retries: int = 2
    park_after: float = 60.0
    paused: tuple[str, str] | None = None


class Reaper:
    """Kills this process at the n-th passing of a point."""

    means = signal.SIGKILL

    def __init__(self, life):
        self._point = life.point
        self._left = life.nth

    def pass_(self, point):
        if point == self._point:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), self.means)


class Watched:
    """An object whose methods of these names are points, before and after."""

    def __init__(self, inner, reaper, methods):
        self._inner = inner
        self._reaper = reaper
        self._methods = methods

    def __getattr__(self, name):
        method = getattr(self._inner, name)
        if name not in self._methods:
            return method

        def watched(*args, **kwargs):
            point = self._methods[name](*args)
            self._reaper.pass_(f"before {point}")
            result = method(*args, **kwargs)
            if inspect.isawaitable(result):
                return self._awaited(result, point)
            self._reaper.pass_(f"after {point}")
            return result

        return watched

    async def _awaited(self, pending, point):
        result = await pending
        self._reaper.pass_(f"after {point}")
        return result


def live(life):
    """To be run as a process."""
    asyncio.run(asyncio.wait_for(_live(life), LIFE_SECONDS))


def settings_of(life):
    return Settings(
        file={
            "agent": {"name": "a", "base_url": life.base_url},
            "dispatch": {
                "settle_grace": 0.05,
                "retry_base": 0.02,
                "hole_grace": 0.05,
                "park_after": life.park_after,
            },
        },
        overrides={},
    )


async def _live(life):
    plugin = Plugin("p")

    @plugin.on_message(sender="human")
    async def answer(ctx):
        for message in ctx.messages:
            for part in range(life.parts):
                await ctx.reply(f"{part}: {message.content}")

    reaper = Reaper(life)
    journal = SqliteJournal(life.state_dir)
    journal.open()
    try:
        async with AsyncClient(
            base_url=life.base_url, auth_token=life.token, timeout=life.patience, retries=life.retries
        ) as sdk:
            sdk.messages = Watched(
                sdk.messages, reaper, {"read": lambda *_: "read", "send": lambda *_: "send"}
            )
            parts = await AgentAssembly(
                settings=settings_of(life),
                me=life.me,
                base_url=life.base_url,
                token=SecretStr(life.token),
                journal=Watched(
                    journal,
                    reaper,
                    {
                        "intend": lambda *_: "intent",
                        "record": lambda *_: "record",
                        "settle": lambda *_: "refusal",
                        "finish": lambda *_: "finish",
                        "pause": lambda *_: "pause",
                        "resume": lambda *_: "resume",
                    },
                ),
                sdk=sdk,
                handlers=[BoundHandler(handler=handler, settings=None) for handler in plugin.handlers],
                observer=Silent(),
            ).parts()
            async with asyncio.TaskGroup() as tasks:
                if life.paused is not None:
                    await parts.pauses.pause(PauseKind(life.paused[0]), life.paused[1])
                    tasks.create_task(resume(parts, life.paused))
                await run_while(parts, lambda: _is_busy(journal, parts, life.me))
    finally:
        await journal.close()


async def run_while(parts, is_busy):
    """Ask what was missed, and run what is due, until nothing more will come."""
    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(parts.reconciler.run("start"))
        tasks.create_task(parts.dispatcher.run())
        while parts.reconciler.succeeded_at is None or await is_busy():  # noqa: ASYNC110 - no event says that nothing more will come
            await asyncio.sleep(0.005)
        asking.cancel()
        parts.dispatcher.stop()


async def resume(parts, paused):
    """Once what was missed is work, and some of it may have been passed over."""
    while parts.reconciler.succeeded_at is None:  # noqa: ASYNC110 - no event says so
        await asyncio.sleep(0.005)
    await parts.pauses.resume(PauseKind(paused[0]), paused[1])
    parts.dispatcher.wake()


def draw_pause(point, chat_id, dice):
    """What is paused in the lives of a conversation: kind and name; `None`: nothing."""
    kinds = [("agent", ""), ("plugin", "p"), ("chat", chat_id)]
    return dice.choice(kinds if point.endswith(("pause", "resume")) else [*kinds, None, None, None])


async def _is_busy(journal, parts, me):
    there = await journal.statistics(me)
    return there.due + there.running > 0 or bool(parts.pauses.all)
