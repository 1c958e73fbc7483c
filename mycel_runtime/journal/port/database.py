"""The database of an engine that has one, as its operator sees it. Everything blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mycel_runtime.journal.database import DatabaseLook, DatabaseState, Migrated


class JournalDatabase(Protocol):
    """
    One that keeps the journals of any number of agents.

    All of it raises `JournalAwayError` where the database cannot be reached, `JournalFileError` where it is somebody
    else's or of a version that this program cannot use, and `JournalError` where it fails.
    """

    @property
    def where(self) -> str:
        """For a person, without a password."""

    def make(self) -> Migrated:
        """
        Make the schema if there is none, and bring an earlier one to this program's version.

        Whoever is at work in it goes on meanwhile; so does one of the version before.
        """

    def migrate(self) -> Migrated:
        """
        Bring the schema to this program's version.

        Raises:
            JournalFileError: There is none.
        """

    def look(self) -> DatabaseLook:
        """What it can do and is set to; nothing is changed."""

    def state(self) -> DatabaseState:
        """
        Who and what is in it.

        Raises:
            JournalFileError: There is no schema, or an earlier one.
        """

    def bury(self, process_id: str) -> bool:
        """
        The operator's word that a process is gone for good, as nobody else can tell.

        What it had is anybody's, and what it was about to say is said by others once it is not found in the chat. If
        it is only frozen, it may say it, too.

        Returns:
            False: there is no such process.

        Raises:
            ProcessLivesError: It was heard of just now; nothing was changed.
        """
