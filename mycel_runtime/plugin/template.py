"""
A new plugin's distribution, from a working one: `plugins/template`, whose name is replaced.

It is written beside its place and then put there: whole, or not at all.
"""

from __future__ import annotations

import importlib.util
import keyword
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME: Final = re.compile(r"[A-Za-z](?:[A-Za-z0-9]|[-_](?=[A-Za-z0-9])){0,29}")
"""Both a plugin's and a distribution's, and short enough for the template's lines."""

_TAKEN: Final = frozenset({"tests", "test"})
"""Modules that are there where nobody can see them: the tests of the distribution."""


def write_distribution(name: str, folder: Path) -> None:
    """
    Write a new plugin.

    Args:
        name: Of plugin, entry point and distribution; its module's, in lower case and with `_` for `-`.
        folder: Where to; must not be there yet.

    Raises:
        ArgumentError: The name cannot be used, or the folder is there, or cannot be made.
    """
    if folder.exists() or folder.is_symlink():
        raise ArgumentError(f"{folder} is there already", fix="Name another one with --folder, or remove it.")
    words = _words(name)
    try:
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.absolute().parent))
    except OSError as exc:
        raise _unwritable(folder, exc) from exc
    try:
        _write(words, made)
        made.chmod(0o777 & ~_umask())
        made.rename(folder)
    except OSError as exc:
        raise _unwritable(folder, exc) from exc
    finally:
        shutil.rmtree(made, ignore_errors=True)


def module_of(name: str) -> str:
    """
    The name of the package that has this plugin.

    Raises:
        ArgumentError: It cannot be one, or there is one of this name.
    """
    if not _NAME.fullmatch(name):
        raise ArgumentError(
            f"{name!r} is no name for a plugin",
            fix="Use letters and digits with single '-' or '_' between them, beginning with a letter, 30 at most.",
        )
    module = name.lower().replace("-", "_")
    if keyword.iskeyword(module) or module in sys.stdlib_module_names or module in _TAKEN:
        raise ArgumentError(
            f"{name!r} is no name for a plugin: {module!r} is Python's own", fix="Take another one."
        )
    if importlib.util.find_spec(module) is not None:
        raise ArgumentError(
            f"{name!r} is no name for a plugin: a module {module!r} is installed already",
            fix="Take another one.",
        )
    return module


def _words(name: str) -> dict[str, str]:
    """What is replaced in the template, by what."""
    module = module_of(name)
    return {"my-plugin": name, "my_plugin": module, "MyPlugin": module.title().replace("_", "")}


def _write(words: dict[str, str], folder: Path) -> None:
    template = template_folder()
    for path in _files(template):
        place = folder / _replaced(str(path.relative_to(template)), words)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(_replaced(path.read_text(encoding="utf-8"), words), encoding="utf-8")


def template_folder() -> Path:
    """Beside the bundled plugins in a checkout, within them where they are installed."""
    spec = importlib.util.find_spec("mycel_runtime_plugins")
    assert spec is not None
    assert spec.origin is not None
    bundled = Path(spec.origin).parent
    inside = bundled / "template"
    return inside if inside.is_dir() else bundled.parent / "template"


def _files(folder: Path) -> Iterator[Path]:
    """Without what tools leave behind."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in {"__pycache__", "build", "dist"}:
            continue
        if path.is_dir():
            yield from _files(path)
        else:
            yield path


def _replaced(text: str, words: dict[str, str]) -> str:
    return re.sub("|".join(words), lambda found: words[found[0]], text)


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def _unwritable(folder: Path, exc: OSError) -> ArgumentError:
    return ArgumentError(
        f"{folder} cannot be written: {exc.strerror}", fix="Name another place with --folder."
    )
