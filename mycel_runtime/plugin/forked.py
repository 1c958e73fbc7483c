"""
A process that a handler forks ends where its run ends.

Else an exception in it, `SystemExit` included, would be taken for the handler's, and the copy of the runtime would go
on as a second one: on the same connections, with the same journal.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def ending_forks() -> Iterator[None]:
    """In a process that was forked in this block, the end of the block is the end."""
    pid = os.getpid()
    raised: BaseException | None = None
    try:
        yield
    except BaseException as exc:
        raised = exc
        raise
    finally:
        if os.getpid() != pid:
            _exit(raised)


def _exit(raised: BaseException | None) -> None:
    """As the interpreter would, without what it does for those that it was forked from."""
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    if isinstance(raised, SystemExit) and (raised.code is None or isinstance(raised.code, int)):
        os._exit((raised.code or 0) & 0xFF)
    os._exit(0 if raised is None else 1)
