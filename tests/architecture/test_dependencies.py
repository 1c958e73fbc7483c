"""What the runtime imports is what it asks to be installed: nothing by luck, nothing for nothing."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]

OURS: Final = frozenset({"mycel_runtime", "mycel_runtime_plugins", "my_plugin"})

NOT_IMPORTED: Final = frozenset({"sniffio"})
"""httpcore imports it, if it is there, and is slower without."""


TESTING: Final = ("mycel_runtime/testing", "plugins/template/tests")
"""What needs the extra `testing`."""


def declared(extra=None):
    """Normalised names of the distributions that pyproject.toml asks for, always or for an extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = project["dependencies"] if extra is None else project["optional-dependencies"][extra]
    return {normal(re.match(r"[\w.-]+", requirement)[0]) for requirement in asked}


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(*, for_tests):
    """Top-level names of what is imported when the code runs, with a file that does."""
    found = {}
    for folder in ("mycel_runtime", "plugins"):
        for path in (ROOT / folder).rglob("*.py"):
            if any(path.is_relative_to(ROOT / name) for name in TESTING) != for_tests:
                continue
            for node in running(ast.parse(path.read_text())):
                for name in names(node):
                    found.setdefault(name.partition(".")[0], path.name)
    return found


def running(tree):
    """Every node but those that only a type checker reads."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from running(node)


def names(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


def distributions(*, for_tests=False):
    """Of what is imported: the distribution of each name that is neither Python's nor ours."""
    known = packages_distributions()
    found = imported(for_tests=for_tests)
    foreign = {name: path for name, path in found.items() if name not in OURS | sys.stdlib_module_names}
    return {normal(known[name][0]): path for name, path in foreign.items()}


def test_everything_that_is_imported_is_asked_for():
    assert {name: path for name, path in distributions().items() if name not in declared()} == {}


def test_everything_that_is_asked_for_is_imported():
    assert declared() - set(distributions()) == NOT_IMPORTED


def test_the_extra_for_tests_is_what_they_import():
    """And nothing of it is what the runtime imports: pytest is the author's."""
    found = distributions(for_tests=True)
    assert {name: path for name, path in found.items() if name not in declared() | declared("testing")} == {}
    assert declared("testing") <= set(found)
