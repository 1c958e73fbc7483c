"""
A writer without a thread: an operation is committed where it is submitted.

For a test's journal, which is in memory: to hand an operation to a thread, and its result back, takes several times
as long as to carry it out. What is committed, in which order, and what becomes of it when it fails is as of the
`Writer`; but the loop waits meanwhile, and no two operations that are waited for share a commit. What nobody waits
for is brought to the disk with the next operation that is waited for, or at the end. What is posted shares the next
operation's commit; if none follows soon, it has its own.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from typing_extensions import override

from mycel_runtime.journal.disk_room import translated
from mycel_runtime.journal.sqlite.commit_group import commit_all, is_busy
from mycel_runtime.journal.sqlite.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mycel_runtime.journal.sqlite.connection import SqliteConnection
    from mycel_runtime.journal.sqlite.writer import OpenFile

T = TypeVar("T")

POSTED_SECONDS: Final = 0.05
"""What is posted is committed after so long at the latest."""


class LoopWriter(Writer):
    """As `Writer`; opened, used and closed in the thread of one loop."""

    _file: OpenFile | None = None
    _posted: Sequence[Callable[[SqliteConnection], object]] = ()
    """In their order; not committed yet."""

    _is_commit_due: bool = False

    @override
    def open(self) -> None:
        self._file = self._open_file()
        self._is_open = True

    @override
    async def submit(self, operation: Callable[[SqliteConnection], T]) -> T:
        self._require_well()
        return self._carry_out(operation, is_durable=True)

    @override
    async def commit(self, operation: Callable[[SqliteConnection], T]) -> T:
        self._require_well()
        return self._carry_out(operation, is_durable=False)

    @override
    def post(self, operation: Callable[[SqliteConnection], object]) -> None:
        self._require_well()
        self._posted = (*self._posted, operation)
        if not self._is_commit_due:
            self._is_commit_due = True
            asyncio.get_running_loop().call_later(POSTED_SECONDS, self._commit_posted)

    @override
    async def close(self) -> None:
        """Close the file, with what was posted in it."""
        self._is_open = False
        if self._file is not None:
            self._commit_posted()
        file, self._file = self._file, None
        if file is not None:
            self._close_file(file)

    def _commit_posted(self) -> None:
        """Each by itself: one that fails undoes nothing else, and whoever comes next is told."""
        self._is_commit_due = False
        posted, self._posted = self._posted, ()
        for operation in posted:
            try:
                self._commit_together([operation])
            except BaseException as exc:  # noqa: BLE001 - nobody waits
                self._failed = self._failed or self._translated(exc)

    def _carry_out(self, operation: Callable[[SqliteConnection], T], *, is_durable: bool) -> T:
        assert self._file is not None
        try:
            result: T = (
                self._write_behind_posted(operation)
                if self._posted
                else self._commit_together([operation])[0]
            )
            if is_durable:
                self._file.log_sync.sync()
        except BaseException as exc:
            error = self._translated(exc)
            if error is exc:
                raise
            raise error from exc
        return result

    def _write_behind_posted(self, operation: Callable[[SqliteConnection], T]) -> T:
        try:
            result: T = self._commit_together([*self._posted, operation])[-1]
        except BaseException as exc:
            # A lock has been waited for already, and is none of the operations' fault.
            if is_busy(exc):
                raise
            self._commit_posted()
            result = self._commit_together([operation])[0]
        else:
            self._posted = ()
        return result

    def _commit_together(self, operations: Sequence[Callable[[SqliteConnection], Any]]) -> list[Any]:
        """What they have returned, of one commit."""
        file = self._file
        assert file is not None
        began = time.perf_counter()
        try:
            results = commit_all(operations, file.connection, self._begin)
            file.log_sync.note_commit()
        finally:
            self._on_commit(time.perf_counter() - began, len(operations))
            self._bound_log(file)
        return results

    def _translated(self, exc: BaseException) -> BaseException:
        return translated(exc, "journal", self._folder)
