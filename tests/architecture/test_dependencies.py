"""What the runtime imports is what it asks to be installed: nothing by luck, nothing for nothing."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]

OURS: Final = frozenset({"mycel_runtime", "mycel_runtime_plugins", "my_plugin"})

NOT_IMPORTED: Final = frozenset({"sniffio"})
"""httpcore imports it, and is slower without."""


EXTRAS: Final = {
    "testing": ("mycel_runtime/testing", "plugins/template/tests"),
    "mcp": ("mycel_runtime/mcp_server",),
    "otel": ("mycel_runtime/daemon/tracing",),
    "postgres": ("mycel_runtime/journal/postgres",),
    "socks": ("mycel_runtime/sdk/socks.py",),
}
"""What needs which extra."""

NOT_IMPORTED_OF_EXTRAS: Final = {"socks": {"python-socks"}}
"""websockets imports it, for streams."""


NAMESPACES: Final = {
    "opentelemetry.exporter.otlp.proto.http": "opentelemetry-exporter-otlp-proto-http",
    "opentelemetry.sdk": "opentelemetry-sdk",
    "opentelemetry": "opentelemetry-api",
}
"""Packages into which several distributions put theirs, the longer names first."""


def declared(extra=None):
    """Normalised names of the distributions that pyproject.toml asks for, always or for an extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = project["dependencies"] if extra is None else project["optional-dependencies"][extra]
    return {normal(re.match(r"[\w.-]+", requirement)[0]) for requirement in asked}


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def extra_of(path):
    """The extra that a file needs; `None`: none."""
    return next((extra for extra, parts in EXTRAS.items() if any(map(path.is_relative_to, parts))), None)


def imported(extra):
    """Top-level names of what is imported when the code runs that needs this extra, with a file that does."""
    found = {}
    for folder in ("mycel_runtime", "plugins"):
        for path in (ROOT / folder).rglob("*.py"):
            if extra_of(path.relative_to(ROOT)) != extra:
                continue
            for node in running(ast.parse(path.read_text())):
                for name in names(node):
                    found.setdefault(package_of(name), path.name)
    return found


def package_of(name):
    """What of a module's name tells its distribution."""
    return next((each for each in NAMESPACES if f"{name}.".startswith(f"{each}.")), name.partition(".")[0])


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


def distributions(extra=None):
    """Of what is imported: the distribution of each name that is neither Python's nor ours."""
    known = packages_distributions()
    found = imported(extra)
    foreign = {name: path for name, path in found.items() if name not in OURS | sys.stdlib_module_names}
    return {NAMESPACES.get(name) or normal(known[name][0]): path for name, path in foreign.items()}


def test_everything_that_is_imported_is_asked_for():
    assert {name: path for name, path in distributions().items() if name not in declared()} == {}


def test_everything_that_is_asked_for_is_imported():
    assert declared() - set(distributions()) == NOT_IMPORTED


@pytest.mark.parametrize("extra", EXTRAS)
def test_each_extra_is_what_the_code_imports_that_needs_it(extra):
    """And nothing of it is what the runtime imports without it: pytest is the author's, for example."""
    found = distributions(extra)
    assert {name: path for name, path in found.items() if name not in declared() | declared(extra)} == {}
    assert declared(extra) - set(found) == NOT_IMPORTED_OF_EXTRAS.get(extra, set())
