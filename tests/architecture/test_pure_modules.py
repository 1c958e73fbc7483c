"""A module that calls itself pure is held to it: by the import contract, and by what it calls."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]

PURE = re.compile(r"\bpure\b", re.IGNORECASE)

TELL_OF_OTHERS: Final = {"mycel_runtime.backend", "mycel_runtime.sdk"}
"""Packages whose front page says which of their modules is pure."""

OUTSIDE_WORLD: Final = re.compile(
    r"open|print|input|os\.\w+|uuid[14]|(.*\.)?(date|datetime)\.(now|utcnow|today)"
    r"|.*\.(read_text|read_bytes|write_text|write_bytes|exists|is_file)|uuid\.\w+"
)
"""Calls that read a clock, dice, files or the environment without any import that the contract forbids."""


def contract():
    """The modules of the contract *Pure modules*; a package stands for all that is in it."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (pure,) = (each for each in contracts if each["name"] == "Pure modules")
    return pure["source_modules"]


def modules():
    """Each module of the runtime by its dotted name."""
    for path in sorted((ROOT / "mycel_runtime").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts).removesuffix(".__init__"), ast.parse(path.read_text())


def claims_purity(tree):
    """Whether the module, or anything in it, is called pure."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = (node for node in ast.walk(tree) if isinstance(node, documented))
    return any(PURE.search(ast.get_docstring(node) or "") for node in nodes)


def is_held(module, by):
    return any(module == each or module.startswith(f"{each}.") for each in by)


def impure_calls(tree):
    """What is called that looks at the world."""
    names = (ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute | ast.Name))
    return [name for name in names if OUTSIDE_WORLD.fullmatch(name)]


def test_no_module_calls_itself_pure_without_being_in_the_contract():
    held = contract()
    claiming = {module for module, tree in modules() if claims_purity(tree)}
    assert [module for module in sorted(claiming - TELL_OF_OTHERS) if not is_held(module, held)] == []


def test_every_module_of_the_contract_exists():
    """A renamed one would drop out of it without a word."""
    existing = {module for module, _ in modules()}
    assert [module for module in contract() if module not in existing] == []


def test_pure_modules_look_at_no_clock_and_no_file():
    held = contract()
    assert [
        f"{module}: {name}"
        for module, tree in modules()
        if is_held(module, held)
        for name in impure_calls(tree)
    ] == []


@pytest.mark.parametrize(
    ("code", "seen"),
    [
        ("datetime.now(tz=UTC)", ["datetime.now"]),
        ("datetime.datetime.utcnow()", ["datetime.datetime.utcnow"]),
        ("open(path)", ["open"]),
        ("os.environ['X']", ["os.environ"]),
        ("path.read_text()", ["path.read_text"]),
        ("clock() + self.now + reopen(now)", []),
        ("datetime.fromtimestamp(seconds, UTC)", []),
    ],
)
def test_a_look_at_the_world_would_be_noticed(code, seen):
    assert impure_calls(ast.parse(code)) == seen


def test_a_claim_would_be_noticed():
    assert claims_purity(ast.parse('"""How long. Pure."""'))
    assert claims_purity(ast.parse('def f():\n    """Pure: no clock."""'))
    assert not claims_purity(ast.parse('"""Purely for people."""'))
