"""How often the server is asked what it holds, with a clock that jumps from one ring of the timer to the next."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from types import SimpleNamespace

import pytest

from mycel_runtime.errors import TransportError
from mycel_runtime.inbox.intake import Intake, open_tracker
from mycel_runtime.inbox.liveness import StreamLiveness
from mycel_runtime.inbox.poll_interval import SUSPECT_SECONDS
from mycel_runtime.inbox.reconcile import CONNECT, Reconciler
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.settings import InboxSettings
from tests.integration.inbox.conftest import Memory

LATEST = 1.0 - 2**-53
"""The draw that puts a look off the most."""
HOUR_SECONDS = 3600.0
DAY_SECONDS = 24 * HOUR_SECONDS

DAYS = float(os.environ.get("QUIET_DAYS", "1"))
"""The long form is a week."""

pytestmark = pytest.mark.slow


class QuietServer:
    """
    Answers like a backend on which nothing happens, and counts its calls.

    One chat holds something unread that mentions somebody else: it woke nobody (Q32) and stays unread for ever.
    """

    def __init__(self, chats):
        self.calls = Counter()
        self.is_down = False
        self.broken = ""
        self.rows = [
            {"id": f"c{number}", "title": "t", "unread_count": int(number == 0), "last_message": {"seq": 7}}
            for number in range(chats)
        ]
        self.notifications = SimpleNamespace(drain=self.answer("drain", {"notifications": []}))
        self.chats = SimpleNamespace(
            list=self.answer("chats", self.rows),
            get=self.answer("chat", {"type": "group", "created_by_user_id": "owner"}),
            list_workflow_events=self.answer("workflow events", []),
        )
        self.relationships = SimpleNamespace(list=self.answer("relationships", []))
        self.unread = [
            {"seq": 7, "sender_id": "owner", "message_type": "human", "mentioned_ids": ["somebody"]}
        ]
        self.messages = SimpleNamespace(unread=self.answer("unread", self.unread))

    def say(self):
        """Something that has to wake us."""
        self.rows[2] |= {"unread_count": 1, "last_message": {"seq": 8}}
        self.unread.append(self.unread[0] | {"seq": 8, "mentioned_ids": []})

    def read_all(self):
        """As the agent, or somebody else who is it, may at last."""
        self.rows[0]["unread_count"] = 0

    def answer(self, name, value):
        async def call(*args):
            self.calls[name] += 1
            if self.is_down or name == self.broken:
                raise TransportError("refused")
            return value

        return call


class Watch:
    """A reconciler, its timer, and what became of its looks."""

    def __init__(self, server, *, is_all_wanted):
        self.now = 0.0
        self.wants_event = lambda event_type: is_all_wanted
        self.settings = InboxSettings(deaf_grace=0.01)  # waited for in earnest
        self.server = server
        self.memory = Memory()
        self.liveness = StreamLiveness(self.settings.deaf_grace)
        self.replaced = []
        self.looks = []
        self.connection = 1
        self.reconciler = None

    def attach(self, tracker, journal, lease):
        intake = Intake(
            tracker,
            journal=journal,
            lease=lease,
            router=SimpleNamespace(
                route_event=lambda notify: (),
                route_chat=lambda chat_id, seq: (),
                wants_event=self.wants_event,
                deciders=lambda kind: (),
            ),
            observer=self.memory,
            clock=lambda: self.now,
        )
        self.reconciler = Reconciler(
            sdk=self.server,
            me="me",
            intake=intake,
            liveness=self.liveness,
            settings=self.settings,
            observer=self.memory,
            connection=lambda: self.connection,
            server="s",
            clock=lambda: self.now,
            steady=lambda: self.now,
            draw=lambda: LATEST,
        )

    def note(self, wanted):
        if wanted:
            self.replaced.append(wanted)

    async def ring(self):
        """One interval of the timer later."""
        calls = self.server.calls["chats"]
        self.now += self.reconciler.tick_interval
        self.note(await self.reconciler.tick())
        if self.server.calls["chats"] > calls:
            self.looks.append(self.now)

    async def ring_until(self, seconds):
        while self.now < seconds:
            await self.ring()


@contextlib.asynccontextmanager
async def a_watch(folder, *, is_all_wanted):
    """After its first look."""
    journal = SqliteJournal(folder)
    await asyncio.to_thread(journal.open)
    watch = Watch(QuietServer(chats=50), is_all_wanted=is_all_wanted)
    try:
        lease = await journal.lease("me")
        watch.attach(await open_tracker(journal, identity="me", server="s"), journal, lease)
        await watch.reconciler.run(CONNECT)
        yield watch
    finally:
        await journal.close()


@pytest.fixture
async def watch(tmp_path):
    async with a_watch(tmp_path, is_all_wanted=True) as watch:
        yield watch


async def test_quiet_days_cost_no_connection_and_a_bounded_number_of_calls(watch):
    """Every sixth hour somebody speaks, and the stream tells it."""
    days, settings = DAYS, watch.settings
    while watch.now < days * DAY_SECONDS:
        if watch.now % (6 * HOUR_SECONDS) == 0:
            watch.server.rows[1]["last_message"]["seq"] += 1
            watch.liveness.announce("c1", watch.server.rows[1]["last_message"]["seq"], now=watch.now)
        await watch.ring()

    calls = watch.server.calls
    print(f"\n{days} quiet days, 50 chats: {calls.total()} calls, {dict(calls)}")
    assert watch.replaced == []
    assert watch.memory.named("deafness.detected") == []
    slow_looks = days * DAY_SECONDS / settings.reconcile_interval
    assert len(watch.looks) <= slow_looks + SUSPECT_SECONDS / settings.suspect_interval
    assert calls.total() <= 3 * (len(watch.looks) + 1) + 2 * 50 + 1


async def test_looks_are_quick_after_a_connect_and_slow_when_long_proven(watch):
    await watch.ring_until(150)
    assert watch.looks == [*range(5, 60, 5), 85, 115, 145]

    await watch.reconciler.run(CONNECT)
    await watch.ring_until(165)
    assert watch.looks[-3:] == [155, 160, 165]


async def test_quick_looks_ask_for_the_chat_list_alone(watch):
    """What a deaf stream keeps back stands there; the queue and the other lists have the long interval."""
    calls = watch.server.calls
    watch.server.read_all()
    calls.clear()

    await watch.ring_until(150)

    assert calls["chats"] == len(watch.looks) == 14
    # Of the first minute those at 30 and 55 s, and all slow ones.
    assert calls["drain"] == calls["relationships"] == 5


async def test_lists_of_which_no_handler_would_hear_are_not_asked_for(tmp_path):
    """Of each of fifty chats two calls at the start, and of relationships one each look."""
    async with a_watch(tmp_path, is_all_wanted=False) as watch:
        watch.server.read_all()
        await watch.ring_until(150)

        calls = watch.server.calls
        assert calls.keys() == {"drain", "chats"}
        assert calls["chats"] == 1 + len(watch.looks)
        assert watch.memory.named("reconcile.finished") != []


async def test_a_whole_look_that_was_not_answered_is_made_up_for_by_the_next(watch):
    calls = watch.server.calls
    watch.server.read_all()
    await watch.ring_until(25)
    watch.server.broken = "drain"
    await watch.ring()
    watch.server.broken = ""
    calls.clear()

    await watch.ring()

    assert (watch.now, calls["drain"], calls["relationships"]) == (35, 1, 1)


async def test_without_a_stream_quick_looks_carry_the_service(watch):
    watch.connection = None

    await watch.ring_until(300)

    assert watch.looks == [*range(5, 301, 5)]


async def test_without_a_stream_what_is_unread_is_no_deafness(watch):
    """It is due work; that nobody announces it is known."""
    watch.connection = None
    watch.server.say()

    await watch.ring_until(60)

    assert watch.memory.named("deafness.detected") == []
    assert watch.replaced == []


async def test_a_broken_list_of_relationships_hides_no_news_of_chats(watch):
    watch.server.broken = "relationships"
    watch.server.rows.append(watch.server.rows[1] | {"id": "new"})

    await watch.ring_until(watch.settings.reconcile_interval)

    assert watch.memory.named("reconcile.finished")[-1].events == 1


async def test_a_server_that_cannot_be_asked_is_asked_less(watch):
    watch.connection = None
    watch.server.is_down = True

    await watch.ring_until(150)

    assert watch.looks == [*range(5, 60, 5), 85, 115, 145]


@pytest.mark.parametrize("connections", [1, 2])
async def test_only_the_connection_that_gave_the_reason_is_replaced(watch, connections):
    """A look takes its time, and a connection that has begun meanwhile was replayed everything."""
    relationships = watch.server.relationships.list

    async def connect_again():
        watch.connection = connections
        return await relationships()

    watch.server.relationships.list = connect_again
    watch.server.broken = "drain"

    watch.note(await watch.reconciler.run("gap"))

    assert len(watch.replaced) == (connections == 1)


async def test_what_nobody_announced_makes_the_looks_quick(watch):
    """The stream is replaced, and the next connection's first minute is watched."""
    await watch.ring_until(110)
    watch.server.say()

    await watch.ring_until(150)

    assert watch.replaced != []
    assert watch.looks[-5:] == [130, 135, 140, 145, 150]
