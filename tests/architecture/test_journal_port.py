"""Nobody but the journal itself knows which engine keeps it: the others know the port, and `engines.py` names one."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
JOURNAL: Final = "mycel_runtime.journal"
ENGINES: Final = f"{JOURNAL}.engines"
OWN_FILE: Final = "journal.sqlite3"

OF_ITS_OWN: Final = {
    f"{JOURNAL}.capture_file": "what runs were shown, in a file of the host beside any engine's journal",
    f"{JOURNAL}.disk_room": "how full a disk is",
}
"""Modules of the journal that know SQLite, or its errors, and no engine."""

MAY_NAME: Final = {
    (
        "mycel_runtime.daemon.upkeep.backup_folder",
        f"{JOURNAL}.sqlite.backup",
    ): "how the files of backups are called",
    ("mycel_runtime.testing.agent", f"{JOURNAL}.sqlite.loop_journal"): "a test of handlers chooses no engine",
}

MAY_USE_SQLITE: Final = {
    "mycel_runtime.backend.storage": "the world of the local backend",
    "mycel_runtime.checks.checkup": "whether the library of this Python is sound",
    "mycel_runtime.daemon.metrics.process_metrics": "which library this Python has",
}


def modules():
    """Every module's name, parsed."""
    for folder in (ROOT / "mycel_runtime", ROOT / "plugins" / "mycel_runtime_plugins"):
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder.parent).with_suffix("").parts
            yield ".".join(parts).removesuffix(".__init__"), ast.parse(path.read_text())


def running(tree):
    """Every node but those that only a type checker reads."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from running(node)


def imported(tree):
    """Full names of what a module imports when it runs; of `from a import b` both `a` and `a.b`."""
    for node in running(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def texts(tree):
    """What a module says that is no docstring."""
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and is_text(node.value)}
    return [node.value for node in ast.walk(tree) if is_text(node) and id(node) not in docs]


def is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


LIBRARIES: Final = {"sqlite3", "psycopg"}

IMPORTED: Final = {name: set(imported(tree)) for name, tree in modules()}


def is_within(name):
    return name == JOURNAL or name.startswith(f"{JOURNAL}.")


def of_an_engine():
    """The journal's modules that cannot be imported without an engine's library."""
    found = {name for name, names in IMPORTED.items() if is_within(name) and names & LIBRARIES}
    while more := {
        name for name, names in IMPORTED.items() if is_within(name) and name not in found and names & found
    }:
        found |= more
    return found - OF_ITS_OWN.keys() - {ENGINES}


def verbs():
    """What the engines have in common."""
    return {name for name in IMPORTED if name.startswith(f"{JOURNAL}.verbs")}


def test_verbs_know_no_engine():
    assert f"{JOURNAL}.verbs.claims" in verbs()
    assert not verbs() & of_an_engine()


def test_nobody_else_names_an_engines_part():
    parts = of_an_engine() | verbs()
    assert {
        f"{JOURNAL}.sqlite.journal",
        f"{JOURNAL}.sqlite.reader",
        f"{JOURNAL}.lock",
    } <= parts
    assert {f"{JOURNAL}.postgres.journal", f"{JOURNAL}.postgres.reader"} <= parts
    named = {
        (name, part) for name, names in IMPORTED.items() if not is_within(name) for part in names & parts
    }

    assert named == MAY_NAME.keys()


def test_nobody_else_uses_its_library():
    users = {name for name, names in IMPORTED.items() if names & LIBRARIES and not is_within(name)}

    assert users == MAY_USE_SQLITE.keys()


def test_nobody_else_names_its_file():
    """A state directory is known by it (`daemon/state_dir.py`), which asks the journal for the name."""
    named = {
        name
        for name, tree in modules()
        for text in texts(tree)
        if OWN_FILE in text and name != f"{JOURNAL}.file_name"
    }

    assert named == set()


def test_a_port_knows_no_engine():
    """Not even for its types' sake."""
    parts = of_an_engine()
    for name, tree in modules():
        if name.startswith(f"{JOURNAL}.port"):
            every = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
            assert not every & parts, name
