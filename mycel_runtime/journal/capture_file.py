"""
The capture: a file beside the journal in which the words are that runs were shown, for `mycel-runtime replay`.

Written by a thread of its own, so that no delivery waits for it or fails with it: what cannot be written is missing
there, and is read again from the backend. As many runs are kept as the journal keeps turns, the newest, and none
longer than their turns.
"""

from __future__ import annotations

import contextlib
import os
import queue
import secrets
import sqlite3
import threading
import zlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote

from mycel_runtime.errors import JournalError, JournalFileError
from mycel_runtime.journal.shown_run import unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from mycel_runtime.journal.shown_run import ShownRun
    from mycel_runtime.wire.ids import UserId

CAPTURE_NAME: Final = "journal.capture.sqlite3"
"""In the state directory."""

_APPLICATION_ID: Final = 0x4D594350
"""`MYCP`."""

_VERSION: Final = 1

_SCHEMA: Final = f"""
BEGIN;
CREATE TABLE run (
  run_id   INTEGER PRIMARY KEY,
  name     TEXT NOT NULL UNIQUE,                  -- as the journal's turn calls it
  identity TEXT NOT NULL,
  shown    BLOB NOT NULL                          -- `journal/shown_run.py` says what is in it
) STRICT;
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {_VERSION};
COMMIT;
"""

_WAITING_RUNS: Final = 256
"""Runs that wait for the disk, at most; what comes then is not kept."""

_BUSY_TIMEOUT_SECONDS: Final = 5.0
_CLOSE_SECONDS: Final = 10.0
_NAME_BYTES: Final = 8

_FIX: Final = "Move it away: it holds nothing that the agent needs."


class _Batch(NamedTuple):
    """What waits: runs, and the newest one up to which all are to go; `None`: there is none such."""

    runs: list[tuple[str, UserId, bytes]]
    through: str | None


class CaptureFile:
    """
    The daemon's side.

    Args:
        path: Of the file; made when it is not there, for its owner only.
        kept_runs: How many are kept.
        on_failure: Called with the reason, without anybody's words, when runs are not kept from now on; from any
            thread. Not called again until one was kept.
        on_recovery: Called when the first one is kept after that, from a thread.
    """

    def __init__(
        self,
        path: Path,
        *,
        kept_runs: int,
        on_failure: Callable[[str], None],
        on_recovery: Callable[[], None] = lambda: None,
    ) -> None:
        self._path = path
        self._kept_runs = kept_runs
        self._on_failure = on_failure
        self._on_recovery = on_recovery
        self._is_failing = False
        self._is_ending = False
        self._waiting: queue.Queue[tuple[str, UserId, bytes] | str | None] = queue.Queue(_WAITING_RUNS)
        self._thread = threading.Thread(target=self._write, name="capture", daemon=True)
        self._thread.start()

    def keep(self, identity: UserId, run: ShownRun) -> str | None:
        """
        Have it kept; returns at once, and never fails.

        Returns:
            What to call it in the journal, `None`: it is not kept.
        """
        name = secrets.token_hex(_NAME_BYTES)
        try:
            self._waiting.put_nowait((name, identity, run.packed()))
        except (TypeError, ValueError, RecursionError) as exc:
            self._fail(f"{type(exc).__name__}: what a run was shown is no JSON")
        except queue.Full:
            self._fail("the disk does not keep up")
        else:
            return name
        return None

    def forget_through(self, name: str) -> None:
        """Forget this run and those before it; returns at once. If the disk does not keep up, they stay a while."""
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(name)

    def close(self) -> None:
        """Write what waits, for a few seconds at most. Blocks."""
        with contextlib.suppress(queue.Full):
            self._waiting.put(None, timeout=_CLOSE_SECONDS)
        self._thread.join(_CLOSE_SECONDS)

    def _write(self) -> None:
        """Until it is closed; the file is opened again after each failure."""
        connection: sqlite3.Connection | None = None
        while not self._is_ending:
            batch = self._batch()
            try:
                connection = connection or _opened(self._path)
                with connection:
                    connection.executemany(
                        "INSERT INTO run (name, identity, shown) VALUES (?, ?, ?)", batch.runs
                    )
                    connection.execute(
                        "DELETE FROM run WHERE run_id <= (SELECT max(run_id) FROM run) - ?",
                        (self._kept_runs,),
                    )
                    connection.execute(
                        "DELETE FROM run WHERE run_id <= (SELECT run_id FROM run WHERE name = ?)",
                        (batch.through,),
                    )
                if batch.runs:
                    self._recover()
            except (sqlite3.Error, OSError, JournalFileError) as exc:
                self._fail(_reason(exc))
                if connection is not None:
                    connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def _batch(self) -> _Batch:
        """What waits, once there is something; `None` in the queue is the end."""
        runs: list[tuple[str, UserId, bytes]] = []
        through: str | None = None
        each = self._waiting.get()
        while each is not None:
            if isinstance(each, str):
                through = each
            else:
                runs.append(each)
            try:
                each = self._waiting.get_nowait()
            except queue.Empty:
                return _Batch(runs, through)
        self._is_ending = True
        return _Batch(runs, through)

    def _fail(self, reason: str) -> None:
        if not self._is_failing:
            self._is_failing = True
            self._on_failure(reason)

    def _recover(self) -> None:
        if self._is_failing:
            self._is_failing = False
            self._on_recovery()


class CapturedRuns:
    """
    The reader's side, beside the daemon.

    Args:
        path: Of the file; without one there are no runs.

    Raises:
        JournalFileError: It is no capture, or of another version.
        JournalError: It cannot be read; also raised by each method.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_there = path.exists()
        if self._is_there:
            with self._reading() as connection:
                _require_capture(connection, path)

    def identities(self) -> Sequence[str]:
        """Those that have runs."""
        return [row[0] for row in self._rows("SELECT DISTINCT identity FROM run ORDER BY identity")]

    def find(self, identity: UserId, name: str) -> ShownRun | None:
        """The run that the journal calls so, if it was kept."""
        rows = self._rows("SELECT shown FROM run WHERE name = ? AND identity = ?", name, identity)
        try:
            return unpacked(rows[0][0]) if rows else None
        except (ValueError, TypeError, zlib.error) as exc:
            raise JournalFileError(f"run {name} is damaged", where=str(self._path), fix=_FIX) from exc

    def _rows(self, query: str, *values: str) -> list[Any]:
        if not self._is_there:
            return []
        with self._reading() as connection:
            return connection.execute(query, values).fetchall()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        uri = f"file:{quote(str(self._path))}?mode=ro"
        try:
            with contextlib.closing(
                sqlite3.connect(uri, uri=True, timeout=_BUSY_TIMEOUT_SECONDS)
            ) as connection:
                yield connection
        except sqlite3.Error as exc:
            raise JournalError(f"{self._path}: {exc}") from exc


def capture_size(folder: Path) -> int:
    """Bytes of the file in a state directory and of its log; of what is not there, none."""
    size = 0
    for name in (CAPTURE_NAME, f"{CAPTURE_NAME}-wal"):
        with contextlib.suppress(OSError):
            size += (folder / name).stat().st_size
    return size


def remove_capture(path: Path) -> bool:
    """
    Remove what was kept; whether there was anything.

    Raises:
        OSError: It cannot be removed.
    """
    was_there = path.exists()
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return was_there


def _opened(path: Path) -> sqlite3.Connection:
    """The file's modes are its log's, too."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_SECONDS)
    try:
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            connection.executescript(f"PRAGMA journal_mode = WAL; {_SCHEMA}")
        _require_capture(connection, path)
        # What a crash of the machine takes along is read again; what was pruned is not to be found in the file.
        connection.executescript("PRAGMA synchronous = OFF; PRAGMA secure_delete = ON;")
    except BaseException:
        connection.close()
        raise
    return connection


def _require_capture(connection: sqlite3.Connection, path: Path) -> None:
    try:
        found = tuple(
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
        )
    except sqlite3.DatabaseError as exc:
        raise JournalFileError(f"{exc.sqlite_errorname}: {exc}", where=str(path), fix=_FIX) from exc
    if found != (_APPLICATION_ID, _VERSION):
        raise JournalFileError("it is no capture of this version", where=str(path), fix=_FIX)


def _reason(exc: sqlite3.Error | OSError | JournalFileError) -> str:
    """Nobody's words: of SQLite's errors the name."""
    if isinstance(exc, sqlite3.Error):
        return getattr(exc, "sqlite_errorname", type(exc).__name__)
    return exc.problem if isinstance(exc, JournalFileError) else str(exc.strerror or type(exc).__name__)
