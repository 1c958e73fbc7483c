"""
Deliveries replayed beside the agent that made them, twice through the same code and twice through changed code.

Nothing is sent, both times the same bytes are printed, and what differs is the turns that seven changes are about.
And twice more when the backend is gone: on what was captured, with the same outcome.

`python -m tests.integration.replay.replays DELIVERIES` prints what came of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from mycel_runtime.backend.server import LocalBackend
from mycel_runtime.daemon.assembly import AgentAssembly
from mycel_runtime.journal.capture_file import CAPTURE_NAME, CaptureFile
from mycel_runtime.journal.ids import HandlerId, Lane
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.journal.work import ChatWork
from mycel_runtime.observe.observer import Observer
from mycel_runtime.plugin.registry import BoundHandler
from mycel_runtime.sdk import AsyncClient
from mycel_runtime.settings import Settings
from tests.integration.replay.scribe import scribe

CODE = """
from mycel_runtime import Plugin

plugin = Plugin("p")


@plugin.on_message
async def answer(ctx):
    number = int(ctx.messages[-1].content)
    ctx.chat_store["last"] = number
    ctx.chat_store["seen"] = ctx.chat_store.get("seen", 0) + 1
    if number % 10 == 0:
        ctx.store["tens"] = ctx.store.get("tens", 0) + 1
    past = await ctx.history(3)
    ctx.timers.set("idle", after=600, key=ctx.chat_id, data=number)
    await ctx.reply(f"{number}, after {len(past)}, and {ctx.chat_store['last']} of {ctx.chat_store['seen']}")
    if number % 10 == 3:
        await ctx.reply("that is a three")


@plugin.on_timer("idle")
async def idle(ctx): ...
"""

CHANGES = (
    ("another reply", 'f"{number}, after', "f\"{number}{'!' * (number == {n})}, after"),
    ("no reply", "if number % 10 == 3:", "if number % 10 == 3 and number != {n}:"),
    ("one more reply", "if number % 10 == 3", "if number == {n} or number % 10 == 3"),
    ("another value", '["last"] = number', '["last"] = number + (number == {n})'),
    ("another delay", "after=600", "after=600 + (number == {n})"),
    ("another timer", "key=ctx.chat_id,", "key=ctx.chat_id * (number != {n}),"),
    ("a mistake", "past = await", "1 / (number != {n}); past = await"),
)
"""What is changed, and how; each for one number."""

CHATS = 10


@dataclass
class Finished(Observer):
    """Counts deliveries that have ended."""

    count: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    def tell(self, fact):
        if fact.name == "delivery.finished" and fact.handler == "p.answer":
            self.count.release()


@dataclass(kw_only=True)
class Outcome:
    """What came of it; `planted` and `shown` by the number that was said."""

    deliveries: int
    methods: dict
    unchanged: dict
    changed: dict
    planted: dict
    shown: dict
    is_same_twice: bool
    offline: dict
    is_same_offline: bool
    seconds: float


def changed_code(count):
    """The code with all changes, and which number each of them is about."""
    code, planted = CODE, {}
    for place, (what, before, after) in enumerate(CHANGES, start=1):
        number = place * (count // 8) // 10 * 10 + (3 if what == "no reply" else 4)
        assert before in code
        code = code.replace(before, after.replace("{n}", str(number)))
        planted[number] = what
    return code, planted


def hint(chat_id):
    return ChatWork(
        handler=HandlerId("p.answer"), lane=Lane(f"chat:{chat_id}"), chat_id=chat_id, wanted_seq=None
    )


@contextlib.asynccontextmanager
async def living_agent(backend, folder, owner, count):
    """An agent that has answered so many messages, and goes on living; its token, and its chats."""
    token = (await owner.auth.create_external_user("agent", "Agent"))["token"]
    chats = [
        (await owner.chats.create(["agent"], kind="group", title=str(each)))["id"] for each in range(CHATS)
    ]
    names, finished = {}, Finished()
    exec(CODE, names)
    plugin = names["plugin"]
    journal = SqliteJournal(folder, kept_turns=max(count, 10_000))
    journal.open()
    # Out of the way of whoever replays beside the backend.
    capture = CaptureFile(folder.parent / CAPTURE_NAME, kept_runs=max(count, 10_000), on_failure=sys.exit)
    async with AsyncClient(base_url=backend.base_url, auth_token=token) as sdk:
        parts = await AgentAssembly(
            settings=Settings(file={"agent": {"name": "a", "base_url": backend.base_url}}, overrides={}),
            me="agent",
            base_url=backend.base_url,
            token=SecretStr(token),
            journal=journal,
            sdk=sdk,
            handlers=[BoundHandler(handler=handler, settings={}) for handler in plugin.handlers],
            observer=finished,
            capture_file=capture,
        ).parts()
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(parts.dispatcher.run())
            for first in range(1, count + 1, CHATS):
                async with asyncio.timeout(60), asyncio.TaskGroup() as saying:
                    for number, chat_id in enumerate(chats, start=first):
                        saying.create_task(owner.messages.send(chat_id, str(number), enforce_caught_up=False))
                await journal.hint("agent", tuple(map(hint, chats)))
                parts.dispatcher.wake()
                async with asyncio.timeout(60):
                    for _ in chats:
                        await finished.count.acquire()
            yield token, chats
            parts.dispatcher.stop()
            await running
    await journal.close()
    await asyncio.to_thread(capture.close)


async def replay(folder, *arguments):
    """The command, in a process of its own: its exit status and what it prints."""
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "mycel_runtime",
            "replay",
            "--config",
            folder / "agent.toml",
            "--json",
            *arguments,
        ),
        cwd=folder,
        env=os.environ | {"NO_COLOR": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode in {0, 1}, err.decode()
    return process.returncode, out


async def perform(folder, count):
    """The whole story."""
    state = folder / "state"
    state.mkdir(mode=0o700)
    changed, planted = changed_code(count)
    (folder / "code.py").write_text(CODE)
    (folder / "changed.py").write_text(changed)
    with LocalBackend() as backend:
        async with contextlib.AsyncExitStack() as stack:
            nobody = await stack.enter_async_context(AsyncClient(base_url=backend.base_url))
            made = await nobody.auth.create_guest_owner("owner")
            owner = await stack.enter_async_context(
                AsyncClient(base_url=backend.base_url, auth_token=made["token"])
            )
            token, chats = await stack.enter_async_context(living_agent(backend, state, owner, count))
            address, methods = await stack.enter_async_context(scribe(backend.base_url))
            (folder / "agent.token").write_text(token)
            (folder / "agent.token").chmod(0o600)
            (folder / "agent.toml").write_text(
                f'[agent]\nname = "a"\nbase_url = "{address}"\ntoken_file = "agent.token"\nstate_dir = "state"\n'
                '[plugins.p]\npath = "code.py"\n'
            )
            newest = [(await owner.messages.list(chat, limit=1))[0]["seq"] for chat in chats]
            began = time.monotonic()
            same = [await replay(folder) for _ in range(2)]
            seconds = (time.monotonic() - began) / 2
            other = [await replay(folder, "--code", "changed.py") for _ in range(2)]
            assert newest == [(await owner.messages.list(chat, limit=1))[0]["seq"] for chat in chats]
            assert [status for status, _ in same + other] == [0, 0, 1, 1]
    (folder / CAPTURE_NAME).rename(state / CAPTURE_NAME)
    alone = [await replay(folder, "--code", "changed.py", "--offline") for _ in range(2)]
    (*_, unchanged), (*rows, summary), (*rows_alone, summary_alone) = (
        [json.loads(line) for line in printed[0][1].splitlines()] for printed in (same, other, alone)
    )
    return Outcome(
        deliveries=count,
        methods=dict(methods),
        unchanged=unchanged,
        changed=summary,
        planted=planted,
        shown={row["turn"]: row["differences"] for row in rows},
        is_same_twice=same[0] == same[1] and other[0] == other[1],
        offline=summary_alone,
        is_same_offline=alone[0] == alone[1] and rows_alone == rows,
        seconds=seconds,
    )


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        outcome = asyncio.run(perform(Path(folder), count))
    print(f"{outcome.deliveries} deliveries, replayed in {outcome.seconds:.1f} s")
    print(f"requests of four replays: {outcome.methods}")
    print(f"through the same code: {outcome.unchanged}")
    print(f"through the changed code: {outcome.changed}")
    print(f"planted: {outcome.planted}")
    for turn, differences in outcome.shown.items():
        print(f"  turn {turn}: {', '.join(each['what'] for each in differences)}")
    print(f"the same bytes twice: {outcome.is_same_twice}")
    print(f"without the backend: {outcome.offline}, the same: {outcome.is_same_offline}")


if __name__ == "__main__":
    main()
