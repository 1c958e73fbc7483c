"""
Puts a backup in a journal's place.

Whatever the backup had begun may have been done since it was made. Chats are safe: what was answered in the agent's
name is found there and not answered again (`speech/twin_watch.py`). What nobody can look up becomes a dead letter
with that reason: words that were to be said first, events, timers whose time had come. Timers that became due since
are set aside, and what the server's lists last said is forgotten, so that it is taken in silently once more. An event
from before the restore that the server hands out again is a dead letter too (`dispatch/entry_attempt.py`).
"""

from __future__ import annotations

import shutil
import sqlite3
from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import BackupError
from mycel_runtime.journal.disk_room import NO_ROOM, journal_error
from mycel_runtime.journal.lock import DirectoryLock
from mycel_runtime.journal.questions import QUESTION_KIND
from mycel_runtime.journal.restored import MAY_BE_DONE, RESTORED, Restored
from mycel_runtime.journal.sqlite.backup import (
    counts_of,
    give_to_owner,
    identities_of,
    opened,
    private_file,
    read_manifest,
    require_same,
    require_whole,
    sha256_of,
    sync,
)
from mycel_runtime.journal.sqlite.kept_file import keep
from mycel_runtime.journal.sqlite.schema import prepare, recognise
from mycel_runtime.journal.told import TOLD

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime.journal.manifest import Manifest
    from mycel_runtime.journal.sqlite.connection import SqliteConnection

_SIDES: Final = ("-wal", "-shm")


def restore(
    backup: Path,
    journal: Path,
    *,
    identity: str | None,
    is_other_identity: bool,
    has_rested: bool,
    now: float,
) -> Restored:
    """
    Replace a journal, under its lock; at once, or not at all. The one before is kept.

    Args:
        backup: Made by `back_up`.
        journal: The agent's file, whose folder exists.
        identity: Hash of whose it must be, if that is known.
        is_other_identity: It may be anybody's.
        has_rested: The agent has not run since the backup was made, so that nothing was done: everything goes on.
        now: Epoch seconds.

    Raises:
        IdentityHeldError: A daemon is at work.
        BackupError: It is damaged, not what its manifest says, or another identity's.
        JournalError, JournalFileError: It is no journal, or of a version that this program does not know.
        JournalFullError: There is no room for it.
    """
    lock = DirectoryLock(journal.parent)
    lock.acquire()
    try:
        return _restore(
            backup,
            journal,
            identity=identity,
            is_other_identity=is_other_identity,
            has_rested=has_rested,
            now=now,
        )
    except sqlite3.Error as exc:
        if exc.sqlite_errorname == "SQLITE_CORRUPT":
            raise BackupError(f"it is damaged: {exc}", where=str(backup), fix="Use another copy.") from exc
        raise journal_error(exc, f"{backup}: {exc.sqlite_errorname}: {exc}", journal.parent) from exc
    except OSError as exc:
        if exc.errno in NO_ROOM:
            raise journal_error(exc, f"{exc.filename or journal}: {exc.strerror}", journal.parent) from exc
        raise BackupError(
            f"{exc.filename or journal}: {exc.strerror}",
            where=str(backup),
            fix="Mend that, and restore again.",
        ) from exc
    finally:
        lock.release()


def _restore(
    backup: Path,
    journal: Path,
    *,
    identity: str | None,
    is_other_identity: bool,
    has_rested: bool,
    now: float,
) -> Restored:
    manifest = _compared(backup)
    partial = journal.with_name(f".{journal.name}.restored")
    with private_file(partial):
        shutil.copyfile(backup, partial)
        _require_journal(partial, backup)
        with opened(partial, how="mode=rw") as connection:
            require_whole(connection, backup)
            if manifest is not None:
                require_same(manifest.rows, counts_of(connection), backup)
            if not is_other_identity:
                _require_identity(backup, identities_of(connection), identity, _identities_there(journal))
            connection.row_factory = sqlite3.Row
            prepare(connection, backup)
            connection.execute("UPDATE log_link SET is_followed = 0")
            letters, timers = (0, []) if has_rested else _set_aside(connection, now)
        sync(partial)
        give_to_owner(partial)
        kept = keep(journal, "before-restore", now)
        partial.rename(journal)
    # A log beside it is the former one's.
    for suffix in _SIDES:
        journal.with_name(journal.name + suffix).unlink(missing_ok=True)
    sync(journal.parent)
    return Restored(set_aside=letters, timers=timers, kept=kept, was_compared=manifest is not None)


def _compared(backup: Path) -> Manifest | None:
    if not backup.exists():
        raise BackupError("there is no such file", where=str(backup), fix="Name what `backup` has made.")
    log = backup.with_name(f"{backup.name}-wal")
    if log.exists() and log.stat().st_size:
        raise BackupError(
            f"a log ({log.name}) is beside it: it is a journal at work, or was copied from one",
            where=str(backup),
            fix="Name what `backup` has made.",
        )
    manifest = read_manifest(backup)
    if manifest is not None and sha256_of(backup) != manifest.sha256:
        raise BackupError(
            "it is not what its manifest says: it has changed since it was made",
            where=str(backup),
            fix="Use another copy.",
        )
    return manifest


def _require_journal(partial: Path, backup: Path) -> None:
    with opened(partial, how="mode=rw") as connection:
        if not recognise(connection, backup):
            raise BackupError("it is empty", where=str(backup), fix="Name what `backup` has made.")
        # The daemon's own file, copied at rest, is in WAL mode: its new log would be left behind when it is renamed.
        connection.execute("PRAGMA journal_mode = DELETE")


def _identities_there(journal: Path) -> tuple[str, ...]:
    """Whose the present journal is; nobody's if there is none, or none that can be read."""
    if not journal.exists():
        return ()
    try:
        with opened(journal) as connection:
            return identities_of(connection)
    except sqlite3.Error:
        return ()


def _require_identity(
    backup: Path, found: tuple[str, ...], wanted: str | None, there: tuple[str, ...]
) -> None:
    ours = {wanted} if wanted else set(there)
    if ours and found and not ours & set(found):
        raise BackupError(
            "it is another identity's",
            where=str(backup),
            fix="Name this agent's backup; --other-identity restores it all the same.",
        )


def _set_aside(connection: SqliteConnection, now: float) -> tuple[int, list[tuple[str, str]]]:
    """Whatever may have been done since; how many deliveries, and which timers."""
    connection.execute("BEGIN IMMEDIATE")
    identities = [row["identity"] for row in connection.run("identities", {})]
    values = {"now": now, "reason": MAY_BE_DONE, "question": QUESTION_KIND}
    letters = connection.run("bury_restored", values).rowcount
    connection.run("doubt_restored", values)
    connection.run("forget_restored", values)
    timers = [tuple(row) for row in connection.run("drop_restored_timers", values)]
    connection.run("forget_lists", {"told": TOLD})
    for identity in identities:
        line = {"identity": identity, "kind": RESTORED, "key": "", "state": repr(now)}
        connection.run("write_change", line)
    connection.execute("COMMIT")
    return letters, timers
