"""Who owns the connection, mostly a thread: what is committed together, and what one failure costs the others."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading

import pytest

from mycel_runtime.errors import JournalError
from mycel_runtime.journal.sqlite.loop_writer import LoopWriter
from mycel_runtime.journal.sqlite.writer import GROUP_LIMIT, Writer

DEADLINE = 60.0


@pytest.fixture
def commits():
    """What the connection has committed, a list that grows."""
    return []


@pytest.fixture
def open_writer(tmp_path, commits):
    """A writer of a kind, opened and at the end closed."""

    @contextlib.asynccontextmanager
    async def open_(kind):
        def prepare(connection):
            connection.execute("CREATE TABLE IF NOT EXISTS note (note TEXT NOT NULL UNIQUE)")
            connection.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)

        path = tmp_path / "notes.sqlite3"
        writer = kind(path, prepare, restart_log=lambda _: True, end_log=lambda _: None)
        writer.open()
        yield writer
        await writer.close()

    return open_


@pytest.fixture
async def writer(open_writer):
    async with open_writer(Writer) as writer:
        yield writer


@pytest.fixture(params=[Writer, LoopWriter])
async def any_writer(request, open_writer):
    """What a writer promises, with a thread or without."""
    async with open_writer(request.param) as writer:
        yield writer


@contextlib.asynccontextmanager
async def held(writer):
    """The writer's thread stands in an operation until the block ends."""
    entered, release = threading.Event(), threading.Event()

    def hold(_):
        entered.set()
        assert release.wait(DEADLINE)

    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        tasks.create_task(writer.submit(hold), name="hold")
        try:
            await asyncio.to_thread(entered.wait, DEADLINE)
            yield
        finally:
            release.set()


def note(text):
    return lambda connection: connection.execute("INSERT INTO note VALUES (?)", (text,)).rowcount


def notes_of(connection):
    return {row[0] for row in connection.execute("SELECT note FROM note")}


def stored(tmp_path):
    """What somebody else sees in the file."""
    with contextlib.closing(sqlite3.connect(tmp_path / "notes.sqlite3")) as connection:
        return notes_of(connection)


async def submit_all(writer, operations):
    """Submit all before the first is answered; results and exceptions in order."""
    return await asyncio.gather(*map(writer.submit, operations), return_exceptions=True)


async def started(writer, operation, tasks):
    """A task that has submitted and waits."""
    task = tasks.create_task(writer.submit(operation), name="caller")
    await asyncio.sleep(0)
    return task


async def test_what_gathers_during_a_commit_is_one_commit(writer, commits):
    async with held(writer):
        rest = asyncio.gather(*(writer.submit(note(f"{number}")) for number in range(100)))
        await asyncio.sleep(0)

    assert await rest == [1] * 100
    assert len(commits) == 2


async def test_a_group_is_bounded(writer, commits):
    async with held(writer):
        rest = asyncio.gather(*(writer.submit(note(f"{number}")) for number in range(2 * GROUP_LIMIT + 1)))
        await asyncio.sleep(0)

    await rest
    assert len(commits) == 1 + 3


async def test_an_answered_caller_finds_its_work_in_the_file(any_writer, tmp_path):
    await any_writer.submit(note("a"))

    assert stored(tmp_path) == {"a"}


async def test_a_failing_operation_undoes_only_itself(writer, tmp_path, commits):
    def half(connection):
        note("half")(connection)
        note("a")(connection)

    def raising(connection):
        note("raised")(connection)
        raise ZeroDivisionError

    async with held(writer):
        rest = asyncio.gather(submit_all(writer, [note("a"), half, note("b"), raising, note("c")]))
        await asyncio.sleep(0)
    ((first, failed, second, raised, third),) = await rest

    assert (first, second, third) == (1, 1, 1)
    assert isinstance(failed, JournalError)
    assert "SQLITE_CONSTRAINT_UNIQUE" in str(failed)
    assert isinstance(raised, ZeroDivisionError)
    assert stored(tmp_path) == {"a", "b", "c"}
    assert len(commits) == 1 + 3


async def test_operations_run_in_the_order_of_submission(any_writer):
    seen = []
    await submit_all(any_writer, [lambda _, number=number: seen.append(number) for number in range(50)])

    assert seen == list(range(50))


async def test_an_operation_without_a_thread_is_committed_where_it_is_submitted(open_writer, tmp_path):
    """Each by itself: one that fails undoes nothing else, and nobody has to wait for anything."""
    async with open_writer(LoopWriter) as writer:
        submissions = [writer.submit(note(text)) for text in ("a", "a", "b")]
        results = []
        for submission in submissions:
            with pytest.raises((StopIteration, JournalError)) as ended:
                submission.send(None)
            results.append(getattr(ended.value, "value", str(ended.value)))
        assert stored(tmp_path) == {"a", "b"}

    assert results == [1, "journal: SQLITE_CONSTRAINT_UNIQUE: UNIQUE constraint failed: note.note", 1]


async def test_a_cancelled_caller_leaves_the_commit_whole(writer, tmp_path):
    async with asyncio.TaskGroup() as tasks:
        async with held(writer):
            cancelled = await started(writer, note("cancelled"), tasks)
            other = await started(writer, note("other"), tasks)
            cancelled.cancel()
            await asyncio.sleep(0)
        assert await other == 1

    assert cancelled.cancelled()
    assert stored(tmp_path) == {"cancelled", "other"}


@pytest.mark.parametrize("times", [1, 3])
async def test_a_cancelled_caller_is_told_only_when_the_commit_has_ended(writer, tmp_path, times):
    """However often it is cancelled: whoever goes on may rely on what is in the file."""
    async with asyncio.TaskGroup() as tasks:
        async with held(writer):
            caller = await started(writer, note("a"), tasks)
            for _ in range(times):
                caller.cancel()
                for _ in range(3):
                    await asyncio.sleep(0)
            assert not caller.done()
        await asyncio.wait([caller], timeout=DEADLINE)
        assert caller.cancelled()
        assert stored(tmp_path) == {"a"}


async def test_a_failure_of_a_cancelled_caller_is_nobodys_noise(writer):
    async with asyncio.TaskGroup() as tasks, held(writer):
        caller = await started(writer, lambda _: 1 / 0, tasks)
        caller.cancel()
        await asyncio.sleep(0)
    assert caller.cancelled()


async def test_everything_submitted_before_close_is_durable(writer, tmp_path):
    number = 3 * GROUP_LIMIT
    async with asyncio.TaskGroup() as tasks:
        async with held(writer):
            waiting = [await started(writer, note(f"{each}"), tasks) for each in range(number)]
            closing = tasks.create_task(writer.close(), name="close")
            await asyncio.sleep(0)
        await closing

    assert [task.result() for task in waiting] == [1] * number
    assert len(stored(tmp_path)) == number


async def test_closing_writes_the_log_back(any_writer, tmp_path):
    await any_writer.submit(note("a"))
    assert (tmp_path / "notes.sqlite3-wal").exists()
    await any_writer.close()

    assert [path.name for path in tmp_path.iterdir()] == ["notes.sqlite3"]


async def test_a_closed_writer_refuses(any_writer):
    await any_writer.close()
    await any_writer.close()

    with pytest.raises(JournalError, match="closed"):
        await any_writer.submit(note("late"))


async def test_a_posted_operation_comes_before_what_is_submitted_after_it(writer, tmp_path, commits):
    writer.post(note("posted"))

    assert await writer.submit(notes_of) == {"posted"}
    assert len(commits) == 1


async def test_what_was_posted_is_durable_after_closing(any_writer, tmp_path):
    any_writer.post(note("posted"))
    await any_writer.close()

    assert stored(tmp_path) == {"posted"}


async def test_a_posted_operation_that_fails_fails_whoever_comes_next(any_writer, tmp_path):
    """Nobody waited, so that nobody else would be told."""
    any_writer.post(note("a"))
    any_writer.post(note("a"))
    assert await any_writer.submit(note("b")) == 1
    await asyncio.sleep(0)

    with pytest.raises(JournalError, match="SQLITE_CONSTRAINT_UNIQUE"):
        await any_writer.submit(note("c"))
    with pytest.raises(JournalError, match="SQLITE_CONSTRAINT_UNIQUE"):
        any_writer.post(note("d"))
    assert stored(tmp_path) == {"a", "b"}


async def test_a_caller_whose_loop_has_ended_costs_the_others_nothing(writer, tmp_path):
    """As when a thread with a loop of its own gives up while its operation waits."""

    def submit_and_leave():
        loop = asyncio.new_event_loop()
        submission = writer.submit(note("left"))
        with contextlib.suppress(StopIteration):
            loop.call_soon(submission.send, None)
            loop.call_soon(loop.stop)
            loop.run_forever()
        loop.close()
        return submission

    async with held(writer):
        submission = await asyncio.to_thread(submit_and_leave)

    assert await writer.submit(note("next")) == 1
    assert stored(tmp_path) == {"left", "next"}
    submission.close()


async def test_a_full_disk_fails_the_operation_and_is_survived(any_writer, tmp_path):
    def limit(pages):
        return lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()

    pages = await any_writer.submit(lambda connection: connection.execute("PRAGMA page_count").fetchone()[0])
    await any_writer.submit(limit(pages + 2))
    results = await submit_all(any_writer, [note("x" * 20_000), note("small")])

    assert isinstance(results[0], JournalError)
    assert "SQLITE_FULL" in str(results[0])
    await any_writer.submit(limit(1_000_000))
    assert await any_writer.submit(note("after")) == 1
    assert {"after"} <= stored(tmp_path) <= {"after", "small"}
    assert ("small" in stored(tmp_path)) is (results[1] == 1)


async def test_a_commit_that_cannot_be_written_fails_every_caller_and_is_survived(
    writer, tmp_path, file_limit
):
    """A limit on the size of files: the log cannot grow, as on a disk that is really full."""
    await writer.submit(note("before"))
    with file_limit((tmp_path / "notes.sqlite3-wal").stat().st_size):
        async with held(writer):
            rest = asyncio.gather(submit_all(writer, [note("x" * 100_000), note("y" * 100_000)]))
            await asyncio.sleep(0)
        (results,) = await rest
        assert [type(result) for result in results] == [JournalError, JournalError]
        assert await writer.submit(notes_of) == {"before"}

    assert await writer.submit(note("after")) == 1
    assert stored(tmp_path) == {"before", "after"}


async def test_closing_on_a_full_disk_keeps_the_log(any_writer, tmp_path, file_limit):
    await any_writer.submit(note("x" * 100_000))
    with file_limit(8_192):
        await any_writer.close()

    assert stored(tmp_path) == {"x" * 100_000}
