"""What keeps one agent's journal, before anybody has it open: how it is made, opened, read and looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from pathlib import Path

    from mycel_runtime.journal.inspection import Inspection
    from mycel_runtime.journal.manifest import Manifest
    from mycel_runtime.journal.port.journal import Journal
    from mycel_runtime.journal.port.lane_calls import LaneCalls
    from mycel_runtime.journal.port.reader import JournalReader
    from mycel_runtime.journal.port.transfer import Arrival, Departure
    from mycel_runtime.journal.restored import Restored
    from mycel_runtime.wire.ids import UserId


class JournalEngine(Protocol):
    """The journal of one agent, wherever it is kept; `engines.engine_of` chooses."""

    @property
    def where(self) -> str:
        """For a person: what he would look at. Without a password."""

    @property
    def files(self) -> JournalFiles | None:
        """What is done to its files; `None`: it has none of its own, and is copied by other means."""

    @property
    def reader(self) -> JournalReader:
        """Who only looks."""

    def exists(self) -> bool:
        """Whether it was made; blocking."""

    def make(self) -> None:
        """
        Let it be there, empty, if it is not; blocking.

        Raises:
            JournalError: It cannot be made.
        """

    def inspect(self) -> Inspection | None:
        """
        Look at it as a whole, so that nothing changes; blocking, for some seconds at most.

        Returns:
            `None`: it was never made.

        Raises:
            JournalFileError: It is damaged, none of ours, or of a version that this program does not know; or
                there is another one, which was not moved into it.
            JournalError: It cannot be read.
        """

    def opened(
        self,
        *,
        on_lock: Callable[[float | None], None] = ...,
        on_away: Callable[[str, float], None] = ...,
        on_newer: Callable[[int, int], None] = ...,
        on_commit: Callable[[float, int], None] = ...,
        kept_turns: int = ...,
    ) -> AbstractAsyncContextManager[Journal]:
        """
        The journal, open until the block ends.

        It is ours alone, or a store that other processes have open, too: whoever listens as an identity takes its
        lease (`ListenerJournal.lease`), and one at a time has it.

        Args:
            on_lock: Told, in any thread, that somebody else keeps us from writing; then, for how many seconds.
            on_away: Told, in any thread, that what keeps the journal cannot be reached or takes nothing more, so that
                what is asked waits: why, each reason once, and for how many seconds by then; at last, without a
                reason, for how many it was.
            on_newer: Told at once that a newer program has made the schema, which serves this one yet: its version,
                and the newest that this program knows.
            on_commit: Told, in any thread, for how many seconds a group of so many operations was written.
            kept_turns: How many turns the log keeps; 0: there is none.

        Raises:
            IdentityHeldError: Another process is at work in the same state directory.
            JournalFileError, JournalError: It is none of ours, or cannot be opened.

        Cancelling: it is closed.
        """

    def held(self) -> AbstractAsyncContextManager[None]:
        """
        Keep other processes from the state directory until the block ends, while the journal cannot be opened.

        Raises:
            IdentityHeldError: Another process is at work in it.
            JournalError: The directory cannot be used.

        Cancelling: it is given back.
        """

    def lane_calls(
        self, journal: Journal, identity: UserId, *, concurrency: int, on_restart: Callable[[str], None]
    ) -> LaneCalls | None:
        """
        What tells processes which lane to drain; `None`: one process at a time has this journal.

        Args:
            journal: Of this engine, open.
            identity: Whose lanes.
            concurrency: Lanes at once in this process.
            on_restart: Told by one word why it had to be begun anew.

        Raises:
            ConfigError: What it needs is not installed.
        """

    def departure(self, identity: UserId | None) -> AbstractContextManager[Departure]:
        """
        As an end of a move, by whoever has the lock of the state directory; blocking.

        Args:
            identity: Whose journal, where it may be several agents'.

        Raises:
            IdentityHeldError: Somebody is at work on it.
            JournalMoveError: There is nothing to move.
            JournalFileError, JournalError: It cannot be used.
        """

    def arrival(self) -> AbstractContextManager[Arrival]:
        """
        As the other end; what was put down is gone with the block unless it was deposited.

        Raises:
            JournalFileError, JournalError: It cannot be used.
        """


class JournalFiles(Protocol):
    """What only an engine has that keeps its journal in files of the state directory. Everything blocks."""

    @property
    def folder(self) -> Path:
        """On whose disk room is needed."""

    @property
    def locked(self) -> Sequence[Path]:
        """What whoever has the journal open has locked (`flock`), the likeliest first."""

    def sizes(self) -> Mapping[str, int]:
        """Bytes by file: `journal`, and `log`; what is not there has none."""

    def back_up(self, target: Path, *, program: str) -> Manifest:
        """
        Copy the journal, whether somebody has it open or not; the copy is there whole, or not at all.

        Args:
            target: Not there yet.
            program: Version of mycel-runtime.

        Raises:
            BackupError: There is no journal, something stands in the target's place, or the copy is not whole.
            JournalError, JournalFileError: The journal cannot be read.
            JournalFullError: There is no room for the copy.
        """

    def restore(
        self, backup: Path, *, user_id: str | None, is_other_identity: bool, has_rested: bool
    ) -> Restored:
        """
        Put a copy in the journal's place, at once or not at all; the one before is kept.

        Args:
            backup: Made by `back_up`.
            user_id: Whose it must be, if that is known.
            is_other_identity: It may be anybody's.
            has_rested: The agent has not run since the backup was made, so that nothing was done: everything goes on.

        Raises:
            IdentityHeldError: A daemon is at work.
            BackupError: It is damaged, not what its manifest says, or another identity's.
            JournalError, JournalFileError: It is no journal, or of a version that this program does not know.
            JournalFullError: There is no room for it.
        """
