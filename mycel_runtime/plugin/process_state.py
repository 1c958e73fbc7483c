"""
What belongs to the process, and a plugin may have changed: put back after its import, and after its handlers' runs.

A working directory, a locale or a warning that became an error would else be every plugin's and the runtime's own; a
signal handler of a plugin's would keep the process from being stopped. While other handlers run, which may be in the
middle of something, only the signals are looked at. Isolated plugins have a process of their own to change.
"""

from __future__ import annotations

import contextlib
import gc
import locale
import os
import signal
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any, Final

import structlog

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.facts import ProcessStateRestored
from mycel_runtime.observe.library_logs import are_library_logs_kept, put_library_logs_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mycel_runtime.observe.observer import Observer

_OUR_SIGNALS: Final = (signal.SIGPIPE, signal.SIGCHLD)
"""Without which a peer that hangs up would kill us, or the end of a child would be lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aspect:
    """
    Something that there is once in a process.

    Attributes:
        name: For the log.
        read: Its state, comparable.
        write: Puts a state back.
        is_urgent: Also while other handlers run; written in any case, because not all changes can be seen.
    """

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]
    is_urgent: bool = False


def _working_directory() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - as it is, for `chdir`
    except FileNotFoundError:
        return None


def _is_of_a_library(warning_filter: tuple[Any, ...]) -> bool:
    """Whether it is about warnings of a library's own class: what it does with those is its business, and stays."""
    return bool(warning_filter[2].__module__ != "builtins")


def _read_warnings() -> tuple[Any, ...]:
    return tuple(each for each in warnings.filters if not _is_of_a_library(each)), warnings.showwarning


def _write_warnings(state: Any) -> None:
    filters, show = state
    of_libraries = [each for each in warnings.filters if _is_of_a_library(each)]
    warnings.resetwarnings()
    warnings.filters.extend([*of_libraries, *filters])  # type: ignore[attr-defined]  # a list, as documented
    warnings.showwarning = show


def _write_garbage_collection(state: Any) -> None:
    is_enabled, threshold = state
    (gc.enable if is_enabled else gc.disable)()
    gc.set_threshold(*threshold)


_ASPECTS: Final = (
    Aspect(name="working directory", read=_working_directory, write=os.chdir),
    Aspect(
        name="locale",
        read=lambda: locale.setlocale(locale.LC_ALL),
        write=lambda state: locale.setlocale(locale.LC_ALL, state),
    ),
    Aspect(
        name="warnings",
        read=_read_warnings,
        write=_write_warnings,
    ),
    Aspect(
        name="logging",
        read=are_library_logs_kept,
        write=lambda _: put_library_logs_back(),
    ),
    Aspect(
        name="structlog",
        read=structlog.get_config,
        write=lambda state: structlog.configure(**state),
    ),
    Aspect(
        name="garbage collection",
        read=lambda: (gc.isenabled(), gc.get_threshold()),
        write=_write_garbage_collection,
    ),
    Aspect(name="recursion limit", read=sys.getrecursionlimit, write=sys.setrecursionlimit),
    Aspect(
        name="signal handlers",
        read=lambda: tuple(map(signal.getsignal, _OUR_SIGNALS)),
        write=lambda state: [*map(signal.signal, _OUR_SIGNALS, state)],
        is_urgent=True,
    ),
)


class ProcessState:
    """
    The state of this process, remembered.

    Args:
        observer: Told, once for each plugin and aspect, what had to be put back.
    """

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._remembered = {aspect: aspect.read() for aspect in _ASPECTS}
        self._told: set[tuple[str, str]] = set()
        self._running = 0

    @contextlib.contextmanager
    def keeping(self, aspect: Aspect) -> Iterator[None]:
        """Remember something more while the block runs."""
        self._remembered[aspect] = aspect.read()
        try:
            yield
        finally:
            del self._remembered[aspect]

    @contextlib.contextmanager
    def entrusted_to(self, plugin: str) -> Iterator[None]:
        """A plugin's code runs in the block; what it leaves changed is put back."""
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            self._put_back(plugin)

    def _put_back(self, plugin: str) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for aspect, state in self._remembered.items():
            if self._running and not aspect.is_urgent:
                continue
            is_changed = aspect.read() != state
            if is_changed or aspect.is_urgent:
                with contextlib.suppress(OSError, ValueError, TypeError):
                    aspect.write(state)
            if is_changed and (plugin, aspect.name) not in self._told:
                self._told.add((plugin, aspect.name))
                self._observer.tell(ProcessStateRestored(plugin=plugin, aspect=aspect.name))


_current: ProcessState | None = None


def keep_process_state(observer: Observer) -> None:
    """From here on, what plugins change is put back."""
    global _current  # noqa: PLW0603 - there is one process
    _current = ProcessState(observer)


def keeping(aspect: Aspect) -> contextlib.AbstractContextManager[None]:
    """As of `ProcessState`; nothing, where no state is kept."""
    return contextlib.nullcontext() if _current is None else _current.keeping(aspect)


def entrusted_to(plugin: str) -> contextlib.AbstractContextManager[None]:
    """As of `ProcessState`; nothing, where no state is kept."""
    return contextlib.nullcontext() if _current is None else _current.entrusted_to(plugin)
