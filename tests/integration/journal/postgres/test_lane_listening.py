"""One connection that listens for all agents of a process."""

from __future__ import annotations

import asyncio
import contextlib

import psycopg
import pytest

from mycel_runtime.journal.postgres import lane_listening
from mycel_runtime.journal.postgres.lane_listening import LaneListening

DEADLINE = 20.0


def notify(url, channel, payload):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_notify(%s, %s)", (channel, payload))


def listening(url):
    """Of the connections that listen: what each has asked for last, by its number."""
    with psycopg.connect(url) as connection:
        return dict(
            connection.execute(
                "SELECT pid, query FROM pg_stat_activity"
                " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
            ).fetchall()
        )


async def until(is_so):
    async with asyncio.timeout(DEADLINE):
        while not await asyncio.to_thread(is_so):  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def hearing(shared, *channels, may_go_on=None):
    """What is heard by one who listens while the block runs, and the task that does."""
    heard = []

    async def note(*, channel, payload):
        heard.append((channel, payload))
        if may_go_on is not None:
            await may_go_on.wait()

    task = asyncio.get_running_loop().create_task(shared.hear(note, channels))
    try:
        yield heard, task
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
async def shared(url):
    listening = LaneListening(url)
    yield listening
    await listening.close()


async def test_each_hears_its_own_channels_whoever_comes_later(shared, url):
    async with hearing(shared, "one", "both") as (one, _):
        await until(lambda: len(listening(url)) == 1)
        async with hearing(shared, "two", "both") as (two, _):
            for channel in ("one", "two", "both"):
                await until(lambda channel=channel: told(url, channel, one + two))
            await until(lambda: told(url, "both", one) and told(url, "both", two))
        await asyncio.to_thread(notify, url, "both", "last")
        await until(lambda: ("both", "last") in one)

    assert {channel for channel, _ in one} == {"one", "both"}
    assert {channel for channel, _ in two} == {"two", "both"}
    assert ("both", "last") not in two
    assert len(listening(url)) == 1


def told(url, channel, heard):
    """It may not be listened to yet."""
    notify(url, channel, "hello")
    return channel in {each for each, _ in heard}


async def test_who_hears_is_told_that_the_connection_is_lost(shared, url):
    async with hearing(shared, "one") as (_, one), hearing(shared, "two") as (_, two):
        await until(lambda: listening(url))
        (pid,) = listening(url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(%s)", (pid,))
        await asyncio.wait_for(asyncio.gather(one, two), DEADLINE)
    await asyncio.wait_for(shared.hear(None, ["three"]), DEADLINE)


async def test_a_database_that_cannot_be_reached_is_told_of_as_a_lost_one(tmp_path):
    shared = LaneListening(f"host={tmp_path} dbname=none")
    await asyncio.wait_for(shared.hear(None, ["one"]), DEADLINE)
    await shared.close()


async def test_what_one_does_not_deal_with_is_forgotten_and_keeps_nobody_waiting(shared, url, monkeypatch):
    monkeypatch.setattr(lane_listening, "_REMEMBERED", 2)
    may_go_on = asyncio.Event()
    async with hearing(shared, "all", may_go_on=may_go_on) as (slow, _), hearing(shared, "all") as (quick, _):
        await until(lambda: told(url, "all", slow))
        for number in range(9):
            await asyncio.to_thread(notify, url, "all", str(number))
            await until(lambda number=number: ("all", str(number)) in quick)
        may_go_on.set()
        await asyncio.to_thread(notify, url, "all", "end")
        await until(lambda: ("all", "end") in quick)
        await asyncio.to_thread(notify, url, "all", "more")
        await until(lambda: ("all", "more") in slow)

    assert len(slow) < len(quick)


async def test_a_connection_of_which_nothing_is_heard_is_asked_whether_it_is_well(shared, url, monkeypatch):
    monkeypatch.setattr(lane_listening, "_CHECK_SECONDS", 0.05)
    async with hearing(shared, "one"):
        await until(lambda: asked_at(url) is not None)
        first = asked_at(url)
        await until(lambda: asked_at(url) > first)


def asked_at(url):
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT query_start FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
            " AND datname = current_database()"
        ).fetchone()
        return row and row[0]
