"""
What libraries import where it happens to be installed, and no daemon ever uses: left out when they are imported.

structlog shows tracebacks by rich where it can, and httpx has a command line that rich draws; the daemon's own lines
need neither. rich, with the pygments and the attrs that it brings, is a tenth of the memory of a daemon's process.
Whoever imports rich later gets it, plugins too.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OPTIONAL: Final[Mapping[str, str]] = MappingProxyType({"structlog": "rich", "httpx": "httpx._main"})
"""By library: what it imports at its own import, and is whole without."""


def import_without_optional() -> None:
    """Import these libraries; those that have been imported already stay as they are."""
    for library, optional in OPTIONAL.items():
        if library not in sys.modules:
            with _absent(optional):
                importlib.import_module(library)


@contextlib.contextmanager
def _absent(name: str) -> Iterator[None]:
    """Importing this module fails in the block, as if it were not installed, unless it is loaded already."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # so the language says it: "The import system", 5.3.1
    try:
        yield
    finally:
        del sys.modules[name]
