"""What the guides say of the tree is true of it: links, files, tests, names, and blocks that something runs."""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
from typing import Final

import pytest

from tests.guide import LANGUAGES, ROOT, blocks, guides

README: Final = ROOT / "README.md"


def test_the_front_page_fits_on_three_screens():
    assert len(README.read_text().splitlines()) <= 150


def test_at_most_ten_promises_stand_in_front():
    assert 8 <= len(re.findall(r"^\| G\d \|", README.read_text(), re.MULTILINE)) <= 10


@pytest.mark.parametrize("path", guides(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_block_is_of_a_kind_that_is_run(path):
    """Indented fences and fences without a language would be overlooked."""
    found = blocks(path)
    assert [str(block) for block in found if block.language not in LANGUAGES] == []
    assert path.read_text().count("```") == 2 * len(found)


@pytest.mark.parametrize("path", guides(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path):
    """To a file, and where it says so to a heading of it."""
    links = re.findall(r"\]\((?!https?://)([^)#]*)(?:#([^)]+))?\)", path.read_text())
    places = [((path.parent / target) if target else path, heading) for target, heading in links]
    missing = [str(place) for place, _ in places if not place.exists()]
    missing += [
        f"{place}#{heading}" for place, heading in places if heading and heading not in anchors(place)
    ]
    assert missing == []


def anchors(path):
    """A page's headings, as links write them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_every_file_and_module_that_is_named_exists():
    """In prose and tables: tests, modules to be run, files of the package."""
    missing = []
    for path in guides():
        text = path.read_text()
        for name in re.findall(r"`((?:tests|config|systemd|plugins|mycel_runtime)/[\w@./-]*)`", text):
            missing += [f"{path.name}: {name}"] if not (ROOT / name).exists() else []
        for name in re.findall(r"python -m ((?:tests|mycel_runtime)\.[\w.]+)|`(tests\.[\w.]+)`", text):
            module = (name[0] or name[1]).rstrip(".")
            missing += [f"{path.name}: {module}"] if importlib.util.find_spec(module) is None else []
    assert missing == []


def test_every_test_that_is_named_exists():
    missing = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in guides()
        for name in re.findall(r"`(test_\w+)`", path.read_text())
        if name not in names_of_tests()
    ]
    assert missing == []


@functools.cache
def names_of_tests():
    """Every test function."""
    return {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


GLOSSARY: Final = re.findall(
    r"^\| ([\w, -]+) \| .* \| `((?:\w+/)+\w+\.py)` `(\w+)` \|$",
    (ROOT / "tests/README.md").read_text(),
    re.MULTILINE,
)


def test_glossary_is_in_order_and_read_whole():
    text = (ROOT / "tests/README.md").read_text().partition("## Glossary")[2]
    words = [word for word, _, _ in GLOSSARY]
    assert words == sorted(words)
    assert len(words) == len(re.findall(r"^\| ", text, re.MULTILINE)) - 2


@pytest.mark.parametrize(("word", "file", "name"), GLOSSARY, ids=[word for word, _, _ in GLOSSARY])
def test_every_word_of_the_glossary_lives_where_it_says(word, file, name):
    tree = ast.parse((ROOT / "mycel_runtime" / file).read_text())
    defined = {node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    defined |= {node.target.id for node in tree.body if isinstance(node, ast.AnnAssign)}
    assert name in defined
