"""One life of a gatekeeper, as `one_life` of a runtime: killed by itself at a named point, or ended when idle."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from pydantic import SecretStr

from mycel_runtime.daemon.assembly import AgentAssembly
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.observe.observer import Silent
from mycel_runtime.plugin.plugin import Plugin
from mycel_runtime.plugin.registry import BoundHandler
from mycel_runtime.sdk import AsyncClient
from tests.integration.speech.one_life import (
    LIFE_SECONDS,
    Life,
    Reaper,
    Watched,
    _is_busy,
    run_while,
    settings_of,
)


@dataclass(frozen=True, kw_only=True)
class DeedLife(Life):
    """By which deed each request is decided. What the handlers are shown is written beside the journal."""

    parts: int = 0
    decide: str


def live(life):
    """To be run as a process."""
    asyncio.run(asyncio.wait_for(_live(life), LIFE_SECONDS))


def _gatekeeper(life):
    plugin = Plugin("gate")

    async def handle(ctx):
        with (life.state_dir / "seen").open("a") as file:
            file.write(f"{ctx.state}\n")
        if ctx.is_open:
            await getattr(ctx, life.decide)()

    @plugin.on_relationship
    async def relationship(ctx):
        await handle(ctx)

    @plugin.on_join_request
    async def join(ctx):
        await handle(ctx)

    return plugin


async def _live(life):
    reaper = Reaper(life)
    journal = SqliteJournal(life.state_dir)
    journal.open()
    look, deed = (lambda *_: "look"), (lambda *_: "deed")
    try:
        async with AsyncClient(base_url=life.base_url, auth_token=life.token, retries=2) as sdk:
            sdk.relationships = Watched(
                sdk.relationships, reaper, {"list": look, "approve": deed, "reject": deed}
            )
            sdk.chats = Watched(
                sdk.chats, reaper, {"list_join_requests": look, "approve_join": deed, "reject_join": deed}
            )
            parts = await AgentAssembly(
                settings=settings_of(life),
                me=life.me,
                base_url=life.base_url,
                token=SecretStr(life.token),
                journal=Watched(journal, reaper, {"finish": lambda *_: "finish"}),
                sdk=sdk,
                handlers=[
                    BoundHandler(handler=handler, settings=None) for handler in _gatekeeper(life).handlers
                ],
                observer=Silent(),
            ).parts()
            await run_while(parts, lambda: _is_busy(journal, parts, life.me))
    finally:
        await journal.close()
