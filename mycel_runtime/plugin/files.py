"""
Plugins that are files: each a module of its own, beside which others can be imported.

A plugin's folder is the last one on the module path, so that nothing of ours or of a library is hidden by it. A file
is imported under its own name where that name leads to it; else, and when it is loaded once more for another agent,
under a name that spells its path. Either way a process that multiprocessing spawns finds it, and its functions.
"""

from __future__ import annotations

import ast
import importlib
import sys
from importlib.abc import MetaPathFinder
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__path__: Final[list[str]] = []
"""Makes this module a package to the import system: `_PathSpellingFinder` finds what is below it."""


class HiddenModuleError(ImportError):
    """
    A plugin would import something else than the file beside it.

    Attributes:
        found: What it would import.
    """

    def __init__(self, name: str, found: str) -> None:
        self.found = found
        super().__init__(f"its `import {name}` finds {found}, not the {name} beside it", name=name)


class _PathSpellingFinder(MetaPathFinder):
    """Finds `mycel_runtime.plugin.files.PATH#NUMBER`."""

    @override
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        parent, _, spelled = fullname.rpartition(".")
        if parent != __name__:
            return None
        return spec_from_file_location(fullname, unquote(spelled.partition("#")[0]))


sys.meta_path.append(_PathSpellingFinder())


def import_file(path: Path) -> ModuleType:
    """
    Import a file as a module of its own.

    Args:
        path: Absolute.

    Raises:
        HiddenModuleError: What it imports is beside it, and hidden.
        BaseException: Whatever its code raises.
    """
    folder = str(path.parent)
    if folder not in sys.path:
        sys.path.append(folder)
    importlib.invalidate_caches()
    _require_visible(path)
    name = path.stem if _leads_to(path.stem, path) else _spelled(path)
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _leads_to(name: str, path: Path) -> bool:
    """Whether importing this name, which nobody has done yet, would import that file."""
    return name.isidentifier() and name not in sys.modules and _origin(name) == path.resolve()


def _spelled(path: Path) -> str:
    stem = f"{__name__}.{quote(str(path), safe='').replace('.', '%2E')}"
    number = 1
    while (name := f"{stem}#{number}") in sys.modules:
        number += 1
    return name


def _require_visible(path: Path) -> None:
    for name in _imported_names(path):
        beside = {(path.parent / file).resolve() for file in (f"{name}.py", f"{name}/__init__.py")}
        there = [file for file in beside - {path.resolve()} if file.is_file()]
        if there and (found := _origin(name)) not in there:
            raise HiddenModuleError(name, "a built-in module" if found is None else str(found))


def _imported_names(path: Path) -> Iterator[str]:
    """Of the modules that a file's own lines import; a file that is no Python says so when it is run."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _origin(name: str) -> Path | None:
    """The file that an import of this name leads to; `None`: to no file."""
    spec = None if name in sys.modules else find_spec(name)
    file = getattr(sys.modules.get(name), "__file__", None) if spec is None else spec.origin
    return None if file is None else Path(file).resolve()
