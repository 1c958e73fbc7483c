"""Something that takes longer than a second, told while it does."""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import TYPE_CHECKING, Final

import click

from mycel_runtime.errors import MycelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SOON_SECONDS: Final = 1.0


@contextlib.contextmanager
def waiting_for(what: str) -> Iterator[None]:
    """
    Show what is waited for, on standard error if that is a terminal, while the block runs.

    Args:
        what: Words of ours.
    """
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield


@contextlib.contextmanager
def told_if_long(why: Callable[[], str]) -> Iterator[None]:
    """
    Say a line on standard error if the block takes longer than a second.

    Args:
        why: What is waited for, and until when; empty: nothing that anybody should know. Asked in another thread.
    """
    is_over = threading.Event()

    def tell() -> None:
        if is_over.wait(_SOON_SECONDS):
            return
        with contextlib.suppress(MycelError):
            if (line := why()) and not is_over.is_set():
                click.echo(line, err=True)

    threading.Thread(target=tell, name="told-if-long", daemon=True).start()
    try:
        yield
    finally:
        is_over.set()
