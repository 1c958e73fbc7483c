"""What style.md promises of the tree as a whole, held by the tree itself."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("mycel_runtime", "plugins/mycel_runtime_plugins")

NOT_OURS: Final = {"build", "dist", "state", "node_modules", "__pycache__"}
"""Folders that tools make; what begins with a dot is theirs too, but for `.ci`."""

NAMELESS: Final = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}

TASK_STARTERS: Final = {"create_task", "ensure_future"}

FOREIGN_WORDS: Final = (
    re.compile(r"/(?:root|work|Users)/"),
    re.compile(r"/home/(?!you\b|agent\b)\w+"),
    re.compile(r"/opt/(?:pypi|wheels)"),
    re.compile(r"pypi\.org|pythonhosted\.org|index[-_]url|find[-_]links", re.IGNORECASE),
)
"""Paths of one machine, and where packages come from: both are the reader's business."""


def sources():
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def files(folder=ROOT):
    """Every file that belongs to the project; not from git, which a machine that runs the tests may lack."""
    for path in sorted(folder.iterdir()):
        if path.name in NOT_OURS or (path.name.startswith(".") and path.name not in {".ci", ".gitignore"}):
            continue
        if path.is_dir():
            yield from files(path)
        else:
            yield path


def name(path):
    return str(path.relative_to(ROOT))


def trees():
    """Every module's name, parsed."""
    return [(path, ast.parse(path.read_text())) for path in sources()]


def test_import_contracts_hold():
    result = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_module_says_what_it_is_for():
    assert [name(path) for path, tree in trees() if not (ast.get_docstring(tree) or "").strip()] == []


def test_every_module_is_named_after_its_noun():
    assert [name(path) for path in sources() if NAMELESS & {path.stem, path.parent.name}] == []


STRAY_TASKS = {
    # One that catches its cancellation would keep its group for ever.
    (
        "mycel_runtime/dispatch/run.py: "
        "loop.create_task(_as_value(call, handler, context), name=f'handler-{handler.id}')"
    ),
}


def test_every_task_belongs_to_a_group_and_has_a_name():
    """A task of the loop's own is lost with its exception; one without a name cannot be told in a dump."""
    found = {
        f"{name(path)}: {ast.unparse(node)}"
        for path, tree in trees()
        for node in ast.walk(tree)
        if is_stray_task(node)
    }
    assert found == STRAY_TASKS


def is_stray_task(node):
    if isinstance(node, ast.ImportFrom):
        return node.module == "asyncio" and bool(TASK_STARTERS & {alias.name for alias in node.names})
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    if node.func.attr not in TASK_STARTERS:
        return False
    of_a_group = not re.search(r"asyncio|loop", ast.unparse(node.func.value))
    has_name = "name" in {keyword.arg for keyword in node.keywords}
    return not (of_a_group and has_name and node.func.attr == "create_task")


@pytest.mark.parametrize(
    ("code", "stray"),
    [
        ("asyncio.create_task(work(), name='x')", True),
        ("asyncio.ensure_future(work())", True),
        ("asyncio.get_running_loop().create_task(work(), name='x')", True),
        ("loop.create_task(work(), name='x')", True),
        ("tasks.create_task(work())", True),
        ("from asyncio import create_task", True),
        ("tasks.create_task(work(), name='x')", False),
        ("from asyncio import TaskGroup", False),
    ],
)
def test_stray_task_would_be_noticed(code, stray):
    assert any(is_stray_task(node) for node in ast.walk(ast.parse(code))) is stray


def test_nobody_draws_from_dice_that_a_plugin_may_seed():
    """The global generator, or one that is seeded: all instances would wait in step, and so come back in step."""
    found = [
        f"{name(path)}:{node.lineno}"
        for path, tree in trees()
        for node in ast.walk(tree)
        if is_seedable(node)
    ]
    assert found == []


def is_seedable(node):
    if isinstance(node, ast.ImportFrom):
        return node.module == "random" and {alias.name for alias in node.names} != {"SystemRandom"}
    is_of_module = isinstance(node, ast.Attribute) and ast.unparse(node.value) == "random"
    return is_of_module and node.attr != "SystemRandom"


@pytest.mark.parametrize(
    ("code", "seedable"),
    [
        ("random.random()", True),
        ("draw = random.uniform", True),
        ("random.Random(7)", True),
        ("from random import random", True),
        ("random.SystemRandom().random()", False),
        ("from random import SystemRandom", False),
    ],
)
def test_seedable_dice_would_be_noticed(code, seedable):
    assert any(is_seedable(node) for node in ast.walk(ast.parse(code))) is seedable


def test_root_package_is_not_imported_from_inside():
    """That one line is how packages get their circles. Plugins are outside."""
    assert [
        f"{name(path)}:{node.lineno}"
        for path, tree in trees()
        if path.is_relative_to(ROOT / "mycel_runtime")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.level or node.module == "mycel_runtime")
    ] == []


def test_bundled_plugins_import_public_names_only():
    public = {"mycel_runtime", "mycel_runtime.sdk", "mycel_runtime.plugin", "mycel_runtime.testing"}
    for path in (ROOT / "plugins").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [node.module] if isinstance(node, ast.ImportFrom) else []
            modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            ours = {module for module in modules if module and module.split(".")[0] == "mycel_runtime"}
            assert ours <= public, name(path)


def test_no_file_names_a_machine_or_a_registry():
    found = [
        f"{name(path)}:{number}: {pattern.pattern}"
        for path in files()
        for number, line in enumerate(path.read_bytes().decode(errors="replace").splitlines(), start=1)
        for pattern in FOREIGN_WORDS
        if pattern.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    "stray", ["uv.lock", ".python-version", "poetry.lock", "setup.py", "requirements.txt"]
)
def test_one_tool_per_job(stray):
    """pip and `constraints.txt` pin, `pyproject.toml` describes."""
    assert not (ROOT / stray).exists()


def test_every_pin_is_exact_and_of_a_package_only():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert lines[0].startswith("# ")
    pins = [re.fullmatch(r"([A-Za-z0-9._-]+)==[0-9][A-Za-z0-9.]*", line) for line in lines[1:]]
    assert all(pins)
    assert not {"pip", "setuptools", "wheel", "mycel-runtime"} & {pin[1].lower() for pin in pins if pin}


def test_make_and_tests_set_up_the_same_reference_clients():
    """`make peers` and `tests/conftest.py` both build them; whoever comes first decides."""
    pin = re.compile(r"mycel-(?:sdk|cli)==[\d.]+")
    made = pin.findall((ROOT / "Makefile").read_text())
    tested = pin.findall((ROOT / "tests" / "conftest.py").read_text())
    assert made == tested == ["mycel-sdk==0.1.45", "mycel-sdk==0.1.83", "mycel-cli==0.1.83"]
