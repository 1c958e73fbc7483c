"""The named statements and migrations of the embedded engine, read from `sql/` once."""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping


def execute(connection: sqlite3.Connection, name: str, values: Mapping[str, Any]) -> sqlite3.Cursor:
    """Run the statement of this name."""
    return connection.execute(_QUERIES[name], values)


def _load_queries() -> dict[str, str]:
    text = (resources.files("mycel_runtime.journal") / "sql" / "queries.sql").read_text()
    parts = re.split(r"^-- name: (\w+)$", text, flags=re.MULTILINE)
    return {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def _load_migrations() -> list[str]:
    folder = resources.files("mycel_runtime.journal") / "sql" / "migrations"
    steps = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda f: f.name)
    return [step.read_text() for step in steps]


_QUERIES: Final = _load_queries()

MIGRATIONS: Final = _load_migrations()
"""In order; a journal's `user_version` says how many of them it has seen."""
