"""An import that takes long is told while it does: a start that hangs without a word looks like one of ours."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Final

from mycel_runtime.observe.facts import PluginImporting, PluginImportSlow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mycel_runtime.observe.observer import Observer

SLOW_SECONDS: Final = 5.0
"""Until an import is told to be slow, and between two times that it is."""


@contextlib.contextmanager
def watched_import(plugin: str, observer: Observer) -> Iterator[None]:
    """Tell of the import in the block: before it, and now and then while it goes on."""
    observer.tell(PluginImporting(plugin=plugin))
    ended = threading.Event()
    watcher = threading.Thread(
        target=_watch, args=(plugin, observer, ended), name=f"import-{plugin}", daemon=True
    )
    watcher.start()
    try:
        yield
    finally:
        ended.set()


def _watch(plugin: str, observer: Observer, ended: threading.Event) -> None:
    seconds = SLOW_SECONDS
    while not ended.wait(SLOW_SECONDS):
        observer.tell(PluginImportSlow(plugin=plugin, seconds=seconds))
        seconds += SLOW_SECONDS
