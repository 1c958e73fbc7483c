"""
Replies per second with 50 chats: ours against bare asyncio loops that do the same three HTTP calls and no journal.

    python -m tests.benchmarks.replies [ROUNDS] [--only NAME ...]

Each round the owner has said one thing in every chat. Bare: GET unread, POST read, POST send, by plain httpx; a
second loop makes the same calls through our client, which is faster, and so shows what all but HTTP costs. Ours: hint
committed, delivery claimed, history read, proof, intent, send, record, finish. Kept: the same, and the handler reads
its plugin's store, counts in the chat's, and sets a timer. Unlogged: ours without the log of turns. All run eight
chats at once, in turns, in one process that looks for garbage as rarely as the daemon, against one backend in a
process of its own. A round is over in a tenth of a second and meets some mood of the machine, so that there are many:
each goes in the other order than the one before, and a ratio is the median of the rounds', with the span in which the
middle half of them lies. The delay is from the hint to the handler's having the message. `--only` leaves the others
out, for a comparison with a build that has not got them: three runtimes share one process less well than one.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import multiprocessing
import statistics
import tempfile
import threading
import time
from pathlib import Path

import httpx
from pydantic import SecretStr

from mycel_runtime.backend.server import LocalBackend
from mycel_runtime.daemon import garbage
from mycel_runtime.daemon.assembly import AgentAssembly
from mycel_runtime.daemon.credential import AgentClient, Credential
from mycel_runtime.daemon.network_health import NetworkHealth
from mycel_runtime.journal.ids import HandlerId, Lane
from mycel_runtime.journal.sqlite.journal import KEPT_TURNS, SqliteJournal
from mycel_runtime.journal.work import ChatWork
from mycel_runtime.observe.observer import Observer
from mycel_runtime.plugin.plugin import Plugin
from mycel_runtime.plugin.registry import BoundHandler
from mycel_runtime.sdk import AsyncClient
from mycel_runtime.settings import Settings
from tests.benchmarks.watching import Counted, Unwatched, Watched

CHATS = 50
CONCURRENCY = 8
BAR = 1.3
KEPT_BAR = 0.95
LOG_BAR = 0.95


def serve(port):
    """A backend in a process of its own."""
    with LocalBackend() as backend:
        port.send(backend.port)
        threading.Event().wait()


async def say_everywhere(owner, chats):
    """One message in each chat, not measured."""
    for chat_id in chats:
        await owner.messages.send(chat_id, "question", enforce_caught_up=False)


async def answer_all(answer, chats):
    """Seconds, and the delays until each message was there."""
    began, delays, slots = time.perf_counter(), [], asyncio.Semaphore(CONCURRENCY)

    async def in_a_slot(chat_id):
        async with slots:
            await answer(chat_id, lambda: delays.append(time.perf_counter() - began))

    async with asyncio.TaskGroup() as tasks:
        for chat_id in chats:
            tasks.create_task(in_a_slot(chat_id))
    return time.perf_counter() - began, delays


class Ours(Observer):
    """A runtime that hears hints instead of a stream."""

    def __init__(self, journal, me, plugin):
        self._journal = journal
        self._me = me
        self._handler = plugin.handlers[0]
        self.parts = None
        self.began = 0.0
        self.delays = []
        self.finished = asyncio.Semaphore(0)

    def tell(self, fact):
        if fact.name == "delivery.finished":
            self.finished.release()

    async def round(self, chats):
        self.began, self.delays = time.perf_counter(), []
        hints = tuple(
            ChatWork(
                handler=HandlerId(self._handler.id),
                lane=Lane(f"chat:{chat_id}"),
                chat_id=chat_id,
                wanted_seq=None,
            )
            for chat_id in chats
        )
        await self._journal.hint(self._me, hints)
        self.parts.dispatcher.wake()
        for _ in chats:
            await self.finished.acquire()
        return time.perf_counter() - self.began, self.delays


async def measure(base_url, folder, rounds, names, contestants=None):
    contestants = contestants or CONTESTANTS | WATCHED
    async with AsyncClient(base_url=base_url) as nobody:
        made = await nobody.auth.create_guest_owner("owner")
    async with (
        AsyncClient(base_url=base_url, auth_token=made["token"]) as owner,
        contextlib.AsyncExitStack() as opened,
    ):
        answering_rounds, chats = {}, {}
        for name in names:
            token = (await owner.auth.create_external_user(name, name))["token"]
            chats[name] = [
                (await owner.chats.create([name], kind="group", title=f"{number}"))["id"]
                for number in range(CHATS)
            ]
            answering_rounds[name] = await opened.enter_async_context(
                contestants[name](base_url=base_url, token=token, folder=folder / name)
            )
        return await _turns(owner, answering_rounds, chats, rounds)


@contextlib.asynccontextmanager
async def by_httpx(base_url, token, folder):
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=base_url, headers=headers) as http:

        async def answer(chat_id, heard):
            chat = f"/api/chats/{chat_id}"
            (message,) = (await http.get(f"{chat}/messages/unread")).raise_for_status().json()
            heard()
            (await http.post(f"{chat}/messages/read")).raise_for_status()
            said = {"content": message["content"], "enforce_caught_up": True}
            (await http.post(f"{chat}/messages", json=said)).raise_for_status()

        yield functools.partial(answer_all, answer)


@contextlib.asynccontextmanager
async def by_our_client(base_url, token, folder):
    async with AsyncClient(base_url=base_url, auth_token=token) as sdk:

        async def answer(chat_id, heard):
            (message,) = await sdk.messages.unread(chat_id)
            heard()
            await sdk.messages.read(chat_id)
            await sdk.messages.send(chat_id, message["content"])

        yield functools.partial(answer_all, answer)


def answering(plugin, heard):
    @plugin.on_message
    async def answer(ctx):
        heard()
        await ctx.reply(ctx.messages[-1].content)


def remembering(plugin, heard):
    @plugin.on_message
    async def answer(ctx):
        heard()
        ctx.chat_store["messages"] = ctx.chat_store.get("messages", 0) + 1
        ctx.timers.set("idle", after=86_400, key=ctx.chat_id)
        await ctx.reply(ctx.store.get("prefix", "") + ctx.messages[-1].content)

    @plugin.on_timer("idle")
    async def idle(ctx): ...


@contextlib.asynccontextmanager
async def runtime(
    base_url, token, folder, *, declare=answering, kept_turns=KEPT_TURNS, watch=None, store=SqliteJournal
):
    """
    One of ours, in this process; its first handler answers.

    Args:
        base_url: The backend's.
        token: Its identity's.
        folder: Its own, named as its identity.
        declare: What its plugin handles.
        kept_turns: As of the journal.
        watch: Of a daemon's client, and whom it tells.
        store: Makes its journal.
    """
    me = folder.name
    folder.mkdir(exist_ok=True)
    watched = watch or Unwatched()
    plugin = Plugin("p")
    journal = store(folder, kept_turns=kept_turns, on_commit=watched.durations.committed)
    await asyncio.to_thread(journal.open)
    declare(plugin, lambda: ours.delays.append(time.perf_counter() - ours.began))
    ours = Ours(journal, me, plugin)
    observer = watched.observer(ours)
    async with client_of(base_url, token, observer, watch) as sdk:
        ours.parts = await AgentAssembly(
            settings=Settings(file={"agent": {"name": "a", "base_url": base_url}}, overrides={}),
            me=me,
            base_url=base_url,
            token=SecretStr("unused"),
            journal=journal,
            sdk=sdk,
            handlers=[BoundHandler(handler=handler, settings=None) for handler in plugin.handlers],
            observer=observer,
            durations=watched.durations,
        ).parts()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(ours.parts.dispatcher.run())
            yield ours.round
            ours.parts.dispatcher.stop()
    await journal.close()


def client_of(base_url, token, observer, watch):
    """The bare client, or a daemon's."""
    if watch is None:
        return AsyncClient(base_url=base_url, auth_token=token)
    return AgentClient(
        base_url=base_url,
        credential=Credential(SecretStr(token), lambda: SecretStr(token)),
        observer=observer,
        health=NetworkHealth(interval=30.0, is_proxied=False),
        durations=watch.durations,
    )


def watched_by(way):
    """A contestant of whom these are told."""

    def make(base_url, token, folder):
        return runtime(base_url, token, folder, watch=way())

    return make


CONTESTANTS = {
    "bare": by_httpx,
    "client": by_our_client,
    "ours": runtime,
    "unlogged": functools.partial(runtime, kept_turns=0),
    "kept": functools.partial(runtime, declare=remembering),
}
WATCHED = {"unwatched": watched_by(Unwatched), "counted": watched_by(Counted), "watched": watched_by(Watched)}
"""What it costs to tell: `observation` and `instructions` compare them."""


async def _turns(owner, answering_rounds, chats, rounds):
    results = {name: ([], []) for name in chats}
    for number in range(rounds + 1):
        for name in list(chats)[:: 1 if number % 2 else -1]:
            await say_everywhere(owner, chats[name])
            seconds, delays = await answering_rounds[name](chats[name])
            if number:  # the first round opens connections and fills caches
                results[name][0].append(seconds)
                results[name][1].extend(delays)
    return results


def report(results):
    for name, (seconds, delays) in results.items():
        cuts = statistics.quantiles(delays, n=100)
        print(
            f"{name:8} {CHATS / statistics.median(seconds):6.0f} replies/s,"
            f" to the handler p50 {cuts[49] * 1e3:.0f} ms, p99 {cuts[98] * 1e3:.0f} ms"
        )
    seconds = {name: each for name, (each, _) in results.items()}
    compare(seconds, "ours", "bare", "of the bare loop", BAR)
    compare(seconds, "ours", "client", "of the same loop through our client")
    compare(seconds, "ours", "unlogged", "with the log of turns, of ours without", LOG_BAR)
    compare(seconds, "kept", "ours", "with store and timers, of ours without", KEPT_BAR)


def compare(seconds, name, base, told, bar=None):
    """Print the ratios of the rounds, if both took part."""
    if name not in seconds or base not in seconds:
        return
    ratios = [other / own for own, other in zip(seconds[name], seconds[base], strict=True)]
    low, ratio, high = statistics.quantiles(ratios, n=4)
    verdict = "" if bar is None else f" (bar {bar}): {'held' if ratio >= bar else 'MISSED'}"
    print(f"{told} {ratio:.2f}{verdict}; the middle half of {len(ratios)} rounds: {low:.2f} to {high:.2f}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rounds", type=int, nargs="?", default=40)
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS))
    arguments = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    backend = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    backend.start()
    garbage.look_rarely()
    garbage.leave_out_what_stays()
    with tempfile.TemporaryDirectory() as folder:
        url = f"http://127.0.0.1:{ours.recv()}"
        report(asyncio.run(measure(url, Path(folder), arguments.rounds, arguments.only)))
    backend.kill()
    backend.join()


if __name__ == "__main__":
    main()
