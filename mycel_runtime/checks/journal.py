"""The journal's file, opened so that nothing of it can change, also while the daemon writes it."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from mycel_runtime.checks.finding import Finding, errors_from, ok, skipped
from mycel_runtime.errors import JournalError, JournalFileError
from mycel_runtime.journal.log_link import require_own_log
from mycel_runtime.journal.schema import recognise
from mycel_runtime.journal.statements import MIGRATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BUSY_SECONDS: Final = 5.0

_LOOK_SECONDS: Final = 5.0
"""For `quick_check`, which reads the whole file."""

_STEPS: Final = 10_000
"""Of SQLite's machine between two looks at the time."""


def journal_findings(path: Path) -> list[Finding]:
    """
    Whether it opens, and in which version it is.

    Args:
        path: Of the file; it need not be there.
    """
    if not path.exists():
        return [ok("journal", "there is none yet; the first start makes it", subject=str(path))]
    try:
        require_own_log(path)
        with reading(path) as connection:
            version = recognise(connection, path)
            damage = _damage(connection)
    except (JournalFileError, JournalError) as exc:
        return errors_from("journal", exc, subject=str(path))
    except (sqlite3.Error, OSError) as exc:
        return errors_from("journal", JournalError(f"{path}: {exc}"), subject=str(path))
    if damage is not None and damage != "ok":
        refusal = JournalFileError(
            f"is damaged: {damage}", where=str(path), fix="Restore a backup into the state directory."
        )
        return errors_from("journal", refusal, subject=str(path))
    size = f"{sum(each.stat().st_size for each in _files(path)) / 1e6:.1f} MB"
    text = f"version {version} of {len(MIGRATIONS)}, {size}"
    if version < len(MIGRATIONS):
        text += "; the next start brings it up to date, after which an older program cannot open it"
    if damage is None:
        return [skipped("journal", f"{text}; too large to be read through in time", subject=str(path))]
    return [ok("journal", text, subject=str(path))]


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """
    A connection that leaves no trace.

    Without a log nobody writes, and an `immutable` file has none made beside it, as `mode=ro` would.
    """
    log = path.with_name(f"{path.name}-wal")
    how = "mode=ro" if log.exists() else "immutable=1"
    uri = f"file:{quote(str(path))}?{how}"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS)) as connection:
        yield connection


def _damage(connection: sqlite3.Connection) -> str | None:
    """What SQLite finds, `ok` if nothing; `None`: it did not get through in time."""
    deadline = time.monotonic() + _LOOK_SECONDS
    connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
    try:
        return str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.OperationalError as exc:
        if exc.sqlite_errorname == "SQLITE_INTERRUPT":
            return None
        raise
    finally:
        connection.set_progress_handler(None, 0)


def _files(path: Path) -> Iterator[Path]:
    for each in (path, path.with_name(f"{path.name}-wal")):
        if each.exists():
            yield each
