"""
A writer without a thread: an operation is committed where it is submitted.

For a test's journal, which is in memory: to hand an operation to a thread, and its result back, takes several times
as long as to carry it out. What is committed, in which order, and what becomes of it when it fails is as of the
`Writer`; but the loop waits meanwhile, no two operations share a commit, and what nobody waits for is brought to the
disk with the next operation that is waited for, or at the end.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TypeVar

from typing_extensions import override

from mycel_runtime.journal.commit_group import commit_all
from mycel_runtime.journal.disk_room import translated
from mycel_runtime.journal.writer import Writer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from mycel_runtime.journal.writer import OpenFile

T = TypeVar("T")


class LoopWriter(Writer):
    """As `Writer`; opened, used and closed in the thread of one loop."""

    _file: OpenFile | None = None

    @override
    def open(self) -> None:
        self._file = self._open_file()
        self._is_open = True

    @override
    async def submit(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        self._require_well()
        return self._carry_out(operation, is_durable=True)

    @override
    async def commit(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        self._require_well()
        return self._carry_out(operation, is_durable=False)

    @override
    def post(self, operation: Callable[[sqlite3.Connection], object]) -> None:
        self._require_well()
        try:
            self._carry_out(operation, is_durable=False)
        except BaseException as exc:  # noqa: BLE001 - whoever comes next is told
            # As of the thread, not whoever comes in the same turn of the loop.
            asyncio.get_running_loop().call_soon(self._fail, exc)

    @override
    async def close(self) -> None:
        """Close the file."""
        self._is_open = False
        file, self._file = self._file, None
        if file is not None:
            self._close_file(file)

    def _fail(self, exc: BaseException) -> None:
        self._failed = self._failed or exc

    def _carry_out(self, operation: Callable[[sqlite3.Connection], T], *, is_durable: bool) -> T:
        file = self._file
        assert file is not None
        began = time.perf_counter()
        try:
            result: T = commit_all([operation], file.connection, self._begin)[0]
            file.log_sync.note_commit()
            if is_durable:
                file.log_sync.sync()
        except BaseException as exc:
            error = translated(exc, "journal", self._folder)
            if error is exc:
                raise
            raise error from exc
        finally:
            self._on_commit(time.perf_counter() - began, 1)
            self._bound_log(file)
        return result
