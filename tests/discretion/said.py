"""What people and agents have said, according to the local backends that they said it to."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import Final

OF_BACKEND: Final = "SELECT kind, body FROM record WHERE kind IN ('message', 'relationship', 'join_request')"

MAGIC: Final = b"SQLite format 3\0"
"""With which a database begins that holds anything."""


def is_database(path):
    """Whether SQLite wrote this file."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def said_in(database):
    """All texts in this database; `None` if it is no backend's, or a test has damaged it."""
    try:
        return _said_in(database)
    except sqlite3.DatabaseError:
        return None


def _said_in(database):
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'record'").fetchone():
            return None
        return {
            text for kind, body in connection.execute(OF_BACKEND) for text in _texts(kind, json.loads(body))
        }


def _texts(kind, record):
    return [record["content"]] if kind == "message" else [record["message"] or ""]
