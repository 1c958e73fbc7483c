"""
A writer without a thread: an operation is committed where it is submitted.

For a test's journal, which is in memory: to hand an operation to a thread, and its result back, takes several times
as long as to carry it out. What is committed, in which order, and what becomes of it when it fails is as of the
`Writer`; but the loop waits meanwhile, and no two operations share a commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import override

from mycel_runtime.journal.writer import Writer, resolve

if TYPE_CHECKING:
    from mycel_runtime.journal.writer import Job, OpenFile


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
        for done, result, error in self._write(self._file, [job]):
            resolve(done.future, result, error)
