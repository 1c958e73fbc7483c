"""A journal of which nobody wants anything: what it still costs, and that nobody notices."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from pathlib import Path

import pytest

from mycel_runtime.errors import IdentityHeldError, JournalError
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.journal.sqlite.reader import SqliteReader
from mycel_runtime.journal.sqlite.writer import Writer
from mycel_runtime.journal.work import ChatWork
from tests.engines.store_clock import StoreClock, at
from tests.engines.waker import EventWaker

DEADLINE = 60.0
NEVER = 3600.0


def threads():
    return [each for each in threading.enumerate() if each.name == "journal-writer"]


def descriptors(folder):
    """What this process has open in a folder, or the folder itself."""
    found = []
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            target = each.readlink()
            if target.is_relative_to(folder):
                found.append(target)
    return sorted(found)


async def rested(*writers):
    """Until the threads of all have ended."""
    for writer in writers:
        if (thread := writer._thread) is not None:
            await asyncio.to_thread(thread.join, DEADLINE)
        assert writer.is_at_rest


@pytest.fixture
async def resting(tmp_path):
    """Opens journals that rest at once, each in a folder of its own."""
    async with contextlib.AsyncExitStack() as stack:

        def open_(name="a", rest_seconds=0.001):
            folder = tmp_path / name
            folder.mkdir(exist_ok=True)
            journal = SqliteJournal(folder, rest_seconds=rest_seconds, clock=StoreClock())
            journal.open()
            stack.push_async_callback(journal.close)
            return journal

        yield open_


def work(chat="c", seq=3):
    return ChatWork(handler="h", lane=chat, chat_id=chat, wanted_seq=seq)


async def test_twenty_journals_at_rest_cost_no_thread_and_keep_their_locks_alone(tmp_path, resting):
    journals = [resting(f"{number}") for number in range(20)]
    for journal in journals:
        await at(journal, 1.0).hint("me", [work()])
    await rested(*(journal._writer for journal in journals))

    assert threads() == []
    assert descriptors(tmp_path) == sorted(tmp_path / f"{number}" for number in range(20))
    for number in range(20):
        with pytest.raises(IdentityHeldError):
            SqliteJournal(tmp_path / f"{number}").open()


async def test_what_is_wanted_of_a_journal_at_rest_is_done_as_ever(resting):
    """A frame that makes work due, the claim of whoever is woken by it, and a look at it meanwhile."""
    journal, waker = resting(), EventWaker()
    journal.on_work("me", waker)
    await at(journal, 1.0).recover("me")
    for seq in (3, 4, 5):
        await rested(journal._writer)
        await at(journal, 1.0).hint("me", [work(seq=seq)])
        assert waker.woken.is_set()
        await rested(journal._writer)
        (delivery,) = await at(journal, 2.0).claim("me", limit=8)
        assert delivery.wanted_seq == seq
        await rested(journal._writer)
        assert await journal.postpone(delivery, after=0.0, spend=False)


async def test_a_look_at_a_journal_does_not_wake_it(tmp_path, resting):
    journal = resting()
    await at(journal, 1.0).hint("me", [work()])
    await rested(journal._writer)

    assert SqliteReader(tmp_path / "a" / "journal.sqlite3").summary("me").statistics.due == 1
    assert journal.is_at_rest
    await at(journal, 1.0).hint("me", [work(seq=4)])
    assert SqliteReader(tmp_path / "a" / "journal.sqlite3").summary("me").statistics.due == 1


async def test_the_end_finds_a_journal_at_rest_and_the_next_start_all_that_was_in_it(resting):
    journal = resting()
    await at(journal, 1.0).recover("me")
    await at(journal, 1.0).hint("me", [work()])
    await rested(journal._writer)
    await journal.close()

    (delivery,) = await at(resting(), 2.0).claim("me", limit=8)
    assert delivery.chat_id == "c"


async def test_a_damaged_journal_refuses_and_costs_the_others_nothing(tmp_path, resting):
    damaged, other = resting("damaged"), resting("other")
    await asyncio.gather(at(damaged, 1.0).hint("me", [work()]), at(other, 1.0).hint("me", [work()]))
    await rested(damaged._writer, other._writer)
    file = tmp_path / "damaged" / "journal.sqlite3"
    whole = file.read_bytes()
    with file.open("r+b") as raw:
        raw.write(b"no database at all")

    with pytest.raises(JournalError, match="SQLITE_NOTADB"):
        await at(damaged, 2.0).claim("me", limit=8)
    assert [each.chat_id for each in await at(other, 2.0).claim("me", limit=8)] == ["c"]

    with file.open("r+b") as raw:
        raw.write(whole)
    await rested(damaged._writer)
    assert [each.chat_id for each in await at(damaged, 2.0).claim("me", limit=8)] == ["c"]


@pytest.mark.parametrize("what", ["removed", "replaced"])
async def test_another_file_in_its_place_is_none_of_ours(tmp_path, resting, what):
    """Whatever is known of the journal in memory is not true of it; and it is left as it is."""
    journal, file = resting(), tmp_path / "a" / "journal.sqlite3"
    await at(journal, 1.0).hint("me", [work()])
    await rested(journal._writer)
    kept = file.rename(tmp_path / "kept")
    if what == "replaced":
        file.write_bytes(kept.read_bytes())

    with pytest.raises(JournalError, match="removed or replaced"):
        await at(journal, 2.0).claim("me", limit=8)

    assert file.exists() == (what == "replaced")
    if what == "replaced":
        assert file.read_bytes() == kept.read_bytes()


async def test_a_log_that_is_not_the_files_own_is_refused_at_each_opening(tmp_path, resting):
    """As at the start: SQLite would copy it into the file."""
    journal, other = resting(), resting("other", rest_seconds=NEVER)
    for each in (journal, other):
        await at(each, 1.0).hint("me", [work()])
    await rested(journal._writer)
    foreign = tmp_path / "other" / "journal.sqlite3-wal"
    (tmp_path / "a" / "journal.sqlite3-wal").write_bytes(foreign.read_bytes())

    with pytest.raises(JournalError, match="another file's"):
        await at(journal, 2.0).claim("me", limit=8)


async def test_whoever_comes_at_the_instant_of_rest_is_served_once(tmp_path):
    """By the thread that was about to rest, or by the next one, which waits until the file is closed."""
    rows = 200

    def prepare(connection):
        connection.execute("CREATE TABLE IF NOT EXISTS note (note INTEGER NOT NULL UNIQUE)")

    writer = Writer(
        tmp_path / "notes.sqlite3",
        prepare,
        restart_log=lambda _: True,
        end_log=lambda _: None,
        rest_seconds=0.0,
    )
    writer.open()

    def insert(number):
        return lambda connection: connection.execute("INSERT INTO note VALUES (?)", (number,)).rowcount

    async with asyncio.timeout(DEADLINE):
        for number in range(0, rows, 2):
            done = await asyncio.gather(writer.submit(insert(number)), writer.submit(insert(number + 1)))
            assert done == [1, 1]
        await writer.close()

    assert threads() == []
    with contextlib.closing(sqlite3.connect(tmp_path / "notes.sqlite3")) as connection:
        assert [row[0] for row in connection.execute("SELECT note FROM note ORDER BY note")] == [*range(rows)]


async def test_whoever_could_not_be_served_is_told_and_the_writer_lives(tmp_path, resting):
    """Nobody waits for ever for a journal that cannot be opened: each is told, also of those that come meanwhile."""
    journal, file = resting(), tmp_path / "a" / "journal.sqlite3"
    await rested(journal._writer)
    file.rename(tmp_path / "kept")
    async with asyncio.timeout(DEADLINE):
        outcomes = await asyncio.gather(
            *(at(journal, 1.0).hint("me", [work()]) for _ in range(600)), return_exceptions=True
        )

    assert {type(outcome) for outcome in outcomes} == {JournalError}
    (tmp_path / "kept").rename(file)
    await rested(journal._writer)
    await at(journal, 1.0).hint("me", [work()])


async def test_nothing_is_kept_of_the_threads_of_journals_at_rest(resting):
    journals = [resting(name) for name in "abc"]
    await rested(*(journal._writer for journal in journals))

    assert [journal._writer._thread for journal in journals] == [None] * 3
    await asyncio.gather(*(at(journal, 1.0).hint("me", [work()]) for journal in journals))
    await rested(*(journal._writer for journal in journals))
    assert [journal._writer._thread for journal in journals] == [None] * 3
    assert not any(thread.name == "journal-writer" for thread in threading.enumerate())


async def test_a_process_that_gets_no_thread_now_tells_so_and_goes_on_later(monkeypatch, resting):
    journal = resting()
    await rested(journal._writer)
    with monkeypatch.context() as patch:

        def refuse(_thread):
            raise RuntimeError("can't start new thread")

        patch.setattr(threading.Thread, "start", refuse)
        async with asyncio.timeout(DEADLINE):
            with pytest.raises(JournalError, match="can't start new thread"):
                await at(journal, 1.0).hint("me", [work()])

    await at(journal, 1.0).hint("me", [work()])
