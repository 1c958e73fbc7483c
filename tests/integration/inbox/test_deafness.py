"""
A stream that stands and tells nothing is noticed within one reconcile interval and the grace time.

`DEAFNESS_TRIALS=40` makes it the long form: so many trials of each of five kinds with a handler that answers at once,
200 in all, and as many of one kind with each of three handlers that do something else. `defaults.py` beside this is
the same with the intervals that people have.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import random
import time
from types import SimpleNamespace

import pytest

from mycel_runtime.daemon.timer import JITTER
from mycel_runtime.inbox.reconcile import CONNECT
from mycel_runtime.sdk import AsyncClient
from mycel_runtime.sdk.exchange import Reply
from mycel_runtime.sdk.stream import open_stream
from tests.chaos.proxy import FaultProxy
from tests.integration.inbox.conftest import (
    DEADLINE,
    Memory,
    answer_at_once,
    answer_late,
    crash,
    running,
    say_nothing,
)

TRIALS = int(os.environ.get("DEAFNESS_TRIALS", "3"))
INTERVAL_SECONDS = 0.5
GRACE_SECONDS = 0.2
LONGEST_INTERVAL_SECONDS = INTERVAL_SECONDS * (1 + 2 * JITTER)
"""Two rings of the timer may lie this far apart: the first came early, the second late."""
SLACK_SECONDS = 1.0
"""For the calls of a reconcile; the long form prints what it took."""
CALLS_OF_A_LOOK = 4
"""One after the other, with what is done in between; so many of the slowest are added on a busy machine."""

LIFE = ["stream.ended", "stream.connected", "reconcile.finished"]

SETTINGS = {
    "reconcile_interval": INTERVAL_SECONDS,
    "deaf_grace": GRACE_SECONDS,
    "ping_interval": 60.0,  # pings would notice some kinds by themselves
    "backoff_base": 0.05,
    "backoff_cap": 0.1,
}


@contextlib.asynccontextmanager
async def half_open(trial):
    trial.home.backend.faults.half_open_streams()
    yield


@contextlib.asynccontextmanager
async def starved(trial):
    trial.home.backend.faults.swallow_wakes(1)
    yield


@contextlib.asynccontextmanager
async def stolen(trial):
    """A second subscriber takes all wakes (Q10)."""
    async with trial.subscribed_elsewhere():
        yield


@contextlib.asynccontextmanager
async def deafened(trial):
    """The end of a predecessor that never sent a resume unregisters its successor (Q11)."""
    connected = len(trial.memory.named("stream.connected"))
    async with trial.subscribed_elsewhere():
        registered = trial.registered
        trial.proxy.cut()
        await until(lambda: trial.registered > registered)
        await until_settled(trial, connected + 1)
    await until(lambda: not trial.bus.is_registered(trial.home.agent_id))
    yield


@contextlib.asynccontextmanager
async def blocked(trial):
    """What the server sends piles up before us."""
    trial.proxy.block_streams()
    yield


KINDS = (half_open, starved, stolen, deafened, blocked)


@dataclasses.dataclass
class Trial:
    home: object
    proxy: FaultProxy
    memory: Memory

    async def another_chat(self):
        """A chat whose alarms were in vain is believed less; here nothing would tell of it in between."""
        chat = await self.home.owner.chats.create([self.home.agent_id], kind="group", title="g")
        return chat["id"]

    def __post_init__(self):
        self.registered, self.bus = 0, self.home.backend._host._service.bus
        register = self.bus.register

        def count(user_id, handler):
            register(user_id, handler)
            self.registered += 1

        self.bus.register = count

    @contextlib.asynccontextmanager
    async def subscribed_elsewhere(self):
        """The server registers whom it wakes some time after it has accepted him."""
        registered = self.registered
        base_url, token = self.home.backend.base_url, self.home.agent_token
        async with open_stream(base_url=base_url, auth_token=token, since_seq=None):
            await until(lambda: self.registered > registered)
            yield


@pytest.mark.slow
@pytest.mark.timeout(300 + 8 * TRIALS)  # a trial takes about a second and a half
@pytest.mark.parametrize(
    ("deafen", "handler"),
    [
        *((deafen, answer_at_once) for deafen in KINDS),
        *((starved, handler) for handler in (answer_late, crash, say_nothing)),
    ],
)
async def test_deafness_is_noticed_within_one_interval_and_grace_and_handled_within_two(
    home, tmp_path, deafen, handler
):
    """Whatever becomes of the message that a look has found."""
    noticed, handled, calls = [], [], []
    with FaultProxy("127.0.0.1", home.backend.port) as proxy:
        away = dataclasses.replace(home, backend=SimpleNamespace(base_url=proxy.base_url))
        async with (
            running(away, tmp_path / "s", handler=handler, **SETTINGS) as runtime,
            asyncio.TaskGroup() as tasks,
        ):
            metering = tasks.create_task(meter(home, calls))
            trial = Trial(home, proxy, runtime.memory)
            connections = 0
            for number in range(TRIALS):
                await until_settled(runtime, connections + 1)
                await asyncio.sleep(random.uniform(0, INTERVAL_SECONDS))
                chat_id = await trial.another_chat()
                alarms = len(runtime.memory.named("deafness.detected"))
                async with deafen(trial):
                    connections = len(runtime.memory.named("stream.connected"))
                    await home.say(f"{number}", chat_id)
                    began = time.monotonic()
                    await until(lambda text=f"{number}": text in runtime.heard)
                    handled.append(time.monotonic() - began)
                    await runtime.memory.wait("deafness.detected", alarms + 1)
                    noticed.append(time.monotonic() - began)
            metering.cancel()

    print(
        f"\n{deafen.__name__}, {handler.__name__}: {TRIALS} trials,"
        f" noticed {summary(noticed)}, handled {summary(handled)}"
    )
    slack = SLACK_SECONDS + CALLS_OF_A_LOOK * max(calls)
    bound = LONGEST_INTERVAL_SECONDS + GRACE_SECONDS + slack
    assert [seconds for seconds in noticed if seconds > bound] == []
    assert [seconds for seconds in handled if seconds > 2 * LONGEST_INTERVAL_SECONDS + slack] == []


async def meter(home, calls):
    """Seconds that a call takes on this machine, while it is as busy as it is; some milliseconds when it is idle."""
    while True:
        began = time.monotonic()
        await home.owner.me.whoami()
        calls.append(time.monotonic() - began)
        await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_a_stream_that_hears_is_never_replaced_though_chats_are_answered_before_their_wakes(
    home, tmp_path
):
    """Wakes come up to a second late, looks come between a message and its wake, and the handler answers at once."""
    home.backend.faults.lag_wakes(1.0)
    chats = [await home.owner.chats.create([home.agent_id], kind="group", title="g") for _ in range(4)]
    async with running(
        home, tmp_path / "s", handler=answer_at_once, reconcile_interval=0.25, deaf_grace=3.0
    ) as runtime:
        await runtime.memory.wait("reconcile.finished", 2)
        async with asyncio.TaskGroup() as tasks:
            for chat in chats:
                tasks.create_task(chatter(home, chat["id"], seconds=5.0))
        looks = len(runtime.memory.named("reconcile.finished"))
        await runtime.memory.wait("reconcile.finished", looks + 8)

    print(f"\n{len(runtime.heard)} messages, {looks} looks while they came")
    assert runtime.memory.named("deafness.detected") == []
    assert len(runtime.memory.named("stream.connected")) == 1


async def chatter(home, chat_id, *, seconds):
    """A lively chat: now several messages in a second, now none."""
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        await asyncio.sleep(random.expovariate(2.0))
        await home.say("lively", chat_id)


@pytest.mark.slow
async def test_what_was_read_elsewhere_right_after_a_look_found_it_is_noticed_too(home, tmp_path):
    """The look knows by the server's clock how long it was unread."""
    async with running(home, tmp_path / "s", reconcile_interval=1.0, deaf_grace=0.3) as runtime:
        await runtime.memory.wait("reconcile.finished", 2)
        await home.say("the stream tells this")
        await runtime.until_heard("the stream tells this")
        async with AsyncClient(base_url=home.backend.base_url, auth_token=home.agent_token) as elsewhere:
            await elsewhere.messages.read(home.chat_id)
            await runtime.memory.wait(
                "reconcile.finished", len(runtime.memory.named("reconcile.finished")) + 1
            )
            home.backend.faults.swallow_wakes(1)
            await home.say("and not this")
            await runtime.until_heard("the stream tells this", "and not this")
            await elsewhere.messages.read(home.chat_id)
            await runtime.memory.wait("deafness.detected")


async def until_settled(runtime, connections):
    """
    Until so many connections were made at least, the newest stands, and its first look is over.

    What is unread at that look is known without a frame. The look may fail; then the timer's stands for it.
    """

    def is_settled():
        told = [fact for fact in runtime.memory.facts if fact.name in LIFE]
        connects = [at for at, fact in enumerate(told) if fact.name == "stream.connected"]
        if len(connects) < connections:
            return False
        since = told[connects[-1] + 1 :]
        if any(fact.name == "stream.ended" for fact in since):
            return False
        return len(since) > 1 or any(fact.reason == CONNECT for fact in since)

    await until(is_settled)


async def until(condition):
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - what it looks at is lists
            await asyncio.sleep(0.005)


def summary(seconds):
    """For the report."""
    ordered = sorted(seconds)
    return f"median {ordered[len(ordered) // 2]:.3f} s, longest {ordered[-1]:.3f} s"


async def test_a_look_that_began_without_a_stream_tells_nothing_about_the_next_one(home, tmp_path):
    """The stream comes back while the look waits for an answer; what came meanwhile need not be announced."""
    faults = home.backend.faults
    async with running(home, tmp_path / "s", reconcile_interval=0.3, backoff_cap=0.3) as runtime:
        await runtime.memory.wait("reconcile.finished", 2)
        faults.refuse(500, times=10**6, path="/api/runtime/inbox/subscribe")
        faults.drop_streams()
        await runtime.memory.wait("stream.ended")
        faults.delay(1.0, times=1, path="/api/relationships")
        await home.say("while away")
        await runtime.until_heard("while away")
        faults.clear()
        await runtime.memory.wait("stream.connected", 2)
        await runtime.memory.wait("reconcile.finished", len(runtime.memory.named("reconcile.finished")) + 4)

    assert runtime.memory.named("deafness.detected") == []


async def test_a_first_look_that_fails_makes_the_next_one_the_first(home, tmp_path):
    async with running(home, tmp_path / "s") as runtime:
        await runtime.memory.wait("reconcile.finished")
    await home.say("away")
    await home.say("still away")
    home.backend.faults.refuse(503, times=3, path="/api/chats", method="GET")  # two repeats are the SDK's

    async with running(home, tmp_path / "s") as runtime:
        await runtime.memory.wait("reconcile.failed")
        await runtime.memory.wait("reconcile.finished", 4)

    assert runtime.memory.named("deafness.detected") == []


async def test_a_look_after_the_grace_that_fails_settles_no_doubt(home, tmp_path):
    async with running(home, tmp_path / "s", deaf_grace=1.0) as runtime:
        await runtime.memory.wait("reconcile.finished", 2)
        home.backend.faults.swallow_wakes(1)
        await home.say("one")
        await runtime.until_heard("one")
        home.backend.faults.refuse(503, times=3, path="/api/chats", method="GET")

        await runtime.memory.wait("reconcile.failed")
        await runtime.memory.wait("deafness.detected")


async def test_deafness_is_noticed_where_the_list_gives_no_numbers(home, tmp_path):
    """As generation A's; the messages themselves have them."""

    def alter(path, reply):
        if path != "/api/chats" or reply.status != 200:
            return reply
        rows = json.loads(reply.content)
        for row in rows:
            (row["last_message"] or {}).pop("seq", None)
        return Reply(200, json.dumps(rows).encode())

    async with running(home, tmp_path / "s", alter=alter) as runtime:
        await runtime.memory.wait("reconcile.finished", 2)
        home.backend.faults.swallow_wakes(1)
        await home.say("one")

        await runtime.memory.wait("deafness.detected")
