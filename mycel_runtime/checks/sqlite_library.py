"""The SQLite that this Python has been linked with. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mycel_runtime.checks.finding import Finding, error, ok, warning
from mycel_runtime.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Sequence

_NEEDED: Final = (3, 37, 0)
"""For STRICT tables and RETURNING."""

_MENDED: Final = {(3, 44): 6, (3, 50): 7, (3, 51): 3}
"""Releases in which the WAL-reset bug (3.7.0 to 3.51.2) was mended, by their series; all series after them too."""


def sqlite_finding(version: Sequence[int]) -> Finding:
    """
    What is to be said of a version, as of `sqlite3.sqlite_version_info`.

    The bug loses commits when two connections write or checkpoint one file in the same instant. The daemon has one.
    """
    major, minor, patch = version[:3]
    text = f"SQLite {major}.{minor}.{patch}"
    if (major, minor, patch) < _NEEDED:
        needed = ".".join(map(str, _NEEDED))
        fix = "Use a Python that is linked with a newer one."
        return error("sqlite", f"{text}, and {needed} is needed", fix, exit_code=JournalError.exit_code)
    mended_in = _MENDED.get((major, minor))
    is_mended = (major, minor) > max(_MENDED) or (mended_in is not None and patch >= mended_in)
    if is_mended:
        return ok("sqlite", text)
    return warning(
        "sqlite",
        f"{text} can damage a file that two programs write in the same instant (mended in 3.44.6, 3.50.7, 3.51.3);"
        " the daemon alone writes its journal",
        "Let no other program open the journal to write; a Python with a newer SQLite is safe against that too.",
    )
