"""
Two processes for one identity of a database: one is at work, dies or stands still, and the other goes on.

To each other they are two hosts, unless they are to be one: neither can prove that the other one is dead.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psycopg
from pydantic import SecretStr
from typing_extensions import override

from mycel_runtime.daemon.assembly import AgentAssembly
from mycel_runtime.daemon.timer import every
from mycel_runtime.errors import IdentityHeldError, JournalAwayError, LeaseLostError
from mycel_runtime.journal.pause import PauseKind
from mycel_runtime.journal.postgres.database import PostgresDatabase
from mycel_runtime.observe.observer import Silent
from mycel_runtime.sdk import AsyncClient
from tests.engines.postgres_server import Databases, PostgresServer
from tests.integration.play import (
    ANY_TIME,
    LEASE_SECONDS,
    LIFE_SECONDS,
    Stage,
    handlers_of,
    settings_of,
    told,
)
from tests.integration.speech.lifetimes import has_ended
from tests.integration.speech.one_life import Reaper, Watched, resume, run_while
from tests.integration.speech.tollgate import Tollgate

COMPANY_SECONDS: Final = 3 * LIFE_SECONDS
"""In which a life ends that others take over from: beside load each of the terms that it loses takes its time."""

STILL_LEASES: Final = 2.5
"""How long a process stands still."""


class Stopper(Reaper):
    """Has this process stand still where the other one would kill it, until somebody wakes it."""

    means = signal.SIGSTOP


def live_in_company(life):
    """To be run as a process."""
    asyncio.run(live_anew(life, _work))


async def live_anew(life, work):
    """
    Anew whenever somebody else has taken over.

    Args:
        life: As of the process.
        work: With the assembly, its journal and the life, until nothing is to be done.
    """
    reaper = Stopper(life) if life.stands_still else Reaper(life)
    terms, limit = Terms(), asyncio.timeout(COMPANY_SECONDS)
    try:
        async with limit:
            while not await _has_nothing_to_do(life, reaper, work, terms):
                pass
    except TimeoutError:
        if not limit.expired():
            raise
        raise AssertionError(f"{life.point} {life.nth}: not within {COMPANY_SECONDS:g} s: {terms}") from None


class Terms:
    """How often a life has opened its journal, and how long that took: for one that comes to no end."""

    def __init__(self):
        self._began = time.monotonic()
        self._openings = []

    def __str__(self):
        return f"the journal was opened (when, for how long) {self._openings}"

    @property
    def lease_seconds(self):
        """
        That it asks for, longer from the third opening on.

        Of a life that is interrupted once the second one is the last. One that is taken for silent yet again is slow,
        beside load, and would be so for ever.
        """
        return LEASE_SECONDS * max(1, len(self._openings))

    @contextlib.contextmanager
    def opening(self):
        """While it opens."""
        began = time.monotonic()
        times = [round(began - self._began, 1), None]
        self._openings.append(times)
        try:
            yield
        finally:
            times[1] = round(time.monotonic() - began, 1)


async def _has_nothing_to_do(life, reaper, work, terms):
    """False: it was taken over."""
    journal = life.journal(lease_seconds=terms.lease_seconds)
    try:
        with terms.opening():
            await asyncio.to_thread(journal.open)
    except JournalAwayError:
        # The database has ended its connection: it stood still for too long, beside load.
        return False
    try:
        async with AsyncClient(base_url=life.gate_url or life.base_url, auth_token=life.token) as sdk:
            sdk.messages = Watched(sdk.messages, reaper, told(life.play.calls))
            assembly = AgentAssembly(
                settings=settings_of(life),
                me=life.me,
                base_url=life.base_url,
                token=SecretStr(life.token),
                journal=Watched(journal, reaper, told(life.play.verbs)),
                sdk=sdk,
                handlers=handlers_of(life),
                observer=Silent(),
            )
            return await _ends_by_itself(work(assembly, journal, life))
    finally:
        await journal.close()


async def _ends_by_itself(working):
    """False: it was taken over."""
    is_lost = False
    try:
        await working
    except* (LeaseLostError, JournalAwayError):
        is_lost = True
    return not is_lost


async def _work(assembly, journal, life):
    parts = await _parts_in_time(assembly)
    async with asyncio.TaskGroup() as tasks:
        beside = [
            tasks.create_task(parts.lease_keeper.run(), name="lease-keeper"),
            tasks.create_task(every(LEASE_SECONDS / 3, parts.company.look), name="company"),
        ]
        if life.paused is not None:
            await parts.pauses.pause(PauseKind(life.paused[0]), life.paused[1])
            tasks.create_task(resume(parts, life.paused), name="resume")
        await run_while(parts, partial(_is_busy_or_paused, journal, parts, life))
        for each in beside:
            each.cancel()


async def _is_busy_or_paused(journal, parts, life):
    """What is paused is resumed by this life."""
    return bool(parts.pauses.all) or await is_busy(journal, life)


async def _parts_in_time(assembly):
    while True:
        with contextlib.suppress(IdentityHeldError):
            return await assembly.parts()
        await asyncio.sleep(LEASE_SECONDS / 10)


async def is_busy(journal, life):
    """Whether something is to be done, or will be soon."""

    async def has_work():
        there = await journal.statistics(life.me)
        return there.due + there.running > 0

    soon = journal.now() + life.play.soon_seconds
    # What becomes work between two looks is in the second one.
    return (
        await has_work()
        or any(each.due_at < soon for each in await journal.timers(life.me))
        or await has_work()
    )


async def run_both(lifetimes, first, second, *, gate, seconds=None):
    """
    The first is at work, and may be interrupted; the other one goes on then, and both end by themselves.

    Args:
        lifetimes: Of both.
        first: Which is interrupted, or not.
        second: Which is not.
        gate: Of the first: whom it interrupts.
        seconds: When the first is interrupted from outside.

    Returns:
        Whether the first was killed, or has stood still.
    """
    with lifetimes.alive(first) as dying:
        gate.pid = dying.pid
        await _is_at_work(first, dying)
        with lifetimes.alive(second) as other:
            with interrupted(first, dying, seconds):
                was_still = await ended_or_woken(dying)
            return await all_ended(first, dying, [other]) or was_still


async def all_ended(life, dying, others):
    """Each by itself; only this life may have been killed: whether it was."""
    for process in (dying, *others):
        assert await has_ended(process, COMPANY_SECONDS)
    exits = [process.exitcode for process in others]
    assert not any(exits), (life.point, life.nth, "the other ones", exits)
    assert dying.exitcode in {0, -9}, (life.point, life.nth, dying.exitcode)
    return dying.exitcode == -9


@contextlib.contextmanager
def interrupted(life, process, seconds):
    """From outside after so many seconds, or before the block ends; `None`: not at all."""
    loop = asyncio.get_running_loop()
    killing = None if seconds is None else loop.call_later(seconds, _interrupt, life, process)
    yield
    if killing is not None:
        killing.cancel()


async def _is_at_work(life, process):
    """Until it has the lease, or has ended."""
    with psycopg.connect(life.url, autocommit=True) as connection:
        query = "SELECT 1 FROM lease WHERE identity = %s AND process_id IS NOT NULL"
        while process.is_alive() and connection.execute(query, (life.me,)).fetchone() is None:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)


async def ended_or_woken(process):
    """Until it has ended, or was woken again after it has stood still; whether it has."""
    while process.is_alive():
        if _is_still(process.pid):
            await asyncio.sleep(STILL_LEASES * LEASE_SECONDS)
            os.kill(process.pid, signal.SIGCONT)
            return True
        await asyncio.sleep(0.01)
    return False


def _interrupt(life, process):
    """From outside."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGSTOP if life.stands_still else signal.SIGKILL)


def _is_still(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False


class CompanyStage(Stage):
    """Each life is two."""

    @override
    async def live(self):
        is_any, play, dice = self.point == ANY_TIME, self.life.play, self.dice
        stands_still = dice.random() < 0.5
        hosts = dice.choice([("", ""), ("one", "two")]) if not stands_still else ("one", "two")
        nth = dice.randint(1, play.passings)
        seconds = dice.uniform(0.1, play.seconds) if is_any else None
        async with Tollgate(urlsplit(self.life.base_url).port) as gate:
            gate.arm(self.point if self.point in play.outer else "", nth)
            gate.means = signal.SIGSTOP if stands_still else signal.SIGKILL
            first = replace(
                self.life,
                point="" if is_any else self.point,
                nth=nth,
                stands_still=stands_still,
                host=hosts[0],
                gate_url=gate.base_url if play.outer else "",
            )
            return await self.run(first, hosts[1], gate, seconds)

    async def run(self, first, host, gate, seconds):
        """As of `run_both`, with the host of the other one."""
        second = replace(self.life, host=host)
        return await run_both(self.lifetimes, first, second, gate=gate, seconds=seconds)

    @override
    async def live_in_peace(self):
        assert not await self.lifetimes.run(self.life)


IN_COMPANY: Final = {"stage": CompanyStage, "live": live_in_company, "longest": COMPANY_SECONDS}
"""Options of `play.perform`."""


@contextlib.contextmanager
def database():
    """The URL of one that is empty, of a server of its own."""
    server = PostgresServer()
    try:
        url = Databases(server.url).make()
        PostgresDatabase(url).make()
        yield url
    finally:
        server.close()
