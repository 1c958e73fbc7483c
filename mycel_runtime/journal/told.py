"""The lines that say what a handler was told, beside those of the server's lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mycel_runtime.journal.ids import HandlerId

TOLD: Final = "!told "
"""Before a handler, in a `told_kind`."""


def told_kind(handler: HandlerId) -> str:
    """
    The kind of the lines that say which version of each thing a handler was told last.

    One without a key says that it was told what waited when it was new.
    """
    return f"{TOLD}{handler}"


BURIED: Final = " !buried "
"""In such a line, between a version and the entry whose delivery was given up with it."""


def told_version(line: str) -> str:
    """The version that such a line says, whether the handler was run on it or given up."""
    return line.partition(BURIED)[0]
