"""
The file stays small, and a step costs the same; captured runs follow their turns; what a release left opens.

What may go and what has to stay is in `promises/retention.py`.
"""

from __future__ import annotations

import asyncio
import gzip
import math
import sqlite3
from pathlib import Path

import pytest

from mycel_runtime.daemon.sweeper import Sweeper
from mycel_runtime.errors import JournalError
from mycel_runtime.inbox.sequence import MEMORY_FRAMES
from mycel_runtime.journal.batch import Batch
from mycel_runtime.journal.capture_file import CaptureFile
from mycel_runtime.journal.cursor import STAY, CursorMove
from mycel_runtime.journal.intent import IntentState
from mycel_runtime.journal.retention import START, Age, Keep, Retention, Swept
from mycel_runtime.journal.shown_run import ShownRun
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.journal.sqlite.statements import MIGRATIONS
from mycel_runtime.journal.sqlite.turn_log import SqliteTurnLog
from mycel_runtime.journal.turns import MESSAGE_KIND, TurnRecord
from mycel_runtime.journal.verbs.retention import STEP_ROWS
from mycel_runtime.settings import JournalSettings
from tests.engines.listening import append
from tests.engines.store_clock import StoreClock, at
from tests.integration.journal import year
from tests.integration.journal.journal_file import database
from tests.integration.journal.samples import (
    ME,
    arrivals,
    checkpoint,
    claim,
    claim_one,
    entry,
    happen,
    intent,
    want,
)
from tests.integration.journal.test_cost import opened, steps

RELEASED = sorted((Path(__file__).parent / "released").glob("*.gz"))
DAY = 86_400.0


class Facts:
    def __init__(self):
        self.told = []

    def tell(self, fact):
        self.told.append(fact)

    def named(self, name):
        return [fact for fact in self.told if fact.name == name]


def sweeper(journal, *, now, **more):
    facts = Facts()
    retention = Retention(**{"keep": DAY, "kept_numbers": 4} | more.pop("retention", {}))

    async def pause(_seconds):
        await asyncio.sleep(0)

    at(journal, now)
    return facts, Sweeper(journal=journal, retention=retention, observer=facts, pause=pause, **more)


class Steady:
    """A clock that stands."""

    now = 0.0

    def __call__(self):
        return self.now


def pragma(folder, name):
    with database(folder) as connection:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]


async def test_a_year_in_short_stays_as_large_and_as_quick_as_in_its_first_days(tmp_path):
    """The long form: `python -m tests.integration.journal.year`."""
    settled, last = await year.live(tmp_path, days=7, messages=40, keep=2 * DAY, seen=lambda _measured: None)

    # The newest numbers stay: so many days of the short form are needed until they go.
    assert last.rows["intent"] <= settled.rows["intent"] + year.CHATS
    assert last.rows["turn"] <= settled.rows["turn"] + year.CHATS
    assert last.rows["utterance"] <= settled.rows["utterance"] + 1
    assert last.commit_steps <= year.BAR_STEPS * settled.commit_steps
    assert last.status_steps <= year.BAR_STEPS * settled.status_steps


async def test_space_is_given_back_to_the_file_system(tmp_path, open_journal):
    journal = open_journal()
    await frames(journal, 20_000)
    await journal.close()
    size = (tmp_path / "journal.sqlite3").stat().st_size
    journal = open_journal()
    facts, keeper = sweeper(journal, now=10 * DAY)
    await keeper.sweep()
    await journal.close()

    (swept,) = facts.named("journal.swept")
    assert swept.entries == 19_996
    assert swept.freed > size / 2
    assert (tmp_path / "journal.sqlite3").stat().st_size < size / 3
    assert pragma(tmp_path, "integrity_check") == "ok"


async def test_what_is_to_be_kept_may_change_between_two_sweeps(tmp_path, open_journal):
    """The file was reloaded; and what a full journal had halved begins anew with what is wanted now."""
    journal = open_journal()
    await frames(journal, 100)
    _, keeper = sweeper(journal, now=10 * DAY, retention={"keep": 30 * DAY})
    assert (await keeper.sweep()).entries == 0

    keeper.use(JournalSettings(keep="30d"))
    assert (await keeper.sweep()).entries == 0
    keeper.use(JournalSettings(keep="2d"))
    await frames(journal, MEMORY_FRAMES + 10, first=101)
    assert (await keeper.sweep()).entries == 110
    await journal.close()


async def frames(journal, count, *, first=1):
    for start in range(first, first + count, 4_000):
        through = min(start + 4_000, first + count)
        numbered = (entry(seq, fingerprint="f" * 200) for seq in range(start, through))
        batch = Batch(identity=ME, arrivals=arrivals(*numbered), checkpoint=checkpoint(through - 1))
        await append(journal, batch)


@pytest.mark.parametrize("is_large", [False, True])
async def test_a_small_journal_that_could_not_shrink_is_written_anew_at_open(
    tmp_path, open_journal, monkeypatch, is_large
):
    """As one of an earlier version; a large one is left alone, and what is free in it is used again."""
    journal = open_journal()
    await frames(journal, 100)
    await journal.close()
    with database(tmp_path) as connection:
        connection.executescript("PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE; VACUUM;")
    assert pragma(tmp_path, "auto_vacuum") == 0
    if is_large:
        monkeypatch.setattr("mycel_runtime.journal.sqlite.schema.REWRITTEN_BYTES", 4_096)
    journal = open_journal()
    await sweeper(journal, now=10 * DAY)[1].sweep()
    await frames(journal, 100, first=101)
    await journal.close()

    assert pragma(tmp_path, "auto_vacuum") == (0 if is_large else 2)
    assert pragma(tmp_path, "integrity_check") == "ok"


@pytest.mark.slow
async def test_a_step_costs_the_same_beside_few_and_many(tmp_path):
    age = Age(rows=0.0, letters=0.0)
    costs = []
    for count in (1_000, 8_000):
        async with opened(tmp_path / str(count)) as journal:
            await journal.recover(ME)
            await frames(journal, count)
            costs.append(await steps(journal, at(journal, DAY).sweep(START, age, kept_numbers=4)))

    assert costs[1] <= 1.1 * costs[0]


async def statements(journal, verb):
    """How many a verb runs."""
    run = []
    await journal._writer.submit(lambda connection: connection.set_trace_callback(run.append))
    await verb
    await journal._writer.submit(lambda connection: connection.set_trace_callback(None))
    return len(run)


async def test_a_step_is_as_many_statements_for_many_rows_as_for_few(tmp_path):
    """Each one waits for the interpreter's lock, which a busy loop keeps for 5 ms, while the journal is locked."""
    age = Age(rows=0.0, letters=math.inf)
    counts = []
    for count in (5, 50):
        async with opened(tmp_path / str(count)) as journal:
            await journal.recover(ME)
            await happen(journal, *range(1, count + 1), lane="chat:c", chat="c")
            for number in range(count):
                delivery = await claim_one(journal)
                said = intent(delivery, state=IntentState.SENT, message_id=f"m{number}", message_seq=number)
                await journal.settle(said)
                record = TurnRecord(kind=MESSAGE_KIND, attempt=1, began_at=0.0, shown={})
                await journal.finish(delivery, STAY, record=record)
            counts.append(await statements(journal, at(journal, DAY).sweep(START, age, kept_numbers=1)))
            left = (await journal.sweep(START, age, kept_numbers=1)).swept
            assert (left.sends, left.turns, left.entries) == (0, 0, 0)

    assert counts[0] == counts[1]


async def test_what_stays_is_looked_at_once_in_a_sweep(tmp_path, open_journal):
    """Else the first rows, if they have to stay, would be all that is ever looked at."""
    journal = open_journal()
    kept = STEP_ROWS + 100
    await happen(journal, *range(1, kept + 1))
    await frames(journal, 1_000, first=kept + 1)
    _, keeper = sweeper(journal, now=10 * DAY)

    assert (await keeper.sweep()).entries == 996


async def test_above_its_size_less_is_kept_and_what_has_to_stay_is_told_once(open_journal):
    journal = open_journal()
    await frames(journal, 2_000)
    facts, keeper = sweeper(
        journal, now=3 * DAY, retention={"keep": 400 * DAY, "max_bytes": 100_000, "shortest_keep": DAY}
    )
    removed = [(await keeper.sweep()).entries for _ in range(12)]

    assert removed[0] == 0
    assert sum(removed) == 1_996
    oversized = facts.named("journal.oversized")
    assert [fact.size > fact.max_size for fact in oversized] == [True]


@pytest.mark.parametrize(
    ("keep", "used", "then"),
    [
        (7 * DAY, 10, 7 * DAY),
        (7 * DAY, 101, 3.5 * DAY),
        (1.5 * DAY, 101, DAY),
        (3.5 * DAY, 80, 3.5 * DAY),
        (3.5 * DAY, 70, 7 * DAY),
        (5 * DAY, 70, 7 * DAY),
    ],
)
def test_what_is_kept_is_halved_while_the_file_is_too_large_and_doubled_when_there_is_room(keep, used, then):
    wanted = Retention(keep=7 * DAY, max_bytes=100)

    assert Keep(keep).after_sweep(wanted, used) == Keep(then)
    assert Keep(DAY).after_sweep(wanted, 101).is_pressed
    for_ever = Retention(max_bytes=100)
    assert Keep.wanted(for_ever).after_sweep(for_ever, 101).seconds == 183 * DAY
    assert Keep(183 * DAY).after_sweep(for_ever, 10).after_sweep(for_ever, 10) == Keep(math.inf)


async def test_a_sweep_that_the_store_refuses_is_told_and_the_next_one_goes_on(open_journal):
    journal = open_journal()
    await frames(journal, 1_000)
    facts, keeper = sweeper(journal, now=10 * DAY)
    works = journal.sweep

    async def refuse(*_place, **_more):
        raise JournalError("SQLITE_FULL: database or disk is full")

    journal.sweep = refuse
    assert not (await keeper.sweep()).rows
    journal.sweep = works
    assert (await keeper.sweep()).entries == 996
    assert [fact.reason for fact in facts.named("sweep.failed")] == ["SQLITE_FULL: database or disk is full"]


async def test_captured_words_go_with_their_turns(tmp_path, open_journal):
    journal, failures = open_journal(), []
    path = tmp_path / "captured.sqlite3"
    capture = CaptureFile(path, kept_runs=100, on_failure=failures.append)
    names = [capture.keep(ME, ShownRun()) for _ in range(4)]
    for number, name in enumerate(names):
        await want(journal, number + 1, now=number * DAY)
        delivery = await claim_one(journal, now=number * DAY)
        record = TurnRecord(kind=MESSAGE_KIND, attempt=1, began_at=0.0, shown={"captured": name})
        move = CursorMove(handled_seq=number + 1)
        await at(journal, number * DAY).finish(delivery, move, record=record)
    _, keeper = sweeper(journal, now=3.5 * DAY, retention={"keep": 2 * DAY}, capture_file=capture)
    assert (await keeper.sweep()).turns == 2
    await asyncio.to_thread(capture.close)

    with sqlite3.connect(path) as connection:
        assert [name for (name,) in connection.execute("SELECT name FROM run ORDER BY run_id")] == names[2:]
    connection.close()
    assert failures == []


def test_the_last_releases_journal_is_among_those_that_are_opened():
    """Whoever adds a migration adds the journal before it: `released/make.py`, run by the code of then."""
    versions = [int(path.name.split("-")[1].split(".")[0]) for path in RELEASED]
    assert versions[-1] >= 7
    assert versions[-1] <= len(MIGRATIONS)


@pytest.mark.parametrize("released", RELEASED, ids=lambda path: path.name)
async def test_the_journal_of_a_release_opens_and_is_whole(tmp_path, open_journal, released):
    (tmp_path / "journal.sqlite3").write_bytes(gzip.decompress(released.read_bytes()))
    journal = open_journal()
    await at(journal, 10.0).recover(ME)

    assert pragma(tmp_path, "user_version") == len(MIGRATIONS)
    assert pragma(tmp_path, "auto_vacuum") == 2
    assert pragma(tmp_path, "integrity_check") == "ok"
    assert (await journal.checkpoint(ME)).since_seq == 3
    assert sorted(await journal.marks(ME, epoch=1, limit=9)) == [1, 2, 3, 4]
    assert await journal.levels(ME) == {"c": 6, "d": 2}
    assert (await journal.items(ME, "p", chat_id=None))["count"].value == "7"
    assert [timer.name for timer in await journal.timers(ME)] == ["?q", "t"]
    assert (await journal.own_sends(ME, chat_id="c", after_seq=0)).message_ids == {"m6"}
    assert [each.chat_id for each in await journal.unresolved(ME)] == ["d"]
    assert [hold.chat_id for hold in await journal.holds(ME)] == ["d"]
    assert [turn.lane for turn in SqliteTurnLog(tmp_path / "journal.sqlite3", ME).turns()] == ["chat:c"]
    (letter,) = await journal.dead_letters(ME)
    assert await at(journal, 10.0).revive(ME, letter.dead_letter_id)
    assert {each.lane for each in await claim(journal, now=10.0)} == {"inbox", "chat:d", "chat:e", "chat:f"}
    _, keeper = sweeper(journal, now=100 * DAY)
    assert (await keeper.sweep()).sends == 1


async def test_a_journal_at_rest_is_swept_once_an_hour(tmp_path):
    """Nothing is added to it meanwhile; to open it each minute would cost more than to keep it open."""
    journal = SqliteJournal(tmp_path, rest_seconds=0.001, clock=StoreClock())
    journal.open()
    steady = Steady()
    _, keeper = sweeper(journal, now=10 * DAY, steady=steady)
    await frames(journal, 20)
    if (thread := journal._writer._thread) is not None:
        await asyncio.to_thread(thread.join, 60)
    for now in (60.0, 120.0, 3_599.0):
        steady.now = now
        assert await keeper.sweep_if_awake() == Swept()
        assert journal.is_at_rest
    steady.now = 3_600.0
    assert (await keeper.sweep_if_awake()).entries == 16
    await journal.close()


async def test_a_journal_at_work_is_swept_each_time(journal):
    _, keeper = sweeper(journal, now=10 * DAY, steady=lambda: 0.0)
    await frames(journal, 20)

    assert (await keeper.sweep_if_awake()).entries == 16
