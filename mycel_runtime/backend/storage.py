"""
Where the world is kept: nowhere, or in one SQLite file.

Records are written before the answer that tells of them goes out, so that what a client was told survives a
SIGKILL. WAL with `synchronous=NORMAL`: a power cut may lose the last moments, a killed process never does.
One table of JSON rows: `rowid` keeps the order of insertion, which is the "storage order" of the contract.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import secrets
import sqlite3
from typing import TYPE_CHECKING, Any, Final, Protocol

import pydantic_core

from mycel_runtime.backend.world.entities import (
    Chat,
    Contact,
    Entity,
    Invitation,
    JoinRequest,
    Member,
    Message,
    QueueItem,
    Registration,
    Relationship,
    Task,
    Thread,
    User,
    Workflow,
    WorkflowEvent,
)
from mycel_runtime.backend.world.state import World
from mycel_runtime.errors import ConfigError, DatabaseHeldError
from mycel_runtime.file_lock import FileLock, LockHeldError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mycel_runtime.backend.quirks import Rules

_TYPES: Final[tuple[type[Any], ...]] = (
    User,
    Chat,
    Member,
    Message,
    QueueItem,
    Relationship,
    Contact,
    JoinRequest,
    Workflow,
    WorkflowEvent,
    Task,
    Thread,
    Invitation,
    Registration,
)
"""In the order in which a world takes them in: what is referred to comes first."""

_STORED: Final = {
    type_: tuple(field.name for field in dataclasses.fields(type_) if not field.metadata.get("derived"))
    for type_ in _TYPES
}

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS secret (value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS record (
    place INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (kind, key)
);
"""
_PUT: Final = """
INSERT INTO record (kind, key, body) VALUES (?, ?, ?)
ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body
"""
_DROP: Final = "DELETE FROM record WHERE kind = ? AND key = ?"
_ALL: Final = "SELECT body FROM record WHERE kind = ? ORDER BY place"
_BUSY_SECONDS: Final = 2.0


class Storage(Protocol):
    """Keeps a world and the secret of its tokens."""

    secret: bytes

    def load(self) -> World:
        """The world as it was last saved."""

    def save(self, changes: Mapping[tuple[str, str], Entity | None]) -> None:
        """Write records and delete those that are `None`, all or nothing."""

    def close(self) -> None:
        """Let go of the file."""


class MemoryStorage:
    """Keeps the world itself, for as long as this object lives."""

    def __init__(self, rules: Rules) -> None:
        self.secret = secrets.token_bytes(32)
        self._world = World(rules)

    def load(self) -> World:
        """The same world, each time."""
        return self._world

    def save(self, changes: Mapping[tuple[str, str], Entity | None]) -> None:
        """Nothing to do: the world is the storage."""

    def close(self) -> None:
        """Nothing to do."""


class SqliteStorage:
    """
    Keeps the world in one file, readable by its owner only.

    Raises:
        ConfigError: The file cannot be used.
        DatabaseHeldError: Another backend serves from it.
    """

    def __init__(self, path: Path, rules: Rules) -> None:
        self._rules = rules
        with _explained(path), contextlib.ExitStack() as stack:
            stack.callback(_locked(path).release)
            path.touch(mode=0o600, exist_ok=True)
            self._db = stack.enter_context(contextlib.closing(_connect(path)))
            self._prepare(path)
            self._stack = stack.pop_all()

    def load(self) -> World:
        """Read everything."""
        world = World(self._rules)
        world.restore(self._read())
        return world

    def save(self, changes: Mapping[tuple[str, str], Entity | None]) -> None:
        """One transaction."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for (kind, key), entity in changes.items():
                if entity is None:
                    self._db.execute(_DROP, (kind, key))
                else:
                    self._db.execute(_PUT, (kind, key, _encode(entity)))
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Let go of the file."""
        self._stack.close()

    def _prepare(self, path: Path) -> None:
        self._db.executescript(
            f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; BEGIN IMMEDIATE; {_SCHEMA} COMMIT;"
        )
        self.secret = self._keep_secret()
        for file in path.parent.glob(path.name + "*"):
            os.chmod(file, 0o600)  # noqa: PTH101 - the same for file, log and index

    def _read(self) -> Iterator[Entity]:
        for type_ in _TYPES:
            for (body,) in self._db.execute(_ALL, (type_.table,)):
                yield type_(**pydantic_core.from_json(body))

    def _keep_secret(self) -> bytes:
        self._db.execute(
            "INSERT INTO secret SELECT ? WHERE NOT EXISTS (SELECT * FROM secret)", (secrets.token_bytes(32),)
        )
        (secret,) = self._db.execute("SELECT value FROM secret").fetchone()
        return bytes(secret)


def _encode(entity: Entity) -> bytes:
    return pydantic_core.to_json({name: getattr(entity, name) for name in _STORED[type(entity)]})


def _locked(path: Path) -> FileLock:
    """Not the file itself: who opens that and closes it again lets go of the locks that SQLite has on it."""
    lock = FileLock(path.resolve().with_name(path.resolve().name + ".lock"))
    try:
        lock.acquire()
    except LockHeldError as exc:
        raise DatabaseHeldError(str(path), exc.holder) from exc
    return lock


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        path,
        isolation_level=None,
        timeout=_BUSY_SECONDS,
        check_same_thread=False,
        cached_statements=16,
    )


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as exc:
        raise ConfigError(
            f"the backend's database cannot be used: {exc}",
            where=str(path),
            fix="Name another file, or remove this one to begin anew.",
        ) from exc
