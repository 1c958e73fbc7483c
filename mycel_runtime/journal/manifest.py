"""What a backup of a journal is, as a value."""

from __future__ import annotations

from typing import Final

from mycel_runtime.lazy_dataclass import dataclass

MANIFEST_FORMAT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """
    What a backup is, without secrets.

    Attributes:
        made_at: Epoch seconds.
        program: Version of mycel-runtime that made it.
        schema: Version of the journal.
        identities: Whose work is in it, as SHA-256 of their ids.
        rows: By table.
        sha256, size: Of the backup's file; bytes.
    """

    made_at: float
    program: str
    schema: int
    identities: tuple[str, ...]
    rows: dict[str, int]
    sha256: str
    size: int
    format: int = MANIFEST_FORMAT
