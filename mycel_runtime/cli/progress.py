"""Something that takes longer than a second, shown while it does: on a terminal only."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def waiting_for(what: str) -> Iterator[None]:
    """
    Show what is waited for, on standard error, while the block runs.

    Args:
        what: Words of ours.
    """
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield
