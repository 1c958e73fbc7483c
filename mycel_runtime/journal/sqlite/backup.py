"""
Copies a journal into one file, consistent and verified, while it is at work or at rest.

The copy is made by SQLite's own means through a connection that can only read, within one read transaction: it is the
journal of one moment, its log (WAL) included, and the writer goes on. It is then written anew without what is free in
it, checked, and put in its place at once, with a manifest beside it. Nothing of either can be read by others.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from mycel_runtime.errors import BackupError
from mycel_runtime.journal.disk_room import NO_ROOM, journal_error
from mycel_runtime.journal.manifest import MANIFEST_FORMAT, Manifest
from mycel_runtime.journal.sqlite.connection import SqliteConnection
from mycel_runtime.journal.sqlite.schema import recognise

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANIFEST_SUFFIX: Final = ".manifest.json"
_PAGES_PER_STEP: Final = 2_048
_BUSY_TIMEOUT_SECONDS: Final = 5.0
_CHUNK_BYTES: Final = 2**20


def back_up(journal: Path, target: Path, *, program: str, now: float) -> Manifest:
    """
    Make a backup; it is there whole, or not at all.

    Args:
        journal: Its file; somebody may be at work on it.
        target: Not there yet.
        program: Version of mycel-runtime.
        now: Epoch seconds.

    Raises:
        BackupError: There is no journal, something stands in the target's place, or the copy is not whole.
        JournalError, JournalFileError: The journal cannot be read.
        JournalFullError: There is no room for the copy.
    """
    if not journal.exists():
        raise BackupError("there is no journal", where=str(journal), fix="Run the agent first.")
    if target.exists():
        raise BackupError("it is there already", where=str(target), fix="Name another file, or move it away.")
    partial = target.with_name(f".{target.name}.partial")
    try:
        with private_file(partial):
            manifest = _copy(journal, partial, program=program, now=now)
            write_private(manifest_of(target), json.dumps(asdict(manifest), indent=2).encode() + b"\n")
            partial.rename(target)
            sync(target.parent)
    except sqlite3.Error as exc:
        raise journal_error(exc, f"{journal}: {exc.sqlite_errorname}: {exc}", target.parent) from exc
    except OSError as exc:
        if exc.errno in NO_ROOM:
            raise journal_error(exc, f"{target}: cannot be written: {exc.strerror}", target.parent) from exc
        raise BackupError(f"cannot be written: {exc.strerror}", where=str(target), fix="Mend that.") from exc
    return manifest


def read_manifest(backup: Path) -> Manifest | None:
    """
    Of a backup; `None`: there is none beside it.

    Raises:
        BackupError: It cannot be read, or is of another version.
    """
    path = manifest_of(backup)
    try:
        fields: dict[str, Any] = json.loads(path.read_bytes())
        if fields["format"] != MANIFEST_FORMAT:
            raise BackupError(
                f"it has version {fields['format']}", where=str(path), fix="Upgrade mycel-runtime."
            )
        return Manifest(**fields | {"identities": tuple(fields["identities"])})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise BackupError(
            "it cannot be read", where=str(path), fix="Put the manifest back, or move it away."
        ) from exc


def manifest_of(backup: Path) -> Path:
    """Where a backup's manifest is."""
    return backup.with_name(backup.name + MANIFEST_SUFFIX)


def require_whole(connection: sqlite3.Connection, where: Path) -> None:
    """
    Check every page, index and reference.

    Raises:
        BackupError: Something is damaged.
    """
    problems = [row[0] for row in connection.execute("PRAGMA integrity_check(5)") if row[0] != "ok"]
    problems += [
        f"{row[0]}: a reference to nothing" for row in connection.execute("PRAGMA foreign_key_check")
    ]
    if problems:
        raise BackupError(f"it is damaged: {problems[0]}", where=str(where), fix="Use another copy.")


def counts_of(connection: sqlite3.Connection) -> dict[str, int]:
    """Rows by table."""
    tables = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    ).fetchall()
    return {
        name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608 - its own names
        for (name,) in tables
    }


def identities_of(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Whose work is in a journal, as SHA-256 of their ids."""
    rows = connection.execute(
        "SELECT identity FROM checkpoint UNION SELECT identity FROM delivery UNION SELECT identity FROM dead_letter"
    )
    return tuple(sorted(hashed(identity) for (identity,) in rows))


def hashed(identity: str) -> str:
    """How a manifest names an identity."""
    return hashlib.sha256(identity.encode()).hexdigest()


def sha256_of(path: Path) -> str:
    """Of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


@contextlib.contextmanager
def private_file(path: Path) -> Iterator[None]:
    """An empty file that nobody else can read, whatever the umask; gone after the block, unless it was renamed."""
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        yield
    finally:
        for suffix in ("", "-journal", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that nobody else can read, at once and for good."""
    partial = path.with_name(f".{path.name}.partial")
    with private_file(partial):
        partial.write_bytes(content)
        sync(partial)
        partial.rename(path)


def give_to_owner(path: Path) -> None:
    """What root makes in the folder of another user is that user's, whose daemon could not open it otherwise."""
    owner = path.parent.stat()
    if os.geteuid() == 0 != owner.st_uid:
        os.chown(path, owner.st_uid, owner.st_gid)


def sync(path: Path) -> None:
    """Have a file's content, or a folder's names, on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def opened(path: Path, *, how: str = "mode=ro") -> contextlib.closing[SqliteConnection]:
    """A connection to a file, by a URI's parameters."""
    uri = f"file:{quote(str(path))}?{how}"
    return contextlib.closing(
        sqlite3.connect(
            uri, uri=True, isolation_level=None, timeout=_BUSY_TIMEOUT_SECONDS, factory=SqliteConnection
        )
    )


def _copy(journal: Path, partial: Path, *, program: str, now: float) -> Manifest:
    with opened(journal) as source, opened(partial, how="mode=rw") as copy:
        schema = recognise(source, journal)
        # One moment: until its end the log is read as it is now.
        source.execute("BEGIN")
        rows, identities = counts_of(source), identities_of(source)
        source.backup(copy, pages=_PAGES_PER_STEP)
        source.execute("ROLLBACK")
        copy.execute("PRAGMA journal_mode = DELETE")
        # No log follows it, whatever the moment: see `log_link.py`.
        copy.execute("UPDATE log_link SET is_followed = 0")
        copy.execute("PRAGMA auto_vacuum = INCREMENTAL")
        copy.execute("VACUUM")
        require_whole(copy, partial)
        require_same(rows, counts_of(copy), partial)
    sync(partial)
    return Manifest(
        made_at=now,
        program=program,
        schema=schema,
        identities=identities,
        rows=rows,
        sha256=sha256_of(partial),
        size=partial.stat().st_size,
    )


def require_same(rows: dict[str, int], found: dict[str, int], where: Path) -> None:
    """
    Compare counts.

    Raises:
        BackupError: A table has other rows than it must have.
    """
    if rows != found:
        tables = sorted(name for name in rows.keys() | found.keys() if rows.get(name) != found.get(name))
        raise BackupError(
            f"rows are missing in {', '.join(tables)}", where=str(where), fix="Make the copy again."
        )
