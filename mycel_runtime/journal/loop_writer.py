"""
A writer without a thread: an operation is committed where it is submitted.

For a test's journal, which is in memory: to hand an operation to a thread, and its result back, takes several times
as long as to carry it out. What is committed, in which order, and what becomes of it when it fails is as of the
`Writer`; but the loop waits meanwhile, no two operations share a commit, and what nobody waits for is brought to the
disk with the next operation that is waited for, or at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import override

from mycel_runtime.journal.commit_group import resolve
from mycel_runtime.journal.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.journal.commit_group import Job, Outcome
    from mycel_runtime.journal.writer import OpenFile


class LoopWriter(Writer):
    """As `Writer`; opened, used and closed in the thread of one loop."""

    _file: OpenFile | None = None

    @override
    def open(self) -> None:
        self._file = self._open_file()
        self._is_open = True

    @override
    async def close(self) -> None:
        """Close the file."""
        self._is_open = False
        file, self._file = self._file, None
        if file is not None:
            self._close_file(file)

    @override
    def _take(self, job: Job[Any]) -> None:
        """Do it now."""
        assert self._file is not None
        self._write(self._file, [job])

    @override
    def _tell(self, outcomes: Sequence[Outcome]) -> None:
        for job, result, error in outcomes:
            resolve(job.future, result, error)
