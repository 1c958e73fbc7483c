"""The journal, looked at so that nothing of it can change, also while the daemon writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.checks.finding import Finding, errors_from, ok, skipped
from mycel_runtime.errors import JournalError, JournalFileError

if TYPE_CHECKING:
    from mycel_runtime.journal.port.engine import JournalEngine


def journal_findings(engine: JournalEngine) -> list[Finding]:
    """
    Whether it opens, and in which version it is.

    Args:
        engine: Keeps the journal, which need not be there.
    """
    try:
        found = engine.inspect()
    except (JournalFileError, JournalError) as exc:
        return errors_from("journal", exc, subject=engine.where)
    if found is None:
        return [ok("journal", "there is none yet; the first start makes it", subject=engine.where)]
    text = f"version {found.version} of {found.newest_version}, {found.size / 1e6:.1f} MB"
    if found.version < found.newest_version:
        text += "; the next start brings it up to date"
        # A database serves the version before, too.
        text += ", after which an older program cannot open it" if engine.files else ""
    if not found.was_read_through:
        return [skipped("journal", f"{text}; too large to be read through in time", subject=engine.where)]
    return [ok("journal", text, subject=engine.where)]
